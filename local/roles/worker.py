"""One process's share of the chunk worker's invocations."""

from __future__ import annotations

import asyncio
import dataclasses

from functions.core.wiring import parts
from local.event_source import EventSourceMapping, Sqs
from local.roles.parent import Parent
from local.roles.work import Config, function
from local.templates.laptop import load_template


def run(parent: Parent, config: Config) -> None:
    """Until SIGTERM; then invocations that run have the grace, and what they leave is released at the next start."""
    spec = load_template().functions["chunk_worker"]
    worker = function(spec, config, most=config.invocations)
    order = parent.go()
    if order is None:
        return
    store = parts().store
    if not order["first"]:  # the messages that a dead predecessor had received are in flight, and nobody has them
        asyncio.run(store.make_pending_due())
    (mapping,) = spec.mappings
    share = dataclasses.replace(mapping, batch_size=config.batch_size, maximum_concurrency=config.invocations)
    source = EventSourceMapping(worker, share, Sqs.from_environment())
    source.start()
    parent.say(event="ready")
    while parent.order() is not None:
        pass  # a new moto: the mapping finds its queue again by itself
    source.stop(config.grace)
