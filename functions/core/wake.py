"""Whoever moves the last chunk of a job wakes its finalizer."""

from __future__ import annotations

from functions.core.errors import QueueUnavailable
from functions.core.logs import logger
from functions.core.model import Moved
from functions.core.ports import Queues


async def wake_finalizer(queues: Queues, job_id: str, moved: Moved) -> None:
    """Send the finalize message if that was the last one. It may get lost: `finalize_due_at` is committed."""
    if not moved.all_done:
        return
    try:
        await queues.send_finalize(job_id, moved.run)
    except QueueUnavailable as error:
        logger.warning("the finalizer was not woken", extra={"job_id": job_id, "error": str(error)})
