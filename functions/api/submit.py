"""The accept path: document to the bucket, one transaction for job and chunks, then the messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from functions.api import limits
from functions.api.announce import announce
from functions.api.arrival import changed, document_of, gone, take
from functions.api.idempotency import job_before
from functions.api.requests import Submission, UploadSubmission
from functions.core.errors import DocumentMissing, Rejected, Retryable, StoreUnavailable
from functions.core.keys import document_key
from functions.core.logs import logger
from functions.core.model import ChunkHint, Earlier, Idempotency, JobView, NewJob, PlanHint, Source, Span
from functions.core.ports import Documents, Queues
from functions.core.wiring import Parts

CONTENT_TYPE = "text/plain; charset=utf-8"


class Begun(NamedTuple):
    """A job that a request has made, or (a JobView) that an earlier one with its idempotency key made."""

    job: NewJob | JobView
    total_chunks: int | None  # None: a planner will count them


async def submit(
    parts: Parts, owner: str, submission: Submission | UploadSubmission, idempotency: Idempotency | None = None
) -> Begun:
    """Make the job durable and start it, unless its idempotency key has made it before.

    Raises Rejected when it is refused; Retryable when bucket or database are away, and then nothing is kept. A queue
    that is away delays the job and no more: the reconciler sends again.
    """
    standing = await parts.store.standing(owner, idempotency.key if idempotency else None)
    if idempotency and standing.earlier:
        return await _replayed(parts, owner, idempotency, standing.earlier)
    limits.refuse_too_much(standing, parts.settings)
    parts.providers.check(_model(parts, submission))
    if isinstance(submission, UploadSubmission):
        return await _analyse_upload(parts, owner, submission, idempotency)
    return await _analyse_text(parts, owner, submission, idempotency)


async def _analyse_text(parts: Parts, owner: str, submission: Submission, idempotency: Idempotency | None) -> Begun:
    options = submission.options
    spans = limits.plan(submission.text, options.max_chunk_chars, parts.settings)
    job_id = parts.new_job_id()
    job = NewJob(
        job_id=job_id,
        owner=owner,
        model=_model(parts, submission),
        instructions=options.instructions,
        max_chunk_chars=options.max_chunk_chars,
        max_attempts=options.max_attempts,
        overlap_chars=options.overlap_chars,
        source=Source(document_key(job_id)),
        document_chars=len(submission.text),
        document_bytes=len(submission.data),
        bom_removed=submission.bom_removed,
        idempotency=idempotency,
    )
    earlier = await _keep(parts, job, submission.data, spans)
    if idempotency and earlier:
        return await _replayed(parts, owner, idempotency, earlier)
    await _announce(parts.queues, job, spans)
    return Begun(job, None if spans is None else len(spans))


async def _analyse_upload(
    parts: Parts, owner: str, submission: UploadSubmission, idempotency: Idempotency | None
) -> Begun:
    """What the upload holds is for the planner to find out."""
    options = submission.options
    document = await document_of(parts.store, owner, submission.document_id)
    limits.refuse_too_long(document.size, options.max_chunk_chars, parts.settings.max_chunks)
    source = await take(parts.uploads, document)
    job = NewJob(
        job_id=parts.new_job_id(),
        owner=owner,
        model=_model(parts, submission),
        instructions=options.instructions,
        max_chunk_chars=options.max_chunk_chars,
        max_attempts=options.max_attempts,
        overlap_chars=options.overlap_chars,
        source=source,
        document_chars=0,
        document_bytes=document.size,
        bom_removed=False,
        document_id=document.document_id,
        idempotency=idempotency,
    )
    try:
        earlier = await parts.store.create_job(job, None)
    except DocumentMissing:
        raise await _lost(parts, owner, document.document_id) from None
    if idempotency and earlier:
        return await _replayed(parts, owner, idempotency, earlier)
    _accepted(job, None)
    await _announce(parts.queues, job, None)
    return Begun(job, None)


def _model(parts: Parts, submission: Submission | UploadSubmission) -> str:
    given = submission.options.model
    return parts.settings.default_model if given is None else given


async def _replayed(parts: Parts, owner: str, idempotency: Idempotency, earlier: Earlier) -> Begun:
    job = await job_before(parts.store, owner, idempotency, earlier)
    logger.info("request replayed", extra={"job_id": job.job_id})
    return Begun(job, job.progress.total)


async def _lost(parts: Parts, owner: str, document_id: str) -> Rejected:
    """Why an upload that was there a moment ago could not be taken."""
    document = await document_of(parts.store, owner, document_id)
    return gone("No job has taken it in time") if document.expired else changed()


async def _keep(parts: Parts, job: NewJob, data: bytes, spans: Sequence[Span] | None) -> Earlier | None:
    """The object first, so that no row ever points at nothing; taken back when the rows are not written."""
    async with AsyncExitStack() as undo:
        await parts.documents.put(job.source.key, data, content_type=CONTENT_TYPE)
        undo.push_async_callback(_forget, parts.documents, job)
        try:
            earlier = await parts.store.create_job(job, spans)
        except StoreUnavailable:
            undo.pop_all()  # the commit may have happened: a job without its document would be worse than an orphan
            raise
        if earlier:
            return earlier
        undo.pop_all()
    _accepted(job, spans)
    return None


def _accepted(job: NewJob, spans: Sequence[Span] | None) -> None:
    about = {"job_id": job.job_id, "document_bytes": job.document_bytes, "chunks": spans and len(spans)}
    logger.info("job accepted", extra={**about, **({"document_id": job.document_id} if job.document_id else {})})


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
