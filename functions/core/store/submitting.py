"""What the api room reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from functions.core.jobs import ChunkStatus, JobStatus, Progress
from functions.core.model import ChunkError, Failure, JobView, NewJob, Source, Span
from functions.core.store.clock import now
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing


def create_job(connection: Connection, job: NewJob, spans: Sequence[Span] | None, timing: Timing) -> None:
    """The job row and, when it is planned already, its chunk rows: the outbox."""
    seen = connection.execute(select(jobs.c.job_id).where(jobs.c.job_id == job.job_id)).one_or_none()
    if seen:  # run again after a commit whose answer was lost; ids are 100 random bits
        return
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
    if spans:
        insert_chunks(connection, job.job_id, spans, timing)


def source_of(row: Row[Any]) -> Source:
    """Where the text of a job's row lies."""
    return Source(row.document_key, row.document_etag, row.document_version, row.document_skip)


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


_JOB = select(jobs).where(jobs.c.job_id == bindparam("asked"), jobs.c.owner == bindparam("asking"))


def read_job(connection: Connection, job_id: str, owner: str) -> JobView | None:
    """The job as its owner sees it; another owner's job is not there."""
    row = connection.execute(_JOB, {"asked": job_id, "asking": owner}).one_or_none()
    if row is None:
        return None
    return JobView(
        job_id=row.job_id,
        status=JobStatus(row.status),
        run=row.run,
        progress=Progress(row.total_chunks, row.chunks_completed, row.chunks_failed),
        model=row.model,
        max_chunk_chars=row.max_chunk_chars,
        max_attempts=row.max_attempts,
        document_chars=row.document_chars,
        document_bytes=row.document_bytes,
        bom_removed=bool(row.bom_removed),
        error=Failure(row.error_code, row.error_message) if row.error_code else None,
        error_summary=row.error_summary,
        analysis_result=row.analysis_result,
        result_key=row.result_key,
        result_bytes=row.result_bytes,
        records_bytes=row.records_bytes,
        planned_chunks=row.plan_chunk,
        overlap_chars=row.overlap_chars,
        document_id=row.document_id,
        encoding=row.document_encoding,
        created_at=row.created_at,
        started_at=row.started_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )


def exists(connection: Connection, job_id: str) -> bool:
    """Whether there is such a job, whoever owns it."""
    return connection.scalar(select(jobs.c.job_id).where(jobs.c.job_id == job_id)) is not None


def read_chunk_errors(connection: Connection, job_id: str, limit: int) -> list[ChunkError]:
    """The first failed chunks in index order."""
    rows = connection.execute(
        select(chunks)
        .where(chunks.c.job_id == job_id, chunks.c.status == ChunkStatus.FAILED)
        .order_by(chunks.c.chunk_index)
        .limit(limit)
    )
    return [
        ChunkError(
            Span(row.chunk_index, row.char_start, row.char_end, row.byte_start, row.byte_end),
            Failure(row.error_code, row.error_message),
            row.attempts,
        )
        for row in rows
    ]
