"""Plans a large document: streams it, inserts chunk rows block by block, sends their messages as it goes.

The cursor is committed with each block, so that a planner which dies, or whose deadline is near, is followed by
another that goes on where it stopped.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Iterator, Sequence

from functions.core.chunking import Chunker
from functions.core.errors import DocumentUnreadable, Permanent, QueueUnavailable, Retryable
from functions.core.logs import logger
from functions.core.model import ChunkHint, Failure, Plan, PlanHint, Span
from functions.core.ports import Deadline, Documents
from functions.core.wake import wake_finalizer
from functions.core.wiring import Parts

BLOCK_BYTES = 2 * 1024 * 1024
FIRST_BYTES = 256 * 1024  # so that the first workers need not wait for the whole plan
WAIT = 30.0  # seconds until a plan goes on that found the bucket, the database or a queue away


async def plan(parts: Parts, job_id: str, deadline: Deadline) -> None:
    """Plan a job, or go on with its plan. Raises Retryable when something of ours is away."""
    begun = await parts.store.begin_plan(job_id)
    if begun is None:
        logger.info("nothing to plan: planned, being planned, or not active", extra={"job_id": job_id})
        return
    try:
        await _go_on(parts, begun, deadline)
    except Permanent as error:
        await _fail(parts, begun, Failure(error.code, str(error)))
    except Retryable as error:
        if begun.waiting_ms > parts.settings.max_park * 1000:
            await _fail(parts, begun, Failure("storage_unavailable", str(error)))
            return
        # not a crash: the reconciler brings it back, and the message that brought it here may go
        if await parts.store.rest_plan(begun, seconds=WAIT):
            logger.error("the plan waits", extra={"job_id": job_id, "error": str(error)})
        else:
            logger.info("the plan is not ours or not wanted any more", extra={"job_id": job_id})


async def _fail(parts: Parts, held: Plan, failure: Failure) -> None:
    about = {"job_id": held.job_id, "code": failure.code, "error": failure.message}
    if await parts.store.fail_plan(held, failure):
        logger.error("the plan failed", extra=about)
    else:
        logger.info("the plan failed and is not ours or not wanted any more", extra=about)


async def _go_on(parts: Parts, begun: Plan, deadline: Deadline) -> None:
    held: Plan | None = begun
    block: list[Span] = []
    async for spans in _spans(parts.documents, begun):
        block += spans
        near = deadline.remaining() < parts.settings.call_margin
        while held and (len(block) >= parts.settings.plan_block or ((near or held.next_chunk == 0) and block)):
            ready, block = block[: parts.settings.plan_block], block[parts.settings.plan_block :]
            held = await _add(parts, held, ready)
            if deadline.remaining() < parts.settings.call_margin:
                near, block = True, []  # the next planner finds them again behind the cursor
        if held is None:
            return
        if near:
            await _rest(parts, held)
            return
    if held:
        await _close(parts, held, block)


async def _close(parts: Parts, held: Plan, last: Sequence[Span]) -> None:
    ended = await _add(parts, held, last) if last else held
    if ended is None:
        return
    if ended.next_chunk == 0:
        raise DocumentUnreadable("the document is empty")
    moved = await parts.store.close_plan(ended)
    if moved:
        await wake_finalizer(parts.queues, held.job_id, moved)


async def _add(parts: Parts, held: Plan, spans: Sequence[Span]) -> Plan | None:
    """Commit the rows and the cursor, then send; None when the plan is not ours any more."""
    moved_on = await parts.store.add_chunks(held, spans)
    if moved_on is None:
        logger.info("the plan is not ours any more", extra={"job_id": held.job_id})
        return None
    try:
        await parts.queues.send_chunks([ChunkHint(held.job_id, span.chunk_index, 0, held.owner) for span in spans])
    except QueueUnavailable as error:  # their `hint_due_at` is committed: the reconciler sends them
        logger.warning("messages were not sent", extra={"job_id": held.job_id, "error": str(error)})
    return moved_on


async def _rest(parts: Parts, held: Plan) -> None:
    if await parts.store.rest_plan(held, seconds=parts.settings.plan_lease):
        logger.info("the plan goes on in another invocation", extra={"job_id": held.job_id, "chunks": held.next_chunk})
        try:
            await parts.queues.send_plan(PlanHint(held.job_id, held.claim_no))
        except QueueUnavailable as error:  # `plan_due_at` is committed
            logger.warning("the plan message was not sent", extra={"job_id": held.job_id, "error": str(error)})


async def _spans(documents: Documents, held: Plan) -> AsyncIterator[list[Span]]:
    """The spans behind the cursor, in constant memory."""
    chunker = Chunker(held.max_chunk_chars, chunk_index=held.next_chunk, char=held.next_char, byte=held.next_byte)
    async for text in _texts(documents, held):
        yield chunker.feed(text)
    yield chunker.finish()


async def _texts(documents: Documents, held: Plan) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start, end in _blocks(held.next_byte, held.document_bytes):
        data = await documents.read(held.source, start, end)
        try:
            yield decoder.decode(data, final=end == held.document_bytes)
        except UnicodeDecodeError:
            raise DocumentUnreadable(f"the document is not UTF-8 between the bytes {start} and {end}") from None


def _blocks(start: int, size: int) -> Iterator[tuple[int, int]]:
    """Where to read: a small block first."""
    step = FIRST_BYTES
    while start < size:
        yield start, min(start + step, size)
        start, step = start + step, BLOCK_BYTES
