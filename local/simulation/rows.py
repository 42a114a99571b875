"""What is looked at of the database: its committed rows, past every fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from functions.core.jobs import ACTIVE_JOB
from local.simulation.story import Key, Violation

if TYPE_CHECKING:
    from local.simulation.database import SimulatedDatabase

ACTIVE = frozenset(status.value for status in ACTIVE_JOB)


class JobRow(NamedTuple):
    """A job."""

    job_id: str
    status: str
    run: int
    total: int | None
    completed: int
    failed: int
    max_attempts: int
    max_chunk_chars: int
    result: str | None
    result_key: str | None
    error_code: str | None
    plan_due_at: int | None
    finalize_due_at: int | None
    finished_at: int | None
    finalize_tries: int
    document_id: str | None
    document_encoding: str | None
    document_etag: str | None
    document_chars: int
    document_bytes: int
    error_message: str | None
    records_bytes: int | None


class DocumentRow(NamedTuple):
    """An upload. Times: milliseconds by the database's clock."""

    document_id: str
    jobs: int
    etag: str | None
    expires_at: int


class ChunkRow(NamedTuple):
    """A chunk. Times: milliseconds by the database's clock."""

    job_id: str
    chunk_index: int
    status: str
    claim_no: int
    attempts: int
    crashes: int
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    result: str | None
    error_code: str | None
    lease_until: int | None
    not_before: int | None
    parked_since: int | None
    hint_due_at: int | None
    sha256: str | None

    @property
    def key(self) -> Key:
        """Which chunk it is."""
        return self.job_id, self.chunk_index

    @property
    def span(self) -> tuple[int, int, int, int]:
        """Where it lies."""
        return self.char_start, self.char_end, self.byte_start, self.byte_end


Jobs = dict[str, JobRow]
Chunks = dict[str, list[ChunkRow]]
Documents = dict[str, DocumentRow]

_JOBS = (
    "SELECT job_id, status, run, total_chunks, chunks_completed, chunks_failed, max_attempts, max_chunk_chars, "
    "analysis_result, result_key, error_code, plan_due_at, finalize_due_at, "
    "finished_at, finalize_tries, document_id, document_encoding, document_etag, document_chars, document_bytes, "
    "error_message, records_bytes FROM analysis_jobs"
)
_CHUNKS = (
    "SELECT job_id, chunk_index, status, claim_no, attempts, crashes, char_start, char_end, byte_start, byte_end, "
    "result, error_code, lease_until, not_before, parked_since, hint_due_at, sha256 FROM chunk_records "
    "ORDER BY job_id, chunk_index"
)


def read(database: SimulatedDatabase) -> tuple[Jobs, Chunks]:
    """All rows. Raises Violation where a chunk has no job."""
    jobs = {row[0]: JobRow._make(row) for row in database.rows(_JOBS)}
    chunks: Chunks = {job_id: [] for job_id in jobs}
    for row in database.rows(_CHUNKS):
        if row[0] not in jobs:
            raise Violation(f"a chunk of {row[0]} is there, its job is not")
        chunks[row[0]].append(ChunkRow._make(row))
    return jobs, chunks


def read_documents(database: SimulatedDatabase) -> Documents:
    """All uploads, by id."""
    rows = database.rows("SELECT document_id, jobs, etag, expires_at FROM documents ORDER BY document_id")
    return {row[0]: DocumentRow._make(row) for row in rows}


def read_deletions(database: SimulatedDatabase) -> set[str]:
    """The keys that are to be deleted."""
    return {key for (key,) in database.rows("SELECT object_key FROM deletions")}


def brief(job: JobRow, rows: list[ChunkRow]) -> str:
    """A job on one line: its chunks P(ending), W(orked on), C(ompleted) or F(ailed), with their claim numbers."""
    letters = {"PENDING": "P", "PROCESSING": "W", "COMPLETED": "C", "FAILED": "F"}
    shown = " ".join(f"{letters[row.status]}{row.claim_no}" for row in rows)
    total = "?" if job.total is None else job.total
    return f"{job.status} run {job.run}, {job.completed}+{job.failed}/{total} [{shown}]"
