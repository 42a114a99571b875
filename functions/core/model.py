"""The nouns that rooms and adapters hand to each other: plain frozen records, no behaviour. Pure.

Times are milliseconds since 1970-01-01 UTC of the database's clock. Offsets are half-open: `char_*` in Unicode code
points, `byte_*` in bytes of UTF-8, both over the stored document (a leading BOM is not part of it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from functions.core.jobs import JobStatus, Progress


@dataclass(frozen=True, slots=True)
class Span:
    """Where a chunk lies in its document."""

    chunk_index: int
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a chunk or a job failed, in our words: `code` for programs, `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as the API accepts it."""

    job_id: str
    owner: str
    model: str
    instructions: str | None
    max_chunk_chars: int
    max_attempts: int
    document_key: str
    document_chars: int
    document_bytes: int
    bom_removed: bool


@dataclass(frozen=True, slots=True)
class ChunkHint:
    """A chunk message: a pointer, with the row's `claim_no` when it was sent.

    `owner`: whose turn in the queue it takes; no part of the message, so None in one that was received.
    """

    job_id: str
    chunk_index: int
    claim_no: int
    owner: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PlanHint:
    """A plan message: a pointer, with the job's `plan_claim_no` when it was sent."""

    job_id: str
    claim_no: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk that this worker holds: `claim_no` is its fencing token."""

    job_id: str
    span: Span
    claim_no: int
    attempts: int
    crashes: int
    max_attempts: int
    model: str
    instructions: str | None
    document_key: str
    parked_ms: int
    owner: str

    @property
    def chunk_index(self) -> int:
        """The chunk's place in its document, from 0."""
        return self.span.chunk_index


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """The answer to a batch of hints: what is ours now, and what must be sent again (hint, delay in seconds).

    `crashed`: how many of the claims were taken over from workers that had died.
    """

    claims: list[Claim]
    early: list[tuple[ChunkHint, int]]
    crashed: int


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What the model said of a chunk; `text` is storable (no NUL, no lone surrogate)."""

    chunk_index: int
    text: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What a counting transaction did: which rows moved, and whether this was the last one of `run`."""

    chunk_indexes: frozenset[int]
    all_done: bool
    run: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan under way, held by one planner: the cursor says where the next chunk begins."""

    job_id: str
    claim_no: int
    document_key: str
    document_chars: int
    document_bytes: int
    max_chunk_chars: int
    next_chunk: int
    next_char: int
    next_byte: int
    waiting_ms: int  # since it last made progress
    owner: str


@dataclass(frozen=True, slots=True)
class FinalizeTask:
    """A job whose chunks are all terminal, ready to be put together."""

    job_id: str
    run: int
    progress: Progress
    tries: int
    waiting_ms: int  # since the last chunk moved


@dataclass(frozen=True, slots=True)
class Retried:
    """A run that a retry began, and the messages that it wants sent; `plan`: the document is still to be planned."""

    run: int
    hints: list[ChunkHint]
    plan: PlanHint | None


@dataclass(frozen=True, slots=True)
class ChunkError:
    """A failed chunk as a client sees it."""

    span: Span
    failure: Failure
    attempts: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as GET shows it."""

    job_id: str
    status: JobStatus
    run: int
    progress: Progress
    model: str
    max_chunk_chars: int
    max_attempts: int
    document_chars: int
    document_bytes: int
    bom_removed: bool
    error: Failure | None
    error_summary: str | None
    analysis_result: str | None
    result_key: str | None
    result_bytes: int | None
    created_at: int
    started_at: int | None
    updated_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model. `char_start` lets a provider quote with offsets into the whole document."""

    job_id: str
    chunk_index: int
    attempt: int
    text: str
    char_start: int
    instructions: str | None


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said."""

    text: str


class Metric(StrEnum):
    """What is measured, by its name in CloudWatch. Counts are of rows that a commit has moved, never of messages."""

    STUCK_JOBS = "StuckJobs"  # a gauge: active jobs that nothing will bring on, at the end of a reconciler's pass
    CHUNKS_COMPLETED = "ChunksCompleted"
    CHUNKS_FAILED = "ChunksFailed"
    CHUNKS_PARKED = "ChunksParked"  # put off without an attempt: throttled, or something is away
    CHUNKS_CRASHED = "ChunksCrashed"  # leases that ran out, each a worker lost
