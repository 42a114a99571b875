"""The templates, and the code beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from functions.core import settings
from functions.core.settings import FromEnvironment
from local.templates.deployment import Deployment
from local.templates.laptop import load_template
from local.templates.written import NESTED, Function, Template, read_template
from tests.infra.code import Code
from tests.infra.needs import Needs


@dataclass(frozen=True)
class World:
    """The templates, and the code beside them."""

    root: Template
    code: Code

    @classmethod
    def at(cls, folder: Path, code: Code) -> World:
        """The template of a folder, with what it has in `infra/`."""
        return cls(read_template(folder / "template.yaml"), code)

    @cached_property
    def nested(self) -> Mapping[str, Template]:
        """The stacks inside, by logical id."""
        inside = self.root.of_type(NESTED).items()
        return {key: read_template(self.root.path.parent / each["TemplateURL"]) for key, each in inside}

    @property
    def files(self) -> list[Template]:
        """All templates."""
        return [self.root, *self.nested.values()]

    @cached_property
    def needs(self) -> Needs:
        """What the rooms need."""
        return Needs(self.root, self.code)

    @cached_property
    def deployment(self) -> Deployment:
        """What a laptop makes of it."""
        return load_template(self.root.path)

    def settings_of(self, function: Function) -> list[type[FromEnvironment]]:
        """The settings that a function reads."""
        reached = {place.name for place in self.needs.reach(function) if place.module == settings.__name__}
        return [kind for kind in all_settings() if kind.__name__ in reached]


Check = Callable[[World], Iterator[str]]
"""Answers with what is wrong, one line each."""

Broken = Callable[..., World]
"""(file, (old, new), …) → the world of copies of the templates, with that replaced in the file."""


def all_settings() -> list[type[FromEnvironment]]:
    members = inspect.getmembers(settings, inspect.isclass)
    return [kind for _, kind in members if issubclass(kind, FromEnvironment) and kind is not FromEnvironment]
