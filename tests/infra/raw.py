"""The templates as they are written, and what the checks ask of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.costs.stacks import NESTED, read_raw
from local.intrinsics import Call

ROOT = Path(__file__).parents[2]
FUNCTION = "AWS::Serverless::Function"
QUEUE = "AWS::SQS::Queue"
_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True)
class Function:
    """A function, the Globals merged in."""

    logical_id: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]

    @property
    def handler(self) -> str:
        """The dotted name."""
        return str(self.properties["Handler"])

    @property
    def room(self) -> str:
        """`chunk_worker` of `functions.chunk_worker.handler.handler`."""
        return self.handler.split(".")[1]

    @property
    def environment(self) -> Mapping[str, Any]:
        """Variables and their values, as written."""
        return dict(self.properties["Environment"]["Variables"])

    def events(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """(name, properties) of the events of a type."""
        events = self.properties.get("Events", {})
        return [(name, event["Properties"]) for name, event in events.items() if event["Type"] == kind]


class Template:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = read_raw(path)
        self.lines = path.read_text(encoding="utf-8").splitlines()

    @property
    def name(self) -> str:
        """For messages."""
        return self.path.name

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """All, whatever their conditions."""
        resources: Mapping[str, Mapping[str, Any]] = self.raw["Resources"]
        return resources

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Properties by logical id."""
        return {key: each.get("Properties", {}) for key, each in self.resources.items() if each["Type"] == kind}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By the room's name."""
        common = self.raw.get("Globals", {}).get("Function", {})
        found = [
            Function(logical_id, _merged(common, each.get("Properties", {})), _listed(each.get("DependsOn", ())))
            for logical_id, each in self.resources.items()
            if each["Type"] == FUNCTION
        ]
        return {function.room: function for function in found}

    def nested(self) -> dict[str, Template]:
        """The stacks inside, by logical id."""
        return {key: Template(self.path.parent / each["TemplateURL"]) for key, each in self.of_type(NESTED).items()}


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    variables = {
        **common.get("Environment", {}).get("Variables", {}),
        **own.get("Environment", {}).get("Variables", {}),
    }
    return {**common, **own, "Environment": {"Variables": variables}}


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def walk(part: Any) -> Iterator[Any]:
    """Everything inside, intrinsic functions included."""
    yield part
    inside = part.argument if isinstance(part, Call) else part
    if isinstance(part, Call):
        yield from walk(inside)
    elif isinstance(inside, Mapping):
        for each in inside.values():
            yield from walk(each)
    elif isinstance(inside, list):
        for each in inside:
            yield from walk(each)


def named(value: Any) -> set[str]:
    """What an expression may be, in short: `ChunkQueue` for its Arn, `Documents/results/*`, a parameter's name.

    `!If` may be either of two; what a `!Sub` takes from AWS itself (partition, region, account) is left out.
    """
    match value:
        case Call("If", [_, then, otherwise]):
            return named(then) | named(otherwise)
        case Call("Ref", "AWS::NoValue"):
            return set()
        case Call("Ref", str(name)):
            return {name}
        case Call("Split", [_, text]):
            return named(text)
        case Call("GetAtt", [str(name), str(attribute)]):
            return {name if attribute == "Arn" else f"{name}.{attribute}"}
        case Call("Sub", argument):
            text, given = (argument, {}) if isinstance(argument, str) else argument
            return {_short(text, given)}
        case list():
            return set().union(*map(named, value))
        case str():
            return {value}
    return {repr(value)}


def _short(text: str, given: Mapping[str, Any]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name in given:
            return "|".join(sorted(named(given[name])))
        return "" if name.startswith("AWS::") else name.removesuffix(".Arn")

    return _SUBSTITUTED.sub(replaced, text)
