"""How a job begins: its row, its chunks, its place at its upload and under its idempotency key, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from functions.core.errors import Retryable
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import Earlier, NewJob, Source, Span
from functions.core.store.clock import now
from functions.core.store.guarding import keep_object
from functions.core.store.idempotency import take_key
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing
from functions.core.store.uploads import take_document


def create_job(connection: Connection, job: NewJob, spans: Sequence[Span] | None, timing: Timing) -> Earlier | None:
    """The job row and, when it is planned already, its chunk rows: the outbox.

    The job that its idempotency key has made before, and then nothing is written. Raises DocumentMissing, and
    Retryable when its object may be gone.
    """
    earlier = take_key(connection, job)
    if earlier:  # our own: run again after a commit whose answer was lost
        return None if earlier.job_id == job.job_id else earlier
    kept = keep_object(connection, job)  # first: it waits for our own commit, should that be on its way still
    seen = connection.execute(select(jobs.c.job_id).where(jobs.c.job_id == job.job_id)).one_or_none()
    if seen:  # the same of a job without a key; ids are 100 random bits
        return None
    if not kept:
        raise Retryable("the request took longer than any may; its document was not kept")
    take_document(connection, job)
    _insert_job(connection, job, spans, timing)
    if spans:
        insert_chunks(connection, job.job_id, spans, timing)
    return None


def _insert_job(connection: Connection, job: NewJob, spans: Sequence[Span] | None, timing: Timing) -> None:
    end = spans[-1] if spans else None
    connection.execute(
        insert(jobs).values(
            job_id=job.job_id,
            owner=job.owner,
            status=JobStatus.PENDING,
            model=job.model,
            instructions=job.instructions,
            max_chunk_chars=job.max_chunk_chars,
            max_attempts=job.max_attempts,
            document_key=job.source.key,
            document_etag=job.source.etag,
            document_version=job.source.version,
            document_skip=job.source.skip,
            document_id=job.document_id,
            document_encoding=None if job.document_id else "utf-8",
            overlap_chars=job.overlap_chars,
            document_chars=job.document_chars,
            document_bytes=job.document_bytes,
            bom_removed=job.bom_removed,
            total_chunks=len(spans) if spans else None,
            plan_chunk=len(spans) if spans else 0,
            plan_char=end.char_end if end else 0,
            plan_byte=end.byte_end if end else 0,
            plan_due_at=None if spans else now() + timing.plan_lease_ms,
            created_at=now(),
            updated_at=now(),
        )
    )


def source_of(row: Row[Any]) -> Source:
    """Where the text of a job's row lies."""
    return Source(row.document_key, row.document_etag, row.document_version, row.document_skip)


def span_of(row: Row[Any]) -> Span:
    """Where the chunk of a row lies."""
    return Span(row.chunk_index, row.char_start, row.char_end, row.byte_start, row.byte_end, row.sha256)


def insert_chunks(connection: Connection, job_id: str, spans: Sequence[Span], timing: Timing) -> None:
    """PENDING rows, hinted as if their messages were sent now: a lost send is made up for when they fall due."""
    due = connection.scalar(select(now() + timing.hint_after_ms))
    connection.execute(
        insert(chunks),
        [
            {
                "job_id": job_id,
                "chunk_index": span.chunk_index,
                "status": ChunkStatus.PENDING,
                "char_start": span.char_start,
                "char_end": span.char_end,
                "byte_start": span.byte_start,
                "byte_end": span.byte_end,
                "sha256": span.sha256,
                "hint_due_at": due,
            }
            for span in spans
        ],
    )
