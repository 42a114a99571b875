"""The messages of a job that a request has begun."""

from __future__ import annotations

from collections.abc import Sequence

from functions.core.errors import QueueUnavailable
from functions.core.logs import logger
from functions.core.model import ChunkHint, PlanHint
from functions.core.ports import Queues


async def announce(queues: Queues, begun: str, job_id: str, plan: PlanHint | None, hints: Sequence[ChunkHint]) -> None:
    """Send them. A queue that is away delays the job and no more: their due times are committed."""
    try:
        if plan:
            await queues.send_plan(plan)
        if hints:
            await queues.send_chunks(hints)
    except QueueUnavailable as error:
        logger.warning(
            f"job {begun}, its messages not sent: the reconciler will", extra={"job_id": job_id, "reason": str(error)}
        )
