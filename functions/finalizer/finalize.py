"""Puts a job's results together in chunk order, and ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from functions.core.errors import DocumentsUnavailable, Retryable
from functions.core.keys import result_key
from functions.core.logs import logger
from functions.core.model import Failure, FinalizeTask
from functions.core.results import SEPARATOR, error_summary
from functions.core.wiring import Parts

PAGE = 200  # results read at a time


@dataclass(frozen=True, slots=True)
class Assembled:
    """A job's result: inline, or where it lies."""

    text: str | None
    key: str | None
    size: int | None


_NOTHING = Assembled(None, None, None)


async def finalize(parts: Parts, job_id: str, run: int) -> None:
    """End a job whose chunks are all terminal; anything else is somebody else's or done. Raises Retryable."""
    task = await parts.store.begin_finalize(job_id, run)
    if task is None:
        logger.info("nothing to finalize", extra={"job_id": job_id, "run": run})
        return
    if task.tries > parts.settings.finalize_tries:
        await _finish(parts, task, _NOTHING, _given_up(task))
        return
    try:
        await _finish(parts, task, await _assemble(parts, task), None)
    except Retryable as error:
        if isinstance(error, DocumentsUnavailable) and task.waiting_ms > parts.settings.max_park * 1000:
            await _finish(parts, task, _NOTHING, _given_up(task))
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
        records_bytes=None,
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
    """Whoever deleted the job meanwhile deleted its objects before ours was there. Best effort, as there.

    Where the job is still there the object may be another finalizer's: both write the same one.
    """
    if result.key is None or await parts.store.exists(task.job_id):
        return
    try:
        await parts.documents.delete(result.key)
    except Retryable as error:
        logger.warning("the result of a deleted job stays behind", extra={"job_id": task.job_id, "error": str(error)})


async def _assemble(parts: Parts, task: FinalizeTask) -> Assembled:
    if not task.progress.completed:
        return _NOTHING
    limit = parts.settings.inline_result_bytes
    pieces = _pieces(parts, task)
    head = bytearray()
    async for piece in pieces:
        head += piece
        if len(head) > limit:
            key = result_key(task.job_id, task.run)
            size = await _put(parts, key, bytes(head), pieces)
            return Assembled(None, key, size)
    return Assembled(head.decode(), None, len(head))


async def _put(parts: Parts, key: str, head: bytes, rest: AsyncIterator[bytes]) -> int:
    async def blocks() -> AsyncIterator[bytes]:
        yield head
        async for piece in rest:
            yield piece

    return await parts.documents.put_stream(key, blocks(), content_type="text/plain; charset=utf-8")


async def _pieces(parts: Parts, task: FinalizeTask) -> AsyncIterator[bytes]:
    """The completed results in chunk order, separators between them; the lease is held from page to page."""
    after, separator = -1, ""
    while page := await parts.store.results(task.job_id, after=after, limit=PAGE):
        for result in page:
            yield (separator + result.text).encode()
            separator = SEPARATOR
        after = page[-1].chunk_index
        if len(page) == PAGE:
            await parts.store.hold_finalize(task)
