"""What rooms, functions and settings must agree on."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

from aws_lambda_powertools.shared import constants

from functions.core.settings import PREFIX, FromEnvironment
from local.templates.written import Function
from migrations.upgrade import revisions
from tests.infra.code import ROOT
from tests.infra.expressions import named, walk
from tests.infra.world import World, all_settings


def handlers(world: World) -> Iterator[str]:
    """Every handler can be imported and called, and every room is a function."""
    for function in world.root.functions.values():
        module, _, name = function.handler.rpartition(".")
        try:
            if not callable(getattr(importlib.import_module(module), name)):
                yield f"{function.logical_id}: {function.handler} cannot be called"
        except (ImportError, AttributeError) as error:
            yield f"{function.logical_id}: {function.handler} is not there: {error}"
    for path in sorted((ROOT / "functions").glob("*/handler.py")):
        if path.parent.name not in world.root.functions:
            yield f"the room {path.parent.name} is no function of the template"


def environment(world: World) -> Iterator[str]:
    """Each variable is read by somebody, and each setting that must be set is."""
    everywhere = world.needs.attributes(world.code.places())
    for name in world.root.raw["Globals"]["Function"]["Environment"]["Variables"]:
        setting = _setting(name)
        if not _is_known(name, all_settings()) or (setting and setting not in everywhere):
            yield f"Globals: nobody reads {name}"
    for function in world.root.functions.values():
        kinds = world.settings_of(function)
        own = world.root.resources[function.logical_id]["Properties"].get("Environment", {}).get("Variables", {})
        yield from (f"{function.logical_id}: nobody there reads {name}" for name in own if not _is_known(name, kinds))
        yield from (missing for kind in kinds for missing in _missing(function, kind))


def _missing(function: Function, kind: type[FromEnvironment]) -> Iterator[str]:
    for field, about in kind.model_fields.items():
        variable = f"{PREFIX}{field.upper()}"
        if about.is_required() and variable not in function.environment:
            yield f"{function.logical_id}: {variable} is not set, and {kind.__name__} needs it"


def functions(world: World) -> Iterator[str]:
    """Each has a role and a log of its own, waits for the migration, and signs in as nobody else."""
    seen: dict[str, str] = {}
    for function in world.root.functions.values():
        for what, value in (
            ("role", function.properties.get("Role")),
            ("log group", function.properties.get("LoggingConfig", {}).get("LogGroup")),
        ):
            name = next(iter(named(value)), "") if value is not None else ""
            if name not in world.root.resources:
                yield f"{function.logical_id} has no {what} of this template"
            elif name in seen:
                yield f"{function.logical_id} shares its {what} with {seen[name]}"
            else:
                seen[name] = function.logical_id
        awaited = world.root.resources[function.logical_id].get("DependsOn", ())
        if function.room != "migrate" and "Migration" not in ([awaited] if isinstance(awaited, str) else awaited):
            yield f"{function.logical_id} does not wait for Migration"


def migration(world: World) -> Iterator[str]:
    """The deploy brings the database to the newest revision, for the role that the functions sign in as."""
    head = world.root.resources["Migration"]["Properties"].get("Head")
    if head != revisions()[0]:
        yield f"Migration.Head is {head}; Alembic's head is {revisions()[0]}"
    role = world.root.functions["migrate"].environment.get(f"{PREFIX}APP_ROLE")
    for function in world.root.functions.values():
        url = " ".join(part for part in walk(function.environment[f"{PREFIX}DATABASE_URL"]) if isinstance(part, str))
        if re.search(r"//[^/@]*:[^/@]*@", url):
            yield f"{function.logical_id}: a password stands in {PREFIX}DATABASE_URL"
        if function.room != "migrate" and f"//{role}@" not in url:
            yield f"{function.logical_id} does not sign in as {role}, the role that the migration makes"


def _setting(variable: str) -> str | None:
    return variable.removeprefix(PREFIX).lower() if variable.startswith(PREFIX) else None


def _is_known(variable: str, kinds: list[type[FromEnvironment]]) -> bool:
    """Whether a settings class has it, or AWS's libraries."""
    name = _setting(variable)
    if name is None:
        return variable in vars(constants).values()
    return any(name in kind.model_fields for kind in kinds)
