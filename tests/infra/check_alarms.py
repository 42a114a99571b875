"""What alarms, the dashboard and the functions' reports must agree on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from functions.core.meter import NAMESPACE, EmfMeter
from functions.core.model import Metric
from local.templates.intrinsics import Call
from local.templates.written import NESTED, Template
from tests.infra.expressions import named, walk
from tests.infra.world import World


def alarms(world: World) -> Iterator[str]:
    """Every dead-letter queue rings, and what an alarm or the dashboard looks at is what the code reports."""
    nets = {queue.dead_letter for queue in world.deployment.queues.values() if queue.dead_letter}
    watched = {queue for file in world.nested for queue in _watched(world, file)}
    for net in sorted(nets - watched):
        yield f"no alarm looks at {net}"
    known, dimension = {metric.value for metric in Metric}, _dimension()
    for file in world.files:
        for where, name, given in _own_metrics(file):
            if name not in known:
                yield f"{where} looks at {NAMESPACE} {name}, which no code reports"
            if given != dimension:
                yield f"{where} looks at {name} by {given}; the code reports it by {dimension}"


def _watched(world: World, file: str) -> Iterator[str]:
    """The queues whose names are handed to a stack and stand in an alarm there that tells somebody."""
    handed = world.root.of_type(NESTED)[file]["Parameters"]
    for alarm in world.nested[file].of_type("AWS::CloudWatch::Alarm").values():
        for part in walk(alarm if alarm.get("AlarmActions") else {}):
            if isinstance(part, Call) and part.name == "Ref" and part.argument in handed:
                yield from (name.removesuffix(".QueueName") for name in named(handed[part.argument]))


def _own_metrics(file: Template) -> Iterator[tuple[str, str, str]]:
    """(where, name, dimension) of our own metrics."""
    for logical_id, alarm in file.of_type("AWS::CloudWatch::Alarm").items():
        for part in walk(alarm):
            if isinstance(part, dict) and part.get("Namespace") == NAMESPACE:
                yield logical_id, part["MetricName"], ",".join(each["Name"] for each in part.get("Dimensions", ()))
    for logical_id, board in file.of_type("AWS::CloudWatch::Dashboard").items():
        body = board["DashboardBody"]
        for widget in json.loads(body.argument if isinstance(body, Call) else body)["widgets"]:
            yield from ((logical_id, each[1], each[2]) for each in _unfolded(widget) if each[0] == NAMESPACE)


def _unfolded(widget: Mapping[str, Any]) -> Iterator[list[str]]:
    """The metrics of a widget, with what `.` and `...` repeat."""
    before: list[str] = []
    for metric in widget["properties"].get("metrics", ()):
        names = [each for each in metric if isinstance(each, str)]
        if names and names[0] == "...":
            names = [*before[: len(before) - len(names) + 1], *names[1:]]
        before = [before[at] if each == "." else each for at, each in enumerate(names)] or before
        yield before


def _dimension() -> str:
    """By what the code reports."""
    lines: list[str] = []
    meter = EmfMeter("service", lines.append)
    meter.add(Metric.STUCK_JOBS, 0)
    meter.flush()
    (metrics,) = json.loads(lines[0])["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == NAMESPACE
    return ",".join(metrics["Dimensions"][0])


def service(world: World) -> Iterator[str]:
    """The name by which the code reports is the one by which the alarms look."""
    told = world.root.raw["Globals"]["Function"]["Environment"]["Variables"].get("POWERTOOLS_SERVICE_NAME")
    for file, stack in world.root.of_type(NESTED).items():
        if "Service" in stack.get("Parameters", {}) and stack["Parameters"]["Service"] != told:
            yield f"{file}.Service is not the functions' POWERTOOLS_SERVICE_NAME"
