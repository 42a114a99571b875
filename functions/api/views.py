"""Jobs as a client sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from functions.core.jobs import ACTIVE_JOB, JobStatus, progress_pct
from functions.core.model import ChunkError, JobView, NewJob

MOST_CHUNK_ERRORS = 100
_DAY = 86_400_000  # milliseconds


class Accepted(BaseModel):
    """The answer to POST /v1/analyze."""

    job_id: str
    status: JobStatus = Field(description="PENDING; to a repetition with the same Idempotency-Key: what it is by then")
    document_id: str | None = Field(description="the upload that it analyses")
    overlap_chars: int
    total_chunks: int | None = Field(description="null until the plan of a large document is complete")
    document_chars: int | None = Field(description="null until an upload has been read")
    document_bytes: int | None = Field(description="of the text in UTF-8; null until an upload has been looked at")
    bom_removed: bool


class ChunkErrorBody(BaseModel):
    """A failed chunk. Offsets are half-open, over the stored text: code points, and bytes of UTF-8."""

    chunk_index: int
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    code: str
    message: str
    attempts: int


class JobError(BaseModel):
    """Why a job as a whole failed, over its whole document; an end is null where nobody has counted so far."""

    code: str
    message: str
    char_start: int = 0
    char_end: int | None
    byte_start: int = 0
    byte_end: int | None


class JobSummary(BaseModel):
    """A job in a list. Times are RFC 3339, UTC."""

    job_id: str
    status: JobStatus
    run: int = Field(ge=1, description="1, and one more with every retry")
    model: str
    max_chunk_chars: int
    max_attempts: int
    overlap_chars: int = Field(description="characters of neighbouring text that the model sees beside each chunk")
    document_id: str | None = Field(description="the upload that it analyses")
    encoding: str | None = Field(description="of the document as it was sent; null until an upload has been looked at")
    document_chars: int | None = Field(description="null until an upload has been read")
    document_bytes: int | None = Field(description="of the text in UTF-8; null until an upload has been looked at")
    bom_removed: bool
    progress_pct: int = Field(ge=0, le=100, description="100 only in a terminal state")
    total_chunks: int | None = Field(description="null until the plan is complete")
    chunks_completed: int
    chunks_failed: int
    error: JobError | None
    error_summary: str | None
    result_url: str | None = Field(description="where a result lies that is too large to stand here")
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None
    expires_at: str | None = Field(description="when an ended job is erased; null: not before it has ended, or never")


class JobBody(JobSummary):
    """The answer to GET /v1/analyze/{job_id}."""

    chunk_errors: list[ChunkErrorBody] = Field(description=f"the first {MOST_CHUNK_ERRORS}, in chunk order")
    chunk_errors_truncated: bool
    analysis_result: str | None = Field(description="the completed results in chunk order; a large one: result_url")


class JobList(BaseModel):
    """The answer to GET /v1/analyze: newest first."""

    items: list[JobSummary]
    next_cursor: str | None = Field(description="`after` of the next page; null: this was the last")


class Retried(BaseModel):
    """The answer to POST /v1/analyze/{job_id}/retry."""

    job_id: str
    status: JobStatus
    run: int
    total_chunks: int | None


class Health(BaseModel):
    """The answer to GET /health."""

    service: Literal["piecewise"] = "piecewise"
    version: str
    status: Literal["ok"] = "ok"


def accepted(job: NewJob, total_chunks: int | None) -> Accepted:
    """A job that has just been made durable."""
    is_upload = job.document_id is not None
    return Accepted(
        job_id=job.job_id,
        status=JobStatus.PENDING,
        document_id=job.document_id,
        overlap_chars=job.overlap_chars,
        total_chunks=total_chunks,
        document_chars=None if is_upload else job.document_chars,
        document_bytes=None if is_upload else job.document_bytes,
        bom_removed=job.bom_removed,
    )


def accepted_before(job: JobView) -> Accepted:
    """A job that an earlier request with the same idempotency key has made, as it is now."""
    return Accepted(
        job_id=job.job_id,
        status=job.status,
        document_id=job.document_id,
        overlap_chars=job.overlap_chars,
        total_chunks=job.progress.total,
        document_chars=document_chars(job),
        document_bytes=document_bytes(job),
        bom_removed=job.bom_removed,
    )


def job_summary(job: JobView, result_url: str, *, retention_days: int) -> JobSummary:
    """A job without what may be long; `result_url` is shown when the result is not inline."""
    return JobSummary(
        job_id=job.job_id,
        status=job.status,
        run=job.run,
        model=job.model,
        max_chunk_chars=job.max_chunk_chars,
        max_attempts=job.max_attempts,
        overlap_chars=job.overlap_chars,
        document_id=job.document_id,
        encoding=job.encoding,
        document_chars=document_chars(job),
        document_bytes=document_bytes(job),
        bom_removed=job.bom_removed,
        progress_pct=progress_pct(job.status, job.progress),
        total_chunks=job.progress.total,
        chunks_completed=job.progress.completed,
        chunks_failed=job.progress.failed,
        error=_job_error(job),
        error_summary=job.error_summary,
        result_url=result_url if job.result_key else None,
        created_at=timestamp(job.created_at),
        started_at=maybe(job.started_at),
        updated_at=timestamp(job.updated_at),
        finished_at=maybe(job.finished_at),
        expires_at=maybe(expires_at(job, retention_days)),
    )


def job_body(job: JobView, errors: Sequence[ChunkError], result_url: str, *, retention_days: int) -> JobBody:
    """A whole job; `errors` may hold one more than is shown."""
    return JobBody(
        **dict(job_summary(job, result_url, retention_days=retention_days)),
        chunk_errors=[_chunk_error(error) for error in errors[:MOST_CHUNK_ERRORS]],
        chunk_errors_truncated=len(errors) > MOST_CHUNK_ERRORS,
        analysis_result=job.analysis_result,
    )


def document_chars(job: JobView) -> int | None:
    """Characters of the document; None for an upload that is not planned to its end."""
    return None if job.document_id and job.progress.total is None else job.document_chars


def document_bytes(job: JobView) -> int | None:
    """Bytes of the text; None for an upload that no planner has looked at."""
    return None if job.encoding is None else job.document_bytes


def expires_at(job: JobView, retention_days: int) -> int | None:
    """When an ended job is erased, in milliseconds since 1970; None: not as things are."""
    if job.status in ACTIVE_JOB or job.finished_at is None or not retention_days:
        return None
    return job.finished_at + retention_days * _DAY


def timestamp(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-22T06:17:00.123Z."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def maybe(milliseconds: int | None) -> str | None:
    """The same of a time that may not have come."""
    return None if milliseconds is None else timestamp(milliseconds)


def _job_error(job: JobView) -> JobError | None:
    if job.error is None:
        return None
    return JobError(
        code=job.error.code, message=job.error.message, char_end=document_chars(job), byte_end=document_bytes(job)
    )


def _chunk_error(error: ChunkError) -> ChunkErrorBody:
    span = error.span
    return ChunkErrorBody(
        chunk_index=span.chunk_index,
        char_start=span.char_start,
        char_end=span.char_end,
        byte_start=span.byte_start,
        byte_end=span.byte_end,
        code=error.failure.code,
        message=error.failure.message,
        attempts=error.attempts,
    )
