"""What template.yaml says about queues, bucket and functions, for one machine.

The system is defined once. This reads the part of it that a laptop needs, straight from the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured
from local.templates.deployment import CorsSpec, Deployment, FunctionSpec, MappingSpec, QueueSpec
from local.templates.intrinsics import UNKNOWN, Call
from local.templates.stack import Stack, open_stack
from local.templates.written import QUEUE, TEMPLATE, Function, Unfit, mapping

_STACK = "piecewise"
_BUCKET = "AWS::S3::Bucket"
_API = "AWS::ApiGatewayV2::Api"
_DEFAULT_VISIBILITY = 30  # SQS's own defaults, seconds
_DEFAULT_RETENTION = 345_600
_DEFAULT_TIMEOUT = 3  # Lambda's own defaults
_DEFAULT_MEMORY = 128
# How long something is kept, and for how much of it, each machine says for itself, in the same variables.
_OWN_AFFAIR = ("PIECEWISE_RETENTION_DAYS", "PIECEWISE_MAX_LIVE_JOBS", "PIECEWISE_MAX_LIVE_CHUNKS")


def load_template(path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None) -> Deployment:
    """The deployment a template describes; `parameters` stand above its defaults, as in a deploy.

    Raises Misconfigured: one line with the file, the place and the trouble.
    """
    return deployment_of(open_stack(path, parameters))


def deployment_of(stack: Stack) -> Deployment:
    """What a stack is to one machine. Raises Misconfigured: one line with the file, the place and the trouble."""
    try:
        return _Laptop(stack).deployment()
    except Unfit as error:
        raise Misconfigured(f"{stack.template.path}: {error}") from None


class _Laptop:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._values = replace(stack.values, named=self._name_of)

    def deployment(self) -> Deployment:
        functions = {room: self._function(each) for room, each in self._stack.template.functions.items()}
        if not self._queues or not functions:
            raise Unfit("Resources has no " + ("functions" if self._queues else "queues"))
        return Deployment(self._queues, self._bucket, functions, self._cors())

    @cached_property
    def _queues(self) -> dict[str, QueueSpec]:
        queues = {each[0]: self._queue(*each) for each in self._stack.resources(QUEUE)}
        for queue in queues.values():
            if queue.dead_letter is not None and queue.dead_letter not in queues:
                raise Unfit(f"{queue.logical_id}.RedrivePolicy points to {queue.dead_letter}, which is not a queue")
        return queues

    @cached_property
    def _bucket(self) -> str:
        names = [_named(logical_id) for logical_id, _ in self._stack.resources(_BUCKET)]
        if len(names) != 1:
            raise Unfit(f"Resources has {len(names)} buckets; one is needed")
        return names[0]

    def _queue(self, logical_id: str, properties: Mapping[str, Any]) -> QueueSpec:
        redrive = properties.get("RedrivePolicy")
        where = f"{logical_id}.RedrivePolicy"
        return QueueSpec(
            logical_id=logical_id,
            name=_named(logical_id),
            visibility_timeout=self._whole(properties, "VisibilityTimeout", logical_id, _DEFAULT_VISIBILITY),
            retention=self._whole(properties, "MessageRetentionPeriod", logical_id, _DEFAULT_RETENTION),
            dead_letter=_arn_of(mapping(redrive, where).get("deadLetterTargetArn"), where) if redrive else None,
            max_receive_count=self._whole(redrive, "maxReceiveCount", where) if redrive else None,
        )

    def _function(self, function: Function) -> FunctionSpec:
        return FunctionSpec(
            logical_id=function.logical_id,
            handler=function.handler,
            timeout=self._whole(function.properties, "Timeout", function.logical_id, _DEFAULT_TIMEOUT),
            memory=self._whole(function.properties, "MemorySize", function.logical_id, _DEFAULT_MEMORY),
            environment=dict(self._environment(function.environment)),
            declared=frozenset(function.environment),
            mappings=tuple(self._mapping(*each) for each in function.events("SQS")),
            schedule_seconds=function.schedule_seconds(),
        )

    def _environment(self, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        names = {self._bucket, *(queue.name for queue in self._queues.values())}
        for name, each in variables.items():
            value = str(self._values.of(each))
            if name not in _OWN_AFFAIR and (value in names or value.isdecimal()):
                yield name, value

    def _mapping(self, where: str, source: Mapping[str, Any]) -> MappingSpec:
        queue = _arn_of(source.get("Queue"), f"{where}.Queue")
        if queue not in self._queues:
            raise Unfit(f"{where}.Queue is {queue}, which is not a queue of the template")
        scaling = mapping(source.get("ScalingConfig", {}), f"{where}.ScalingConfig")
        return MappingSpec(
            queue_name=self._queues[queue].name,
            batch_size=self._whole(source, "BatchSize", where),
            window=self._whole(source, "MaximumBatchingWindowInSeconds", where, 0),
            maximum_concurrency=self._whole(scaling, "MaximumConcurrency", where) if scaling else None,
            report_batch_item_failures="ReportBatchItemFailures" in source.get("FunctionResponseTypes", ()),
        )

    def _cors(self) -> CorsSpec | None:
        found = [self._values.of(api.get("CorsConfiguration")) for _, api in self._stack.resources(_API)]
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
        raise Unfit(f"{where}.{key} is {'missing' if value is None else 'not a whole number'}")

    def _name_of(self, logical_id: str, attribute: str | None) -> object:
        if attribute == "QueueName" and logical_id in self._queues:
            return self._queues[logical_id].name
        if attribute is None and logical_id in self._stack.template.of_type(_BUCKET):
            return self._bucket
        return UNKNOWN


def _arn_of(value: object, where: str) -> str:
    """The logical id in `!GetAtt SomeQueue.Arn`."""
    match value:
        case Call("GetAtt", [str(resource), "Arn"]):
            return resource
    raise Unfit(f"{where} is not a !GetAtt of a queue's Arn")


def _named(logical_id: str) -> str:
    """CloudFormation would draw a name: `ChunkQueue` is `piecewise-chunk` here."""
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Queue"))
    return "-".join([_STACK, *words]).lower()
