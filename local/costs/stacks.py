"""The templates as a deployment would take them: conditions worked out, nested stacks opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from functions.core.errors import Misconfigured
from local.intrinsics import UNKNOWN, Loader, Values

NESTED = "AWS::CloudFormation::Stack"
GIVEN = "(only AWS has it)"
"""What a nested stack is handed where only AWS knows it: equal to nothing, and not empty."""


@dataclass(frozen=True)
class Stack:
    """A template and the values of its parameters."""

    path: Path
    raw: Mapping[str, Any]
    values: Values

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(logical id, properties) of the resources of a type that there will be; the properties as written."""
        for logical_id, resource in self.raw["Resources"].items():
            if resource["Type"] == kind and self.holds(resource.get("Condition")):
                yield logical_id, resource.get("Properties", {})

    def holds(self, condition: str | None) -> bool:
        """Whether a named condition holds; none always does, and one that only AWS can tell is taken to."""
        return condition is None or self.values.of(self.raw["Conditions"][condition]) is not False

    def nested(self) -> Iterator[Stack]:
        """The stacks inside, and theirs."""
        for _, properties in self.resources(NESTED):
            handed = {name: self.values.of(value) for name, value in properties.get("Parameters", {}).items()}
            known = {name: GIVEN if value is UNKNOWN else value for name, value in handed.items()}
            inner = open_stack(self.path.parent / str(properties["TemplateURL"]), known)
            yield inner
            yield from inner.nested()


def open_stack(path: Path, given: Mapping[str, Any] | None = None) -> Stack:
    """A template with `given` above its parameters' defaults. Raises Misconfigured for what it does not take."""
    raw = read_raw(path)
    declared = raw.get("Parameters", {})
    for name in given or {}:
        if name not in declared:
            raise Misconfigured(f"{path} has no parameter {name}; there are: {', '.join(declared)}")
    for name, value in (given or {}).items():
        _check(path, name, declared[name], value)
    chosen = {name: _chosen(parameter, (given or {}).get(name)) for name, parameter in declared.items()}
    return Stack(path, raw, Values(chosen, raw.get("Mappings", {}), raw.get("Conditions", {})))


def open_all(path: Path, given: Mapping[str, Any] | None = None) -> list[Stack]:
    """A template and every stack inside it."""
    root = open_stack(path, given)
    return [root, *root.nested()]


def read_raw(path: Path) -> dict[str, Any]:
    """A template as it is written. Raises Misconfigured."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("Resources"), dict):
        raise Misconfigured(f"{path}: Resources is missing")
    return raw


def _check(path: Path, name: str, parameter: Mapping[str, Any], value: Any) -> None:
    allowed = [str(each) for each in parameter.get("AllowedValues", ())]
    if allowed and str(value) not in allowed and value != GIVEN:
        raise Misconfigured(f"{path}: {name} is one of {', '.join(allowed)}, not {value}")
    least, most = float(parameter.get("MinValue", "-inf")), float(parameter.get("MaxValue", "inf"))
    if parameter["Type"] == "Number" and value != GIVEN:
        try:
            fits = least <= float(value) <= most
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise Misconfigured(f"{path}: {name} is a number from {least:g} to {most:g}, not {value}")


def _chosen(parameter: Mapping[str, Any], given: Any) -> Any:
    found = parameter.get("Default", UNKNOWN) if given is None else given
    return found.split(",") if parameter["Type"] == "CommaDelimitedList" and isinstance(found, str) else found
