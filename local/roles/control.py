"""Everything else: prepares database, queues and bucket; runs planner, finalizer, dead letter and reconciler."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from functions.core.settings import Settings
from functions.core.wiring import parts
from local.database import reach
from local.event_source import EventSourceMapping, Sqs
from local.invoke import Invocable
from local.places import check_places
from local.provision import provision
from local.roles.parent import Order, Parent
from local.roles.work import Config, Source, function, stop_all
from local.schedule import Schedule
from local.tables import prepare
from local.templates.deployment import Deployment, FunctionSpec
from local.templates.laptop import load_template

_FED = ("planner", "finalizer", "dead_letter")


def run(parent: Parent, config: Config) -> None:
    """Migrate while moto starts; provision each time there is a new moto; recover once, before any worker begins."""
    settings, deployment = Settings.load(), load_template()
    functions = {name: _function(deployment.functions[name], config) for name in (*_FED, "reconciler")}
    reach(settings.database_url)
    prepare(settings.database_url, Path(config.claims) if config.claims else None)
    order = parent.go()
    if order is None:
        return
    _provision(deployment, order)
    if order["first"]:
        check_places(settings)
        asyncio.run(parts().store.recover())
    parent.say(event="prepared")
    sources: list[Source] = _mappings(deployment, functions)
    reconciler = _schedule(functions, settings)
    for source in (*sources, reconciler):
        source.start()
    parent.say(event="ready")
    while (order := parent.order()) is not None:
        _provision(deployment, order)
        reconciler.stop(0)
        reconciler = _schedule(functions, settings)  # begins with a pass, which brings back what the old queues held
        reconciler.start()
    stop_all([*sources, reconciler], config.grace)


def _function(spec: FunctionSpec, config: Config) -> Invocable:
    return function(spec, config, most=sum(each.maximum_concurrency or 1 for each in spec.mappings) or 1)


def _provision(deployment: Deployment, order: Order) -> None:
    provision(order["facts"]["moto"]["endpoint_url"], deployment)


def _mappings(deployment: Deployment, functions: Mapping[str, Invocable]) -> list[Source]:
    sqs = Sqs.from_environment()
    return [
        EventSourceMapping(functions[name], mapping, sqs)
        for name in _FED
        for mapping in deployment.functions[name].mappings
    ]


def _schedule(functions: Mapping[str, Invocable], settings: Settings) -> Schedule:
    return Schedule(functions["reconciler"], settings.reconciler_pause, name="reconciler")
