"""Puts a job's results together in chunk order, and ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from functions.core.errors import DocumentsUnavailable
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


async def finalize(parts: Parts, job_id: str, run: int) -> None:
    """End a job whose chunks are all terminal; anything else is somebody else's or done. Raises Retryable."""
    task = await parts.store.begin_finalize(job_id, run)
    if task is None:
        logger.info("nothing to finalize", extra={"job_id": job_id, "run": run})
        return
    error: Failure | None = None
    if task.tries > parts.settings.finalize_tries:
        message = (
            f"the result could not be put together in {parts.settings.finalize_tries} tries; "
            "the chunks' own results stay readable"
        )
        error = Failure("assembly_failed", message)
        result = Assembled(None, None, None)
    else:
        result = await _assemble(parts, task)
    counts = await parts.store.failure_counts(job_id) if task.progress.failed else []
    ended = await parts.store.finish(
        task,
        result=result.text,
        result_key=result.key,
        result_bytes=result.size,
        error_summary=error_summary(task.progress.total or 0, task.progress.failed, counts),
        error=error,
    )
    logger.info("the job ended" if ended else "another finalizer was first", extra={"job_id": job_id, "run": run})


async def _assemble(parts: Parts, task: FinalizeTask) -> Assembled:
    if not task.progress.completed:
        return Assembled(None, None, None)
    limit = parts.settings.inline_result_bytes
    pieces = _pieces(parts, task.job_id)
    head = bytearray()
    async for piece in pieces:
        head += piece
        if len(head) > limit:
            key = f"results/{task.job_id}/{task.run}"
            size = await _put(parts, key, bytes(head), pieces)
            return Assembled(None, key, size)
    return Assembled(head.decode(), None, len(head))


async def _put(parts: Parts, key: str, head: bytes, rest: AsyncIterator[bytes]) -> int:
    async def blocks() -> AsyncIterator[bytes]:
        yield head
        async for piece in rest:
            yield piece

    try:
        return await parts.documents.put_stream(key, blocks(), content_type="text/plain; charset=utf-8")
    except DocumentsUnavailable:
        logger.warning("the result was not stored; another try follows", extra={"key": key})
        raise


async def _pieces(parts: Parts, job_id: str) -> AsyncIterator[bytes]:
    """The completed results in chunk order, separators between them."""
    after, separator = -1, ""
    while page := await parts.store.results(job_id, after=after, limit=PAGE):
        for result in page:
            yield (separator + result.text).encode()
            separator = SEPARATOR
        after = page[-1].chunk_index
