"""Chunks as a client sees them: with their results, or as the coverage of their document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from functions.api.views import maybe
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkView


class FailureBody(BaseModel):
    """Why a chunk failed; of one that is still tried, why its latest call did."""

    code: str
    message: str


class SpanBody(BaseModel):
    """Where a chunk lies. Offsets are half-open, over the stored text: code points, and bytes of UTF-8."""

    chunk_index: int
    status: ChunkStatus
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    attempts: int = Field(description="model calls that count, the one that gave the result too")


class ChunkBody(SpanBody):
    """A chunk of a job."""

    result: str | None = Field(description="null unless it is COMPLETED; and when it alone is too large for an answer")
    result_bytes: int | None = Field(description="of the result in UTF-8; null unless it is COMPLETED")
    error: FailureBody | None
    finished_at: str | None


class CoverageSpan(SpanBody):
    """A span of the document."""

    sha256: str | None = Field(description="of its UTF-8, in hex; null for jobs older than this field")


class _Page(BaseModel):
    next_cursor: str | None = Field(
        description="`after` of the next page; null at the end of what is planned so far: ask a running job again"
    )
    finished_prefix: int = Field(description="how many chunks from the first one on are terminal, without a gap")
    total_chunks: int | None = Field(description="null until the plan is complete")
    planned_chunks: int
    status: JobStatus
    run: int


class ChunksPage(_Page):
    """The answer to GET /v1/analyze/{job_id}/chunks, in chunk order."""

    items: list[ChunkBody]


class CoveragePage(_Page):
    """The answer to GET /v1/analyze/{job_id}/coverage, in chunk order.

    Over all pages the spans tile the text: each begins where the one before ends, the last ends at its end.
    """

    items: list[CoverageSpan]
    document_chars: int | None = Field(description="null until an upload has been read")
    document_bytes: int | None = Field(description="of the text in UTF-8; null until an upload has been looked at")


def chunk_body(chunk: ChunkView) -> ChunkBody:
    """A chunk with its result."""
    failure = chunk.failure
    return ChunkBody(
        **_span(chunk),
        result=chunk.result,
        result_bytes=chunk.result_bytes,
        error=FailureBody(code=failure.code, message=failure.message) if failure else None,
        finished_at=maybe(chunk.finished_at),
    )


def coverage_span(chunk: ChunkView) -> CoverageSpan:
    """A chunk as a span of its document."""
    return CoverageSpan(**_span(chunk), sha256=chunk.span.sha256)


def _span(chunk: ChunkView) -> dict[str, Any]:
    """What `SpanBody` holds."""
    span = chunk.span
    return {
        "chunk_index": span.chunk_index,
        "status": chunk.status,
        "char_start": span.char_start,
        "char_end": span.char_end,
        "byte_start": span.byte_start,
        "byte_end": span.byte_end,
        "attempts": chunk.attempts,
    }
