"""The numbers of the templates that a bill depends on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured
from functions.core.model import Metric
from functions.core.settings import Settings
from local.costs.stacks import Stack, open_all
from local.intrinsics import UNKNOWN
from local.template import TEMPLATE

_FUNCTION = "AWS::Serverless::Function"
_RATE = re.compile(r"rate\((\d+) minutes?\)")
_DEFAULT_MEMORY = 128  # Lambda's own


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is deployed. Memory in MB by room; `endpoint_zones` counts each interface endpoint in each of its zones."""

    architecture: str
    memory: Mapping[str, int]
    batch_size: int
    concurrency: int
    mappings: int
    tracing: bool
    schedule_minutes: int
    passes: int
    pause_seconds: float
    endpoint_zones: int
    nat_gateways: int
    database_instances: int
    least_acu: float
    proxies: int
    secrets: int
    keys: int
    alarms: int
    dashboards: int
    metrics: int

    @property
    def in_flight(self) -> int:
        """Chunks in work at once, at most."""
        return self.batch_size * self.concurrency


def load_sizes(path: Path = TEMPLATE, given: Mapping[str, Any] | None = None) -> Sizes:
    """The sizes of a deployment with `given` above the parameters' defaults. Raises Misconfigured."""
    stacks = open_all(path, given)
    root = stacks[0]
    functions = _functions(root)
    feeds = [event for function in functions.values() for event in _events(function, "SQS")]
    (chunks,) = _events(functions["chunk_worker"], "SQS")
    settings = Settings.model_fields
    return Sizes(
        architecture=_architecture(root),
        memory={room: int(function.get("MemorySize", _DEFAULT_MEMORY)) for room, function in functions.items()},
        batch_size=int(chunks["BatchSize"]),
        concurrency=int(chunks["ScalingConfig"]["MaximumConcurrency"]),
        mappings=len(feeds),
        tracing=functions["chunk_worker"].get("Tracing") == "Active",
        schedule_minutes=_minutes(functions["reconciler"]),
        passes=int(settings["reconciler_passes"].default),
        pause_seconds=float(settings["reconciler_pause"].default),
        endpoint_zones=sum(_zones(stack) for stack in stacks),
        nat_gateways=_count(stacks, "AWS::EC2::NatGateway"),
        database_instances=_count(stacks, "AWS::RDS::DBInstance"),
        least_acu=_least_acu(stacks),
        proxies=_count(stacks, "AWS::RDS::DBProxy"),
        secrets=_secrets(stacks),
        keys=_count(stacks, "AWS::KMS::Key"),
        alarms=_alarm_metrics(stacks),
        dashboards=_count(stacks, "AWS::CloudWatch::Dashboard"),
        metrics=len(Metric),
    )


def choices(path: Path = TEMPLATE) -> list[tuple[str, Any]]:
    """(parameter, value) of every choice that is not the default one."""
    root = open_all(path)[0]
    return [
        (name, value)
        for name, parameter in root.raw.get("Parameters", {}).items()
        for value in parameter.get("AllowedValues", ())
        if str(value) != str(parameter.get("Default"))
    ]


def _functions(root: Stack) -> dict[str, dict[str, Any]]:
    """Properties by room, Globals below them, worked out."""
    common = root.raw.get("Globals", {}).get("Function", {})
    found = [root.values.of({**common, **properties}) for _, properties in root.resources(_FUNCTION)]
    rooms = {str(function["Handler"]).split(".")[1]: function for function in found}
    if not {"chunk_worker", "reconciler"} <= rooms.keys():
        raise Misconfigured(f"{root.path}: the functions of chunk_worker and reconciler are missing")
    return rooms


def _events(function: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == kind]


def _architecture(root: Stack) -> str:
    common = root.raw.get("Globals", {}).get("Function", {})
    return str((root.values.of(common.get("Architectures")) or ["x86_64"])[0])


def _minutes(function: Mapping[str, Any]) -> int:
    schedules = [event["Schedule"] for kind in ("Schedule", "ScheduleV2") for event in _events(function, kind)]
    if schedules and (match := _RATE.fullmatch(str(schedules[0]))):
        return int(match[1])
    raise Misconfigured("the reconciler's schedule is not a rate of minutes")


def _zones(stack: Stack) -> int:
    """Zones of each interface endpoint, one a subnet."""
    zones = 0
    for logical_id, properties in stack.resources("AWS::EC2::VPCEndpoint"):
        if stack.values.of(properties.get("VpcEndpointType")) == "Interface":
            subnets = stack.values.of(properties["SubnetIds"])
            if subnets is UNKNOWN:
                raise Misconfigured(f"{stack.path}: {logical_id}.SubnetIds is not a list, so its zones are not known")
            zones += len(subnets)
    return zones


def _least_acu(stacks: Sequence[Stack]) -> float:
    for stack in stacks:
        for _, properties in stack.resources("AWS::RDS::DBCluster"):
            return float(stack.values.of(properties["ServerlessV2ScalingConfiguration"])["MinCapacity"])
    return 0.0


def _secrets(stacks: Sequence[Stack]) -> int:
    """Our own, and the one that RDS keeps for a cluster."""
    kept = [
        properties
        for stack in stacks
        for _, properties in stack.resources("AWS::RDS::DBCluster")
        if properties.get("ManageMasterUserPassword")
    ]
    return len(kept) + _count(stacks, "AWS::SecretsManager::Secret")


def _alarm_metrics(stacks: Sequence[Stack]) -> int:
    """An alarm is billed for each metric that it looks at."""
    alarms = [properties for stack in stacks for _, properties in stack.resources("AWS::CloudWatch::Alarm")]
    return sum(sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1 for alarm in alarms)


def _count(stacks: Sequence[Stack], kind: str) -> int:
    return sum(1 for stack in stacks for _ in stack.resources(kind))
