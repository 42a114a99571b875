"""The accept path: a note of the object to come, the object, one transaction for job and chunks, then the messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import NamedTuple

from functions.api import limits
from functions.api.announce import announce
from functions.api.arrival import changed, document_of, gone, take
from functions.api.idempotency import fingerprint, job_before
from functions.api.requests import Options, Submission, UploadSubmission
from functions.core.errors import DocumentMissing, Rejected, Retryable, StoreUnavailable
from functions.core.keys import document_key
from functions.core.logs import logger
from functions.core.model import ChunkHint, Earlier, Idempotency, JobView, NewJob, PlanHint, Source, Span, Standing
from functions.core.ports import Documents, Queues
from functions.core.store_port import Store
from functions.core.uploads import Deletion, DocumentView
from functions.core.wiring import Parts

CONTENT_TYPE = "text/plain; charset=utf-8"


class Begun(NamedTuple):
    """A job that a request has made, or (a JobView) that an earlier one with its idempotency key made."""

    job: NewJob | JobView
    total_chunks: int | None  # None: a planner will count them


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload that is there, and how to analyse it."""

    document: DocumentView
    options: Options


async def submit(parts: Parts, owner: str, submission: Submission | UploadSubmission, key: str | None = None) -> Begun:
    """Make the job durable and start it, unless its idempotency key has made it before.

    Raises Rejected when it is refused; Retryable when bucket or database are away, and then nothing is kept. A queue
    that is away delays the job and no more: the reconciler sends again.
    """
    job_id = parts.new_job_id()
    given = await _found(parts, owner, submission) if isinstance(submission, UploadSubmission) else submission
    idempotency = Idempotency(key, _fingerprint(given)) if key else None
    object_key = None if isinstance(given, _Upload) else document_key(job_id)
    standing = await parts.store.begin_submit(owner, key, object_key)
    if idempotency and standing.earlier:
        return await _replayed(parts, owner, idempotency, standing.earlier)
    if isinstance(given, _Upload):
        _refuse(parts, standing, given.options)
        return await _analyse_upload(parts, owner, job_id, given, idempotency)
    try:
        _refuse(parts, standing, given.options)
        spans = limits.plan(given.text, given.options.max_chunk_chars, parts.settings)
    except Rejected:
        await _unnote(parts.store, job_id)
        raise
    job = _job_of_text(parts, owner, job_id, given, standing, idempotency)
    return await _analyse_text(parts, job, given.data, spans)


async def _found(parts: Parts, owner: str, submission: UploadSubmission) -> _Upload:
    return _Upload(await document_of(parts.store, owner, submission.document_id), submission.options)


def _fingerprint(given: Submission | _Upload) -> str:
    return fingerprint(given.options, given.document if isinstance(given, _Upload) else given.data)


def _refuse(parts: Parts, standing: Standing, options: Options) -> None:
    limits.refuse_too_much(standing, parts.settings)
    parts.providers.check(_model(parts, options))


def _job_of_text(
    parts: Parts,
    owner: str,
    job_id: str,
    submission: Submission,
    standing: Standing,
    idempotency: Idempotency | None,
) -> NewJob:
    options = submission.options
    return NewJob(
        job_id=job_id,
        owner=owner,
        model=_model(parts, options),
        instructions=options.instructions,
        max_chunk_chars=options.max_chunk_chars,
        max_attempts=options.max_attempts,
        overlap_chars=options.overlap_chars,
        source=Source(document_key(job_id)),
        document_chars=len(submission.text),
        document_bytes=len(submission.data),
        bom_removed=submission.bom_removed,
        idempotency=idempotency,
        object_due_at=standing.object_due_at,
    )


async def _analyse_text(parts: Parts, job: NewJob, data: bytes, spans: Sequence[Span] | None) -> Begun:
    earlier = await _keep(parts, job, data, spans)
    if job.idempotency and earlier:
        return await _replayed(parts, job.owner, job.idempotency, earlier)
    await _announce(parts.queues, job, spans)
    return Begun(job, None if spans is None else len(spans))


async def _analyse_upload(
    parts: Parts, owner: str, job_id: str, upload: _Upload, idempotency: Idempotency | None
) -> Begun:
    """What the upload holds is for the planner to find out."""
    document, options = upload.document, upload.options
    limits.refuse_too_long(document.size, options.max_chunk_chars, parts.settings.max_chunks)
    source = await take(parts.uploads, document)
    job = NewJob(
        job_id=job_id,
        owner=owner,
        model=_model(parts, options),
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


def _model(parts: Parts, options: Options) -> str:
    return parts.settings.default_model if options.model is None else options.model


async def _replayed(parts: Parts, owner: str, idempotency: Idempotency, earlier: Earlier) -> Begun:
    job = await job_before(parts.store, owner, idempotency, earlier)
    logger.info("request replayed", extra={"job_id": job.job_id})
    return Begun(job, job.progress.total)


async def _lost(parts: Parts, owner: str, document_id: str) -> Rejected:
    """Why an upload that was there a moment ago could not be taken."""
    document = await document_of(parts.store, owner, document_id)
    return gone("No job has taken it in time") if document.expired else changed()


async def _keep(parts: Parts, job: NewJob, data: bytes, spans: Sequence[Span] | None) -> Earlier | None:
    """The object first, so that no row ever points at nothing.

    Taken back when the rows are not written; where that fails, or nobody is left to do it, by the reconciler: the
    object is noted for deletion since before it was there, and only the job's transaction strikes the note off.
    """
    async with AsyncExitStack() as undo:
        await parts.documents.put(job.source.key, data, content_type=CONTENT_TYPE)
        undo.push_async_callback(_forget, parts.documents, job)
        try:
            earlier = await parts.store.create_job(job, spans)
        except StoreUnavailable:
            undo.pop_all()  # the commit may have happened; if it has not, the note is there still
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
    """Best effort: what stays behind the reconciler deletes, for it is noted."""
    try:
        await documents.delete(job.source.key)
    except Retryable:
        logger.warning("the document of a job that was not stored stays behind", extra={"job_id": job.job_id})


async def _unnote(store: Store, job_id: str) -> None:
    """Best effort: the note of an object that is never written does no harm, but a flood of refusals leaves many."""
    try:
        await store.deleted([Deletion(document_key(job_id))])
    except Retryable:
        logger.info("the note of a refused request stays", extra={"job_id": job_id})


async def _announce(queues: Queues, job: NewJob, spans: Sequence[Span] | None) -> None:
    plan = PlanHint(job.job_id, claim_no=0) if spans is None else None
    hints = [ChunkHint(job.job_id, span.chunk_index, claim_no=0, owner=job.owner) for span in spans or ()]
    await announce(queues, "accepted", job.job_id, plan, hints)
