"""A step of the reconciler, whose trouble stops no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from functions.core.errors import Retryable
from functions.core.logs import bug, logger
from functions.core.ports import Deadline

BUDGET = 5.0  # seconds that must be left to begin another step


async def guarded(name: str, step: Callable[[], Awaitable[bool | None]], deadline: Deadline) -> bool:
    """What the step says; False when it failed, or had no time."""
    if deadline.remaining() < BUDGET:
        logger.warning("a step of the reconciler had no time", extra={"step": name})
        return False
    try:
        return bool(await step())
    except Retryable as error:
        logger.error("a step of the reconciler failed", extra={"step": name, "error": str(error)})
    except Exception as error:  # noqa: BLE001 (one job's trouble never stops the pass)
        logger.error("a step of the reconciler met a bug", extra={"step": name, **bug(error)})
    return False
