"""Plans a large document: streams it, inserts chunk rows block by block, sends their messages as it goes.

An upload is looked at first: what it is written in is not known before.

The cursor is committed with each block, so that a planner which dies, or whose deadline is near, is followed by
another that goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from functions.core.chunking import Chunker
from functions.core.errors import DocumentEmpty, Permanent, QueueUnavailable, Retryable
from functions.core.logs import logger
from functions.core.model import ChunkHint, Failure, Plan, PlanHint, Span
from functions.core.ports import Deadline, Documents
from functions.core.wake import wake_finalizer
from functions.core.wiring import Parts
from functions.planner.encodings import UTF8, Characters
from functions.planner.hold import Hold, Lost, Near
from functions.planner.limits import refuse_too_many
from functions.planner.looking import look

BLOCK_BYTES = 2 * 1024 * 1024
FIRST_BYTES = 256 * 1024  # so that the first workers need not wait for the whole plan
COMMIT_BYTES = 16 * BLOCK_BYTES  # no more are read between two commits
LEAST_SLICE = 4_096  # characters
WAIT = 30.0  # seconds until a plan goes on that found the bucket, the database or a queue away


async def plan(parts: Parts, job_id: str, deadline: Deadline) -> None:
    """Plan a job, or go on with its plan. Raises Retryable when something of ours is away."""
    begun = await parts.store.begin_plan(job_id)
    if begun is None:
        logger.info("nothing to plan: planned, being planned, or not active", extra={"job_id": job_id})
        return
    hold = Hold(parts, deadline, begun)
    try:
        await _go_on(hold)
    except Lost:
        logger.info("the plan is not ours or not wanted any more", extra={"job_id": job_id})
    except Near:
        await _rest(hold)
    except Permanent as error:
        await _fail(hold, Failure(error.code, str(error)))
    except Retryable as error:
        await _wait(hold, error)


async def _wait(hold: Hold, error: Retryable) -> None:
    """No crash: the reconciler brings the plan back, and the message that brought it here may go.

    How long it has waited counts from its newest step, this invocation's among them.
    """
    if hold.plan.waiting_ms > hold.parts.settings.max_park * 1000:
        await _fail(hold, Failure("storage_unavailable", str(error)))
    elif await hold.parts.store.rest_plan(hold.plan, seconds=WAIT):
        logger.error("the plan waits", extra={"job_id": hold.plan.job_id, "error": str(error)})
    else:
        logger.info("the plan is not ours or not wanted any more", extra={"job_id": hold.plan.job_id})


async def _fail(hold: Hold, failure: Failure) -> None:
    about = {"job_id": hold.plan.job_id, "code": failure.code, "error": failure.message}
    if await hold.parts.store.fail_plan(hold.plan, failure):
        logger.error("the plan failed", extra=about)
    else:
        logger.info("the plan failed and is not ours or not wanted any more", extra=about)


async def _go_on(hold: Hold) -> None:
    if hold.plan.encoding is None:
        await look(hold)
    settings = hold.parts.settings
    block: list[Span] = []
    async for spans in _spans(hold.parts.documents, hold.plan, settings.plan_block):
        block += spans
        if block:
            refuse_too_many(hold.plan, block[-1], settings.max_chunks)
        near = hold.is_near()
        while block and (near or _is_full(hold, block)):
            await _add(hold, block[: settings.plan_block])
            del block[: settings.plan_block]
            hold.check_time()  # the next planner finds the others again behind the cursor
        if near:
            raise Near
        await hold.stay()  # due still: there was nothing to commit
    await _close(hold, block)


def _is_full(hold: Hold, block: Sequence[Span]) -> bool:
    """Whether it is time to commit: the first of all at once, so that work begins; what there is while S3 is slow."""
    early = hold.plan.next_chunk == 0 or hold.is_due()
    return early or len(block) >= hold.parts.settings.plan_block or _ahead(hold, block) >= COMMIT_BYTES


def _ahead(hold: Hold, block: Sequence[Span]) -> int:
    return block[-1].byte_end - hold.plan.next_byte


async def _close(hold: Hold, last: Sequence[Span]) -> None:
    if last:
        await _add(hold, last)
    if hold.plan.next_chunk == 0:
        raise DocumentEmpty("the document is empty: there is no character in it; send one with text in it")
    moved = await hold.parts.store.close_plan(hold.plan)
    if moved:
        await wake_finalizer(hold.parts.queues, hold.plan.job_id, moved)


async def _add(hold: Hold, spans: Sequence[Span]) -> None:
    """Commit the rows and the cursor, then send. Raises Lost."""
    hold.moved_on(await hold.parts.store.add_chunks(hold.plan, spans))
    job_id, owner = hold.plan.job_id, hold.plan.owner
    try:
        await hold.parts.queues.send_chunks([ChunkHint(job_id, span.chunk_index, 0, owner) for span in spans])
    except QueueUnavailable as error:  # their `hint_due_at` is committed: the reconciler sends them
        logger.warning("messages were not sent", extra={"job_id": job_id, "error": str(error)})


async def _rest(hold: Hold) -> None:
    held = hold.plan
    if await hold.parts.store.rest_plan(held, seconds=hold.parts.settings.plan_lease):
        logger.info("the plan goes on in another invocation", extra={"job_id": held.job_id, "chunks": held.next_chunk})
        try:
            await hold.parts.queues.send_plan(PlanHint(held.job_id, held.claim_no))
        except QueueUnavailable as error:  # `plan_due_at` is committed
            logger.warning("the plan message was not sent", extra={"job_id": held.job_id, "error": str(error)})


async def _spans(documents: Documents, held: Plan, most: int) -> AsyncIterator[list[Span]]:
    """The spans behind the cursor, in constant memory: about `most` of them at a time, twice that where chunks are half
    full, however small they are."""
    chunker = Chunker(held.max_chunk_chars, chunk_index=held.next_chunk, char=held.next_char, byte=held.next_byte)
    size = max(LEAST_SLICE, most * held.max_chunk_chars)
    async for text in _texts(documents, held):
        for at in range(0, len(text), size):
            yield chunker.feed(text[at : at + size])
    yield chunker.finish()


async def _texts(documents: Documents, held: Plan) -> AsyncIterator[str]:
    characters = Characters(UTF8, held.source.skip + held.next_byte)
    for start, end in _blocks(held.next_byte, held.document_bytes):
        data = await documents.read(held.source, start, end)
        yield characters.decode(data, final=end == held.document_bytes)


def _blocks(start: int, size: int) -> Iterator[tuple[int, int]]:
    """Where to read: a small block first."""
    step = FIRST_BYTES
    while start < size:
        yield start, min(start + step, size)
        start, step = start + step, BLOCK_BYTES
