"""A template as it is written: nothing worked out, all its resources whatever their conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from functions.core.errors import Misconfigured
from local.templates.intrinsics import Call

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
FUNCTION = "AWS::Serverless::Function"
QUEUE = "AWS::SQS::Queue"
NESTED = "AWS::CloudFormation::Stack"

_RATE = re.compile(r"rate\((\d+) (second|minute|hour|day)s?\)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

if TYPE_CHECKING:
    _Safe = yaml.SafeLoader
else:  # libyaml's, ten times as fast, where PyYAML was built with it: every process of a laptop reads the template
    _Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unfit(Misconfigured):
    """A template lacks something, or has it in a form not known here; says the place, not the file."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, the Globals merged in."""

    logical_id: str
    properties: Mapping[str, Any]

    @property
    def handler(self) -> str:
        """The dotted name. Raises Unfit when it is none."""
        handler = self.properties.get("Handler")
        if isinstance(handler, str) and handler.count(".") >= 2:
            return handler
        raise Unfit(f"{self.logical_id}.Handler is not a dotted name such as functions.api.handler.handler")

    @property
    def room(self) -> str:
        """`chunk_worker` of `functions.chunk_worker.handler.handler`. Raises Unfit."""
        return self.handler.split(".")[1]

    @property
    def environment(self) -> Mapping[str, Any]:
        """Variables and their values, as written."""
        return dict(self.properties["Environment"]["Variables"])

    def events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(its place in the template, its properties) of the events of a type. Raises Unfit."""
        events = mapping(self.properties.get("Events", {}), f"{self.logical_id}.Events")
        for name, event in events.items():
            where = f"{self.logical_id}.Events.{name}"
            if mapping(event, where).get("Type") == kind:
                yield where, mapping(event.get("Properties", {}), where)

    def schedule_seconds(self) -> int | None:
        """Seconds from one event of its schedule to the next; None without one. Raises Unfit."""
        for where, properties in self.events("Schedule"):
            match = _RATE.fullmatch(str(properties.get("Schedule")))
            if match is None:
                raise Unfit(f"{where}.Schedule is not a rate such as rate(1 minute)")
            return int(match[1]) * _SECONDS[match[2]]
        return None


@dataclass(frozen=True)
class Template:
    """One file."""

    path: Path
    raw: Mapping[str, Any]

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """All, by logical id. Raises Unfit."""
        resources = mapping(self.raw.get("Resources"), "Resources")
        return {key: mapping(each, key) for key, each in resources.items()}

    @cached_property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """What it declares, by name. Raises Unfit."""
        declared = mapping(self.raw.get("Parameters", {}), "Parameters")
        return {name: mapping(each, name) for name, each in declared.items()}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties by logical id. Raises Unfit."""
        return {
            key: mapping(each.get("Properties", {}), f"{key}.Properties")
            for key, each in self.resources.items()
            if each.get("Type") == kind
        }

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By the room's name. Raises Unfit."""
        everywhere = mapping(mapping(self.raw.get("Globals", {}), "Globals").get("Function", {}), "Globals.Function")
        found = [Function(key, _merged(key, everywhere, own)) for key, own in self.of_type(FUNCTION).items()]
        return {function.room: function for function in found}


def read_template(path: Path = TEMPLATE) -> Template:
    """Raises Misconfigured: one line with the file and the trouble."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
        mapping(mapping(raw, "the file").get("Resources"), "Resources")
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except Unfit as error:
        raise Misconfigured(f"{path}: {error}") from None
    return Template(path, raw)


def mapping(value: object, where: str) -> dict[str, Any]:
    """The value. Raises Unfit when it is no mapping."""
    if isinstance(value, dict):
        return value
    raise Unfit(f"{where} is {'missing' if value is None else 'not a mapping'}")


class _Loader(_Safe):
    """YAML with CloudFormation's short forms."""


def _call(loader: _Loader, suffix: str, node: yaml.Node) -> Call:
    if isinstance(node, yaml.SequenceNode):
        return Call(suffix, loader.construct_sequence(node, deep=True))
    if isinstance(node, yaml.MappingNode):
        return Call(suffix, loader.construct_mapping(node, deep=True))
    return Call(suffix, str(node.value).split(".", 1) if suffix == "GetAtt" else str(node.value))


_Loader.add_multi_constructor("!", _call)


def _merged(logical_id: str, everywhere: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for place in (everywhere, own):
        environment = mapping(place.get("Environment", {}), f"{logical_id}.Environment")
        variables |= mapping(environment.get("Variables", {}), f"{logical_id}.Environment.Variables")
    return {**everywhere, **own, "Environment": {"Variables": variables}}
