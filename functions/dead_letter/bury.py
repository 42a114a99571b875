"""A message in a dead-letter queue means that we failed, not the model: end what it pointed to, so its job ends."""

from __future__ import annotations

import hashlib

from functions.core.errors import MalformedMessage
from functions.core.logs import logger
from functions.core.messages import parse_chunk, parse_finalize, parse_plan
from functions.core.model import ChunkHint, Failure, Metric, PlanHint
from functions.core.sqs_event import Record
from functions.core.wake import wake_finalizer
from functions.core.wiring import Parts

CHUNK = Failure("delivery_failed", "the chunk could not be worked on; the operators have been alarmed")
PLAN = Failure("plan_failed", "the document could not be divided into chunks; the operators have been alarmed")


async def bury(parts: Parts, record: Record) -> None:
    """End what the message pointed to, where nobody else works on it. Raises Retryable."""
    pointer = _pointer(record.body)
    match pointer:
        case ChunkHint():
            await _bury_chunk(parts, pointer)
        case PlanHint():
            ended = await parts.store.fail_dead_plan(pointer, PLAN)
            logger.error("a plan message died", extra={"job_id": pointer.job_id, "failed": ended})
        case (job_id, run):  # its `finalize_due_at` brings it back, and `finalize_tries` bounds that
            logger.error("a finalize message died", extra={"job_id": job_id, "run": run})
        case None:
            digest = hashlib.sha256(record.body.encode("utf-8", "surrogatepass")).hexdigest()
            logger.error(
                "a message that is not one of ours died",
                extra={"message_id": record.message_id, "bytes": len(record.body), "sha256": digest},
            )


async def _bury_chunk(parts: Parts, hint: ChunkHint) -> None:
    moved = await parts.store.fail_dead(hint, CHUNK)
    if moved.chunk_indexes:
        parts.meter.add(Metric.CHUNKS_FAILED, 1)
    logger.error(
        "a chunk message died",
        extra={"job_id": hint.job_id, "chunk_index": hint.chunk_index, "failed": bool(moved.chunk_indexes)},
    )
    await wake_finalizer(parts.queues, hint.job_id, moved)


def _pointer(body: str) -> ChunkHint | PlanHint | tuple[str, int] | None:
    for parse in (parse_chunk, parse_plan, parse_finalize):
        try:
            return parse(body)
        except MalformedMessage:
            continue
    return None
