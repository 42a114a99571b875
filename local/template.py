"""What template.yaml says about queues, bucket and functions, for one machine.

The system is defined once. This reads the part of it that a laptop needs, straight from the file; whatever else the
template has is AWS's business and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from functions.core.errors import Misconfigured
from local.intrinsics import UNKNOWN, Call, Loader, Values

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
STACK = "piecewise"

_RATE = re.compile(r"rate\((\d+) (second|minute|hour|day)s?\)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_DEFAULT_VISIBILITY = 30  # SQS's own defaults, seconds
_DEFAULT_RETENTION = 345_600
_DEFAULT_TIMEOUT = 3  # Lambda's own defaults
_DEFAULT_MEMORY = 128


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue; times in seconds. `dead_letter` is the logical id of another queue of the deployment."""

    logical_id: str
    name: str
    visibility_timeout: int
    retention: int
    dead_letter: str | None
    max_receive_count: int | None


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """What feeds a function from a queue; `window` in seconds."""

    queue_name: str
    batch_size: int
    window: int
    maximum_concurrency: int | None
    report_batch_item_failures: bool


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function; `timeout` in seconds, `memory` in MB.

    `environment` has what holds on every machine: the names of queues and bucket, and the numbers. Who may call, which
    database and which model are each machine's own affair, and what only AWS has is not known here. `declared` has the
    names of all variables.
    """

    logical_id: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    declared: frozenset[str]
    mappings: tuple[MappingSpec, ...]
    schedule_seconds: int | None

    @property
    def name(self) -> str:
        """The room's: `chunk_worker` for `functions.chunk_worker.handler.handler`."""
        return self.handler.split(".")[1]


