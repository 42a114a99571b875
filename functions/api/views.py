"""Jobs as a client sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from functions.core.jobs import JobStatus, progress_pct
from functions.core.model import ChunkError, JobView, NewJob

MOST_CHUNK_ERRORS = 100


class Accepted(BaseModel):
    """The answer to POST /v1/analyze."""

    job_id: str
    status: Literal[JobStatus.PENDING] = JobStatus.PENDING
    total_chunks: int | None = Field(description="null until the plan of a large document is complete")
    document_chars: int
    document_bytes: int
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
    """Why a job as a whole failed, over its whole document."""

    code: str
    message: str
    char_start: int = 0
    char_end: int
    byte_start: int = 0
    byte_end: int


class JobBody(BaseModel):
    """The answer to GET /v1/analyze/{job_id}. Times are RFC 3339, UTC."""

    job_id: str
    status: JobStatus
    run: int
    model: str
    max_chunk_chars: int
    max_attempts: int
    document_chars: int
    document_bytes: int
    bom_removed: bool
    progress_pct: int = Field(ge=0, le=100, description="100 only in a terminal state")
    total_chunks: int | None = Field(description="null until the plan is complete")
    chunks_completed: int
    chunks_failed: int
    chunk_errors: list[ChunkErrorBody] = Field(description=f"the first {MOST_CHUNK_ERRORS}, in chunk order")
    chunk_errors_truncated: bool
    error: JobError | None
    error_summary: str | None
    analysis_result: str | None = Field(description="the completed results in chunk order; a large one: result_url")
    result_url: str | None
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None


class Health(BaseModel):
    """The answer to GET /health."""

    service: Literal["piecewise"] = "piecewise"
    version: str
    status: Literal["ok"] = "ok"


def accepted(job: NewJob, total_chunks: int | None) -> Accepted:
    """A job that has just been made durable."""
    return Accepted(
        job_id=job.job_id,
        total_chunks=total_chunks,
        document_chars=job.document_chars,
        document_bytes=job.document_bytes,
        bom_removed=job.bom_removed,
    )


def job_body(job: JobView, errors: Sequence[ChunkError], result_url: str) -> JobBody:
    """A job; `errors` may hold one more than is shown; `result_url` is shown when the result is not inline."""
    return JobBody(
        job_id=job.job_id,
        status=job.status,
        run=job.run,
        model=job.model,
        max_chunk_chars=job.max_chunk_chars,
        max_attempts=job.max_attempts,
        document_chars=job.document_chars,
        document_bytes=job.document_bytes,
        bom_removed=job.bom_removed,
        progress_pct=progress_pct(job.status, job.progress),
        total_chunks=job.progress.total,
        chunks_completed=job.progress.completed,
        chunks_failed=job.progress.failed,
        chunk_errors=[_chunk_error(error) for error in errors[:MOST_CHUNK_ERRORS]],
        chunk_errors_truncated=len(errors) > MOST_CHUNK_ERRORS,
        error=_job_error(job),
        error_summary=job.error_summary,
        analysis_result=job.analysis_result,
        result_url=result_url if job.result_key else None,
        created_at=timestamp(job.created_at),
        started_at=_maybe(job.started_at),
        updated_at=timestamp(job.updated_at),
        finished_at=_maybe(job.finished_at),
    )


def timestamp(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-22T06:17:00.123Z."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _maybe(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)


def _job_error(job: JobView) -> JobError | None:
    if job.error is None:
        return None
    return JobError(
        code=job.error.code, message=job.error.message, char_end=job.document_chars, byte_end=job.document_bytes
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
