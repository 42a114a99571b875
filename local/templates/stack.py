"""The templates as a deployment would take them: conditions worked out, nested stacks opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured
from local.templates.intrinsics import UNKNOWN, Call, Values
from local.templates.limits import GIVEN, troubles, values_of
from local.templates.written import NESTED, TEMPLATE, Template, Unfit, mapping, read_template


@dataclass(frozen=True)
class Stack:
    """A template and the values of its parameters."""

    template: Template
    values: Values

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(logical id, properties) of the resources of a type that there will be; the properties as written."""
        for logical_id, properties in self.template.of_type(kind).items():
            if self._holds(self.template.resources[logical_id].get("Condition")):
                yield logical_id, properties

    def nested(self) -> Iterator[Stack]:
        """The stacks inside, and theirs. Raises Misconfigured."""
        for _, properties in self.resources(NESTED):
            handed = self.values.of(properties.get("Parameters", {}))
            known = {name: GIVEN if value is UNKNOWN else value for name, value in handed.items()}
            inner = open_stack(self.template.path.parent / str(properties["TemplateURL"]), known)
            yield inner
            yield from inner.nested()

    def _holds(self, condition: str | None) -> bool:
        """Whether a named condition holds; none always does, and one that only AWS can tell is taken to."""
        return condition is None or self.values.of(Call("Condition", condition)) is not False


def open_stack(path: Path = TEMPLATE, given: Mapping[str, object] | None = None) -> Stack:
    """A template with `given` above its parameters' defaults. Raises Misconfigured for what it does not take."""
    template = read_template(path)
    try:
        declared = template.parameters
        if lines := troubles(declared, given or {}):
            raise Unfit("; ".join(lines))
        values = Values(
            values_of(declared, given or {}),
            mapping(template.raw.get("Mappings", {}), "Mappings"),
            mapping(template.raw.get("Conditions", {}), "Conditions"),
        )
    except Unfit as error:
        raise Misconfigured(f"{path}: {error}") from None
    return Stack(template, values)


def open_all(path: Path = TEMPLATE, given: Mapping[str, object] | None = None) -> list[Stack]:
    """A template and every stack inside it. Raises Misconfigured."""
    root = open_stack(path, given)
    return [root, *root.nested()]