@dataclass(frozen=True, slots=True)
class CorsSpec:
    """The HTTP API's CorsConfiguration; `max_age` in seconds."""

    allow_origins: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age: int | None
    allow_credentials: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be created and run: queues by logical id, the bucket's name, functions by the room's name.

    `cors`: what pages of other origins may do; None where the template allows none.
    """

    queues: Mapping[str, QueueSpec]
    bucket: str
    functions: Mapping[str, FunctionSpec]
    cors: CorsSpec | None


def load_template(path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None) -> Deployment:
    """The deployment a template describes; `parameters` stand above its defaults, as in a deploy.

    Raises Misconfigured: one line with the file, the place and the trouble.
    """
    try:
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
        return _Template(_mapping(template, "the file"), parameters or {}).deployment()
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except _Unfit as error:
        raise Misconfigured(f"{path}: {error}") from None


class _Unfit(Exception):
    """The template lacks something, or has it in a form not known here."""


class _Template:
    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._resources = _mapping(template.get("Resources"), "Resources")
        general = _mapping(template.get("Globals", {}), "Globals")
        self._defaults = _mapping(general.get("Function", {}), "Globals.Function")
        declared = _mapping(template.get("Parameters", {}), "Parameters")
        if unknown := sorted(parameters.keys() - declared.keys()):
            raise _Unfit(f"Parameters has no {', '.join(unknown)}")
        self._values = Values(
            {name: _given(_mapping(each, name), parameters.get(name)) for name, each in declared.items()},
            _mapping(template.get("Mappings", {}), "Mappings"),
            _mapping(template.get("Conditions", {}), "Conditions"),
            self._name_of,
        )

    def deployment(self) -> Deployment:
        functions = [self._function(*each) for each in self._of_type("AWS::Serverless::Function")]
        if not self._queues or not functions:
            raise _Unfit("Resources has no " + ("functions" if self._queues else "queues"))
        return Deployment(self._queues, self._bucket, {each.name: each for each in functions}, self._cors())

    @cached_property
    def _queues(self) -> dict[str, QueueSpec]:
        queues = {each[0]: self._queue(*each) for each in self._of_type("AWS::SQS::Queue")}
        for queue in queues.values():
            if queue.dead_letter is not None and queue.dead_letter not in queues:
                raise _Unfit(f"{queue.logical_id}.RedrivePolicy points to {queue.dead_letter}, which is not a queue")
        return queues

    @cached_property
    def _bucket(self) -> str:
        names = [_named(logical_id) for logical_id, _ in self._of_type("AWS::S3::Bucket")]
        if len(names) != 1:
            raise _Unfit(f"Resources has {len(names)} buckets; one is needed")
        return names[0]

    def _of_type(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(logical id, properties) of the resources of a type."""
        for logical_id, resource in self._resources.items():
            if _mapping(resource, logical_id).get("Type") == kind:
                yield logical_id, _mapping(resource.get("Properties", {}), f"{logical_id}.Properties")

    def _queue(self, logical_id: str, properties: Mapping[str, Any]) -> QueueSpec:
        redrive = properties.get("RedrivePolicy")
        where = f"{logical_id}.RedrivePolicy"
        return QueueSpec(
            logical_id=logical_id,
            name=_named(logical_id),
            visibility_timeout=self._whole(properties, "VisibilityTimeout", logical_id, _DEFAULT_VISIBILITY),
            retention=self._whole(properties, "MessageRetentionPeriod", logical_id, _DEFAULT_RETENTION),
            dead_letter=_arn_of(_mapping(redrive, where).get("deadLetterTargetArn"), where) if redrive else None,
            max_receive_count=self._whole(redrive, "maxReceiveCount", where) if redrive else None,
        )

    def _function(self, logical_id: str, properties: Mapping[str, Any]) -> FunctionSpec:
        merged = {**self._defaults, **properties}
        handler = merged.get("Handler")
        if not isinstance(handler, str) or handler.count(".") < 2:
            raise _Unfit(f"{logical_id}.Handler is not a dotted name such as functions.api.handler.handler")
        events = _mapping(properties.get("Events", {}), f"{logical_id}.Events")
        variables = self._variables(properties, logical_id)
        return FunctionSpec(
            logical_id=logical_id,
            handler=handler,
            timeout=self._whole(merged, "Timeout", logical_id, _DEFAULT_TIMEOUT),
            memory=self._whole(merged, "MemorySize", logical_id, _DEFAULT_MEMORY),
            environment=self._environment(variables),
            declared=frozenset(variables),
            mappings=tuple(self._mapping_spec(at, source) for at, source in _events(events, "SQS", logical_id)),
            schedule_seconds=_schedule(events, logical_id),
        )

    def _variables(self, properties: Mapping[str, Any], logical_id: str) -> dict[str, Any]:
        variables: dict[str, Any] = {}
        for place in (self._defaults, properties):
            environment = _mapping(place.get("Environment", {}), f"{logical_id}.Environment")
            variables |= _mapping(environment.get("Variables", {}), f"{logical_id}.Environment.Variables")
        return variables

    def _environment(self, variables: Mapping[str, Any]) -> dict[str, str]:
        names = {self._bucket, *(queue.name for queue in self._queues.values())}
        values = {name: str(self._values.of(value)) for name, value in variables.items()}
        return {name: value for name, value in values.items() if value in names or value.isdecimal()}

    def _mapping_spec(self, where: str, source: Mapping[str, Any]) -> MappingSpec:
        queue = _arn_of(source.get("Queue"), f"{where}.Queue")
        if queue not in self._queues:
            raise _Unfit(f"{where}.Queue is {queue}, which is not a queue of the template")
        scaling = _mapping(source.get("ScalingConfig", {}), f"{where}.ScalingConfig")
        return MappingSpec(
            queue_name=self._queues[queue].name,
            batch_size=self._whole(source, "BatchSize", where),
            window=self._whole(source, "MaximumBatchingWindowInSeconds", where, 0),
            maximum_concurrency=self._whole(scaling, "MaximumConcurrency", where) if scaling else None,
            report_batch_item_failures="ReportBatchItemFailures" in source.get("FunctionResponseTypes", ()),
        )

    def _cors(self) -> CorsSpec | None:
        found = [self._values.of(each.get("CorsConfiguration")) for _, each in self._of_type("AWS::ApiGatewayV2::Api")]
        if not found or not isinstance(found[0], dict):
            return None
        cors = found[0]
        return CorsSpec(
            allow_origins=tuple(cors.get("AllowOrigins", ())),
            allow_methods=tuple(cors.get("AllowMethods", ())),
            allow_headers=tuple(cors.get("AllowHeaders", ())),
            expose_headers=tuple(cors.get("ExposeHeaders", ())),
            max_age=cors.get("MaxAge"),
            allow_credentials=bool(cors.get("AllowCredentials", False)),
        )

    def _whole(self, place: Mapping[str, Any], key: str, where: str, default: int | None = None) -> int:
        value = self._values.of(place.get(key, default))
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
        raise _Unfit(f"{where}.{key} is {'missing' if value is None else 'not a whole number'}")

    def _name_of(self, logical_id: str, attribute: str | None) -> object:
        if attribute == "QueueName" and logical_id in self._queues:
            return self._queues[logical_id].name
        if attribute is None and any(logical_id == each for each, _ in self._of_type("AWS::S3::Bucket")):
            return self._bucket
        return UNKNOWN


def _events(events: Mapping[str, Any], kind: str, logical_id: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, event in events.items():
        where = f"{logical_id}.Events.{name}"
        if _mapping(event, where).get("Type") == kind:
            yield where, _mapping(event.get("Properties", {}), where)


def _schedule(events: Mapping[str, Any], logical_id: str) -> int | None:
    for where, properties in _events(events, "Schedule", logical_id):
        match = _RATE.fullmatch(str(properties.get("Schedule")))
        if match is None:
            raise _Unfit(f"{where}.Schedule is not a rate such as rate(1 minute)")
        return int(match[1]) * _SECONDS[match[2]]
    return None


def _arn_of(value: object, where: str) -> str:
    """The logical id in `!GetAtt SomeQueue.Arn`."""
    match value:
        case Call("GetAtt", [str(resource), "Arn"]):
            return resource
    raise _Unfit(f"{where} is not a !GetAtt of a queue's Arn")


def _given(parameter: Mapping[str, Any], value: str | None) -> object:
    """What a parameter is: the value given, or its default; UNKNOWN without either."""
    found = parameter.get("Default", UNKNOWN) if value is None else value
    is_list = parameter.get("Type") == "CommaDelimitedList" and found is not UNKNOWN
    return str(found).split(",") if is_list else found


def _mapping(value: object, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Unfit(f"{where} is {'missing' if value is None else 'not a mapping'}")


def _named(logical_id: str) -> str:
    """CloudFormation would draw a name: `ChunkQueue` is `piecewise-chunk` here."""
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Queue"))
    return "-".join([STACK, *words]).lower()
