"""The numbers of the templates that a bill depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured
from functions.core.model import Metric
from functions.core.settings import Settings
from local.templates.deployment import Deployment, FunctionSpec
from local.templates.intrinsics import UNKNOWN
from local.templates.laptop import deployment_of
from local.templates.stack import Stack, open_all
from local.templates.written import TEMPLATE, read_template


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
    deployment = deployment_of(root)
    functions = deployment.functions.values()
    worker, reconciler = _function(root, deployment, "chunk_worker"), _function(root, deployment, "reconciler")
    if len(worker.mappings) != 1 or (concurrency := worker.mappings[0].maximum_concurrency) is None:
        raise Misconfigured(f"{path}: {worker.logical_id} needs one queue, with a MaximumConcurrency")
    if reconciler.schedule_seconds is None:
        raise Misconfigured(f"{path}: {reconciler.logical_id} has no schedule")
    settings = Settings.model_fields
    return Sizes(
        architecture=_property(root, "chunk_worker", "Architectures", ["x86_64"])[0],
        memory={function.name: function.memory for function in functions},
        batch_size=worker.mappings[0].batch_size,
        concurrency=concurrency,
        mappings=sum(len(function.mappings) for function in functions),
        tracing=_property(root, "chunk_worker", "Tracing", None) == "Active",
        schedule_minutes=reconciler.schedule_seconds // 60,
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
    return [
        (name, value)
        for name, parameter in read_template(path).parameters.items()
        for value in parameter.get("AllowedValues", ())
        if str(value) != str(parameter.get("Default"))
    ]


def _function(root: Stack, deployment: Deployment, room: str) -> FunctionSpec:
    if room not in deployment.functions:
        raise Misconfigured(f"{root.template.path}: the function of {room} is missing")
    return deployment.functions[room]


def _property(root: Stack, room: str, name: str, default: Any) -> Any:
    """What a laptop has no use for."""
    return root.values.of(root.template.functions[room].properties.get(name, default))


def _zones(stack: Stack) -> int:
    """Zones of each interface endpoint, one a subnet."""
    zones = 0
    for logical_id, properties in stack.resources("AWS::EC2::VPCEndpoint"):
        if stack.values.of(properties.get("VpcEndpointType")) == "Interface":
            subnets = stack.values.of(properties["SubnetIds"])
            if subnets is UNKNOWN:
                raise Misconfigured(
                    f"{stack.template.path}: {logical_id}.SubnetIds is not a list, so its zones are not known"
                )
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
