"""Everything else: prepares database, queues and bucket; runs planner, finalizer, dead letter and reconciler."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from functions.core.settings import Settings
from functions.core.wiring import parts
from local.event_source import EventSourceMapping, Sqs
from local.invoke import Function
from local.provision import provision
from local.roles.parent import Order, Parent
from local.roles.work import Config, Source, function, stop_all
from local.schedule import Schedule
from local.template import Deployment, load_template
from migrations.upgrade import upgrade

_FED = ("planner", "finalizer", "dead_letter")


def run(parent: Parent, config: Config) -> None:
    """Migrate while moto starts; provision each time there is a new moto; recover once, before any worker begins."""
    settings, deployment = Settings.load(), load_template()
    functions = {name: function(deployment.functions[name]) for name in (*_FED, "reconciler")}
    upgrade(settings.database_url)
    order = parent.go()
    if order is None:
        return
    _provision(deployment, order)
    if order["first"]:
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


def _provision(deployment: Deployment, order: Order) -> None:
    provision(order["facts"]["moto"]["endpoint_url"], deployment)


def _mappings(deployment: Deployment, functions: Mapping[str, Function]) -> list[Source]:
    sqs = Sqs.from_environment()
    return [
        EventSourceMapping(functions[name], mapping, sqs)
        for name in _FED
        for mapping in deployment.functions[name].mappings
    ]


def _schedule(functions: Mapping[str, Function], settings: Settings) -> Schedule:
    return Schedule(functions["reconciler"], settings.reconciler_pause, name="reconciler")
