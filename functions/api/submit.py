"""The accept path: document to the bucket, one transaction for job and chunks, then the messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from functions.api.announce import announce
from functions.api.requests import Submission
from functions.core.chunking import fewest_chunks, most_chunks, smallest_fitting, split
from functions.core.errors import Rejected, Retryable, StoreUnavailable
from functions.core.keys import document_key
from functions.core.logs import logger
from functions.core.model import ChunkHint, NewJob, PlanHint, Source, Span
from functions.core.ports import Documents, Queues
from functions.core.settings import Settings
from functions.core.wiring import Parts

CONTENT_TYPE = "text/plain; charset=utf-8"


async def submit(parts: Parts, owner: str, submission: Submission) -> tuple[NewJob, int | None]:
    """Make the job durable and start it: the job, and how many chunks it has (None: a planner will count them).

    Raises Rejected when the model is unknown or the document needs too many chunks; Retryable when bucket or database
    are away, and then nothing is kept. A queue that is away delays the job and no more: the reconciler sends again.
    """
    options = submission.options
    model = parts.settings.default_model if options.model is None else options.model
    parts.providers.check(model)
    spans = plan(submission.text, options.max_chunk_chars, parts.settings)
    job_id = parts.new_job_id()
    job = NewJob(
        job_id=job_id,
        owner=owner,
        model=model,
        instructions=options.instructions,
        max_chunk_chars=options.max_chunk_chars,
        max_attempts=options.max_attempts,
        source=Source(document_key(job_id)),
        document_chars=len(submission.text),
        document_bytes=len(submission.data),
        bom_removed=submission.bom_removed,
    )
    await _keep(parts, job, submission.data, spans)
    await _announce(parts.queues, job, spans)
    return job, None if spans is None else len(spans)


def plan(text: str, max_chars: int, settings: Settings) -> list[Span] | None:
    """The chunks of a small document; None when there are more than a request should write.

    Decided by cheap bounds where they suffice. Raises Rejected (422) when the chunks are more than `max_chunks`.
    """
    _refuse_too_many(text, max_chars, settings.max_chunks)
    if fewest_chunks(len(text), max_chars) > settings.plan_inline_chunks:
        return None
    spans = split(text, max_chars)
    return spans if len(spans) <= settings.plan_inline_chunks else None


def _refuse_too_many(text: str, max_chars: int, limit: int) -> None:
    if most_chunks(len(text), max_chars) <= limit:
        return
    if fewest_chunks(len(text), max_chars) <= limit and len(split(text, max_chars)) <= limit:
        return
    message = f"cuts this document into more than {limit:,} chunks; {_way_out(text, limit)}"
    raise Rejected(
        422,
        "too-many-chunks",
        f"max_chunk_chars = {max_chars} {message}.",
        errors=[{"field": "max_chunk_chars", "message": message}],
    )


def _way_out(text: str, limit: int) -> str:
    try:
        return f"the smallest that fits is {smallest_fitting(text, limit)}"
    except ValueError:
        return "no size makes it fit: split the document into several jobs"


async def _keep(parts: Parts, job: NewJob, data: bytes, spans: Sequence[Span] | None) -> None:
    """The object first, so that no row ever points at nothing; taken back when the rows cannot be written."""
    async with AsyncExitStack() as undo:
        await parts.documents.put(job.source.key, data, content_type=CONTENT_TYPE)
        undo.push_async_callback(_forget, parts.documents, job)
        try:
            await parts.store.create_job(job, spans)
        except StoreUnavailable:
            undo.pop_all()  # the commit may have happened: a job without its document would be worse than an orphan
            raise
        undo.pop_all()
    logger.info(
        "job accepted",
        extra={"job_id": job.job_id, "document_bytes": job.document_bytes, "chunks": spans and len(spans)},
    )


async def _forget(documents: Documents, job: NewJob) -> None:
    """Best effort: what stays behind is found by the bucket's lifecycle rule."""
    try:
        await documents.delete(job.source.key)
    except Retryable:
        logger.warning("the document of a job that was not stored stays behind", extra={"job_id": job.job_id})


async def _announce(queues: Queues, job: NewJob, spans: Sequence[Span] | None) -> None:
    plan = PlanHint(job.job_id, claim_no=0) if spans is None else None
    hints = [ChunkHint(job.job_id, span.chunk_index, claim_no=0, owner=job.owner) for span in spans or ()]
    await announce(queues, "accepted", job.job_id, plan, hints)
