"""The reconciler: a scheduled event in, one pass (on AWS two, half a minute apart) over what stands still."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.logs import invocation, logger
from functions.core.ports import Deadline
from functions.core.wiring import Parts, parts
from functions.reconciler.guarded import BUDGET
from functions.reconciler.sweep import Pass


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Lambda's entry."""
    asyncio.run(respond(parts(), event, LambdaDeadline(context)))


async def respond(parts: Parts, event: dict[str, Any], deadline: Deadline) -> None:
    """The passes of one scheduled event, on whatever loop this is."""
    logger.debug("a pass begins", extra={"at": event.get("time")})
    settings = parts.settings
    for turn in range(settings.reconciler_passes):
        if turn:  # EventBridge's finest rate is a minute
            if deadline.remaining() < settings.reconciler_pause + BUDGET:
                return
            await asyncio.sleep(settings.reconciler_pause)
        await Pass(parts, deadline).run()
        parts.meter.flush()
