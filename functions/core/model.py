"""The nouns that rooms and adapters hand to each other: plain frozen records, no behaviour. Pure.

Times are milliseconds since 1970-01-01 UTC of the database's clock. Offsets are half-open: `char_*` in Unicode code
points, `byte_*` in bytes of UTF-8, both over the stored document (a leading BOM is not part of it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from functions.core.jobs import ChunkStatus, JobStatus, Progress


@dataclass(frozen=True, slots=True)
class Span:
    """Where a chunk lies in its document; `sha256`: of its UTF-8, in hex, None for rows older than that column."""

    chunk_index: int
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    sha256: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text lies: the object, the version of it that was accepted, and how many bytes stand before the text.

    `etag` and `version` None: the object is ours alone, and nobody else can write it.
    """

    key: str
    etag: str | None = None
    version: str | None = None
    skip: int = 0  # 3 behind the byte order mark of an upload


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
    source: Source
    document_chars: int  # 0 for an upload: its planner counts them
    document_bytes: int  # of the text; for an upload of the object, until its planner has looked at it
    bom_removed: bool
    overlap_chars: int = 0
    document_id: str | None = None  # the upload that it analyses
    idempotency: Idempotency | None = None
    object_due_at: int | None = None  # as `Standing` says; None: nothing was noted of its object


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's `Idempotency-Key`, and a digest of the request that came with it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The job that an idempotency key has made before; it may be deleted by now."""

    job_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What an owner has under way, and what the idempotency key of this request made before."""

    live_jobs: int
    live_chunks: int  # of live jobs, as far as they are planned; terminal chunks among them
    earlier: Earlier | None
    object_due_at: int | None = None  # when the object that was noted is deleted, unless a job strikes the note off


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
    source: Source
    parked_ms: int
    owner: str
    document_bytes: int
    overlap_chars: int = 0

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
    source: Source
    encoding: str | None  # Python's name of the stored text's; None: an upload that nobody has looked at yet
    content_type: str | None  # as the client announced an upload
    transcode_upload: str | None  # the multipart upload that takes the text in UTF-8
    document_id: str | None
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
class ChunkView:
    """A chunk as its owner sees it. `result` is None unless it is COMPLETED, or was too large for the page.

    `result_bytes`: of the result in UTF-8; None unless it is COMPLETED.
    """

    span: Span
    status: ChunkStatus
    attempts: int
    result: str | None
    result_bytes: int | None
    failure: Failure | None  # of a FAILED one; of an open one: why its latest call failed
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as GET shows it; in a list without `analysis_result`."""

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
    records_bytes: int | None = None  # of the results as NDJSON, where they lie in the bucket too
    planned_chunks: int = 0  # rows there are; all of them once `progress.total` is set
    overlap_chars: int = 0
    document_id: str | None = None
    encoding: str | None = "utf-8"  # of what was sent; None: an upload that no planner has looked at yet


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model. `char_start` lets a provider quote with offsets into the whole document."""

    job_id: str
    chunk_index: int
    attempt: int
    text: str
    char_start: int
    instructions: str | None
    before: str = ""  # context: what stands before the text, and after it; no part of the chunk
    after: str = ""


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
