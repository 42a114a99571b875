"""The reconciler: a scheduled event in, one pass (on AWS two, half a minute apart) over what stands still."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.logs import logger
from functions.core.wiring import parts
from functions.reconciler.sweep import BUDGET, Pass


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Lambda's entry."""
    logger.debug("a pass begins", extra={"at": event.get("time")})
    asyncio.run(_passes(LambdaDeadline(context)))


async def _passes(deadline: LambdaDeadline) -> None:
    settings = parts().settings
    for turn in range(settings.reconciler_passes):
        if turn:  # EventBridge's finest rate is a minute
            if deadline.remaining() < settings.reconciler_pause + BUDGET:
                return
            await asyncio.sleep(settings.reconciler_pause)
        await Pass(parts(), deadline).run()
