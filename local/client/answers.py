"""What the service answers, by its own names; fields that a newer service adds are kept as they come.

Offsets are half-open: `char_*` in Unicode code points, `byte_*` in bytes of UTF-8. Times are RFC 3339, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired, TypedDict

ENDED = frozenset({"COMPLETED", "PARTIAL_SUCCESS", "FAILED", "CANCELLED"})


class Options(TypedDict, total=False):
    """How a document is to be analysed; what is left out, or None, is the service's default."""

    max_chunk_chars: int | None
    max_attempts: int | None
    overlap_chars: int | None
    instructions: str | None
    model: str | None


class Accepted(TypedDict):
    """A job that was just taken; the counts are None where a planner has still to read the document."""

    job_id: str
    status: str
    total_chunks: int | None
    document_chars: int | None
    document_bytes: int | None
    bom_removed: bool


class Failure(TypedDict):
    """Why something failed: `code` for programs, `message` for people."""

    code: str
    message: str


class ChunkError(TypedDict):
    """A failed chunk, as a job lists it."""

    chunk_index: int
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    code: str
    message: str
    attempts: int


class Job(TypedDict):
    """A job; in a list without `chunk_errors` and `analysis_result`."""

    job_id: str
    status: str
    run: int
    model: str
    max_chunk_chars: int
    max_attempts: int
    overlap_chars: int
    document_id: str | None
    document_chars: int | None
    document_bytes: int | None
    bom_removed: bool
    progress_pct: int
    total_chunks: int | None
    chunks_completed: int
    chunks_failed: int
    chunk_errors: NotRequired[list[ChunkError]]
    chunk_errors_truncated: NotRequired[bool]
    error: Failure | None
    error_summary: str | None
    analysis_result: NotRequired[str | None]
    result_url: str | None
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None
    expires_at: str | None


class Retried(TypedDict):
    """The run that a retry began."""

    job_id: str
    status: str
    run: int
    total_chunks: int | None


class JobPage(TypedDict):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


class Chunk(TypedDict):
    """A chunk; `result` is None unless it is COMPLETED, or was too large for the page."""

    chunk_index: int
    status: str
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    attempts: int
    result: str | None
    result_bytes: int | None
    error: Failure | None
    finished_at: str | None


class ChunkPage(TypedDict):
    """Chunks in order; `next_cursor` is None at the end of what is planned so far."""

    items: list[Chunk]
    next_cursor: str | None
    finished_prefix: int
    total_chunks: int | None
    planned_chunks: int
    status: str
    run: int


class Span(TypedDict):
    """Where a chunk lies, and a digest of its text; `sha256` is None for chunks older than that column."""

    chunk_index: int
    status: str
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    attempts: int
    sha256: str | None


class CoveragePage(TypedDict):
    """Spans in order; together they tile the document."""

    items: list[Span]
    next_cursor: str | None
    document_chars: int | None
    document_bytes: int | None


class Put(TypedDict):
    """A signed request: this method, this URL, exactly these headers."""

    method: str
    url: str
    headers: dict[str, str]


class PartPut(Put):
    """The same for one part of a multipart upload; numbers count from 1."""

    part_number: int


class Offered(TypedDict):
    """What is still to be sent, good until `expires_at`: `parts`, or a single `url` with its `headers`."""

    expires_at: str
    method: NotRequired[str]
    url: NotRequired[str]
    headers: NotRequired[dict[str, str]]
    parts: NotRequired[list[PartPut]]


class Document(TypedDict):
    """An upload; `status` is waiting, uploaded or expired."""

    document_id: str
    status: str
    bytes: int
    content_type: str
    created_at: str
    expires_at: str
    upload: NotRequired[Offered | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as one GET showed it: parsed, the body as it came, and the server's wish for the next look in seconds."""

    job: Job
    body: str
    retry_after: float | None
    etag: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the job is in a terminal state."""
        return self.job["status"] in ENDED
