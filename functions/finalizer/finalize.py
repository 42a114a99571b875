"""Puts a job's results together in chunk order, and ends it."""

from __future__ import annotations

from functions.core.errors import DocumentsUnavailable, Retryable
from functions.core.logs import logger
from functions.core.model import Failure, FinalizeTask
from functions.core.results import error_summary
from functions.core.wiring import Parts
from functions.finalizer.assemble import NOTHING, Assembled, assemble


async def finalize(parts: Parts, job_id: str, run: int) -> None:
    """End a job whose chunks are all terminal; anything else is somebody else's or done. Raises Retryable."""
    task = await parts.store.begin_finalize(job_id, run)
    if task is None:
        logger.info("nothing to finalize", extra={"job_id": job_id, "run": run})
        return
    if task.tries > parts.settings.finalize_tries:
        await _finish(parts, task, NOTHING, _given_up(task))
        return
    try:
        await _finish(parts, task, await assemble(parts, task), None)
    except Retryable as error:
        if isinstance(error, DocumentsUnavailable) and task.waiting_ms > parts.settings.max_park * 1000:
            await _finish(parts, task, NOTHING, _given_up(task))
            return
        # not a try: the reconciler brings it back, and the message that brought it here may go
        if await parts.store.rest_finalize(task, seconds=parts.settings.finalize_after):
            logger.error("the result waits", extra={"job_id": job_id, "run": run, "error": str(error)})
        else:
            logger.info("the result is not ours or not wanted any more", extra={"job_id": job_id, "run": run})


def _given_up(task: FinalizeTask) -> Failure:
    hours = task.waiting_ms / 3_600_000
    return Failure(
        "assembly_failed",
        f"the result was not put together in {task.tries} tries and {hours:.1f} h; the chunks' own results are kept",
    )


async def _finish(parts: Parts, task: FinalizeTask, result: Assembled, error: Failure | None) -> None:
    counts = await parts.store.failure_counts(task.job_id) if task.progress.failed else []
    ended = await parts.store.finish(
        task,
        result=result.text,
        result_key=result.key,
        result_bytes=result.size,
        records_bytes=result.records_size,
        error_summary=error_summary(task.progress.total or 0, task.progress.failed, counts),
        error=error,
    )
    about = {"job_id": task.job_id, "run": task.run}
    if not ended:
        logger.info("another finalizer was first, or the job is not wanted any more", extra=about)
        await _forget(parts, task, result)
    elif error:
        logger.error("the job ended without its result", extra={**about, "code": error.code})
    else:
        logger.info("the job ended", extra=about)


async def _forget(parts: Parts, task: FinalizeTask, result: Assembled) -> None:
    """Whoever deleted the job meanwhile deleted its objects before ours were there. Best effort, as there.

    Where the job is still there the objects may be another finalizer's: both write the same ones.
    """
    if not result.keys or await parts.store.exists(task.job_id):
        return
    try:
        for key in result.keys:
            await parts.documents.delete(key)
    except Retryable as error:
        logger.warning("the result of a deleted job stays behind", extra={"job_id": task.job_id, "error": str(error)})
