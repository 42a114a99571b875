"""What may become of rows in one transaction. Pure: each rule is given what was and what is, and raises Violation."""

from __future__ import annotations

import hashlib

from functions.core.jobs import CHUNK_MOVES, JOB_MOVES, ChunkStatus, JobStatus, Progress, outcome
from functions.core.results import SEPARATOR
from functions.core.settings import Settings
from local.simulation.rows import ACTIVE, ChunkRow, JobRow
from local.simulation.story import Broken, Violation, answer_to

RETRIABLE = (JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED)
_RETRIED = frozenset({"server_error", "timeout", "connection_reset", "bad_response"})
_WAITED = frozenset({"rate_limited", "deadline_near", "storage_unavailable"})
_NEVER = frozenset({"document_missing", "document_unreadable", "document_empty", "too_many_chunks"})  # unless it is so
_OURS = ("planner_crashed", "storage_unavailable", "plan_failed")  # whatever the document


def job_begins(job: JobRow) -> None:
    """A job that was not there before."""
    if (job.status, job.run) != (JobStatus.PENDING, 1):
        raise Violation(f"{job.job_id} begins as {job.status}, run {job.run}")


def job_moves(was: JobRow, job: JobRow) -> None:
    """The state machine; one end a run, and nothing changes after it."""
    retried = was.status in RETRIABLE and job.status in ACTIVE
    if job.run != was.run + retried:
        raise Violation(f"{job.job_id} goes from run {was.run} ({was.status}) to run {job.run} ({job.status})")
    if job.status != was.status and JobStatus(job.status) not in JOB_MOVES[JobStatus(was.status)]:
        raise Violation(f"{job.job_id} goes from {was.status} to {job.status}")
    if was.total is not None and job.total != was.total:
        raise Violation(f"the total of {job.job_id} goes from {was.total} to {job.total}")
    ended = was.status not in ACTIVE and not retried
    if ended and (job.result, job.result_key, job.finished_at) != (was.result, was.result_key, was.finished_at):
        raise Violation(f"{job.job_id} ended twice in run {job.run}")


def counters(job: JobRow, rows: list[ChunkRow]) -> None:
    """Counters equal rows."""
    completed = sum(row.status == ChunkStatus.COMPLETED for row in rows)
    failed = sum(row.status == ChunkStatus.FAILED for row in rows)
    if (completed, failed) != (job.completed, job.failed):
        raise Violation(f"{job.job_id} counts {job.completed} + {job.failed}, its rows say {completed} + {failed}")


def contiguous(job: JobRow, rows: list[ChunkRow], before: int) -> None:
    """Rows only come, and each begins where the one before it ends."""
    if len(rows) < before:
        raise Violation(f"chunks of {job.job_id} vanished: {before} were {len(rows)}")
    end = 0
    for number, row in enumerate(rows):
        if row.chunk_index != number or row.char_start != end:
            raise Violation(f"chunk {row.key} begins at character {row.char_start}, not at {end}")
        end = row.char_end


def tiles(job: JobRow, rows: list[ChunkRow], text: str) -> None:
    """A complete plan: characters and bytes of every span, and nothing left out."""
    if len(rows) != job.total or "".join(text[row.char_start : row.char_end] for row in rows) != text:
        raise Violation(f"the {len(rows)} chunks of {job.job_id} do not tile its document")
    if (job.document_chars, job.document_bytes) != (len(text), len(text.encode())):
        raise Violation(f"{job.job_id} says {job.document_chars} characters and {job.document_bytes} bytes of {text!r}")
    for row in rows:
        if row.sha256 != hashlib.sha256(text[row.char_start : row.char_end].encode()).hexdigest():
            raise Violation(f"{row} does not have the digest of its span")
        sizes = len(text[: row.char_start].encode()), len(text[: row.char_end].encode())
        if (row.byte_start, row.byte_end) != sizes or row.char_end - row.char_start > job.max_chunk_chars:
            raise Violation(f"{row} is not a span of at most {job.max_chunk_chars} characters in {text!r}")


def chunk_moves(was: ChunkRow, row: ChunkRow, *, retried: bool) -> None:
    """The state machine; spans, claim numbers and results."""
    if row.span != was.span:
        raise Violation(f"the span of {row.key} changed")
    if row.claim_no < was.claim_no:
        raise Violation(f"the claim number of {row.key} goes from {was.claim_no} to {row.claim_no}")
    if row.status != was.status and ChunkStatus(row.status) not in CHUNK_MOVES[ChunkStatus(was.status)]:
        raise Violation(f"chunk {row.key} goes from {was.status} to {row.status}")
    if was.status == ChunkStatus.FAILED and row.status != was.status and not retried:
        raise Violation(f"chunk {row.key} leaves FAILED without a retry")
    if retried and was.status == ChunkStatus.FAILED and row.claim_no <= was.claim_no:
        raise Violation(f"chunk {row.key} begins anew, and what belongs to its earlier run is not older")
    if row.claim_no == was.claim_no and (was.status, row.status) == (ChunkStatus.PENDING, ChunkStatus.PROCESSING):
        raise Violation(f"chunk {row.key} is claimed, and its claim number stays {row.claim_no}")
    if was.status == ChunkStatus.COMPLETED and row.result != was.result:
        raise Violation(f"the result of {row.key} changed")
    if row.attempts < was.attempts and not retried:
        raise Violation(f"the attempts of {row.key} go from {was.attempts} to {row.attempts}")
    if row.error_code in _NEVER:
        raise Violation(f"chunk {row.key} ends with {row.error_code}: its document was there")


def in_budget(job: JobRow, row: ChunkRow, *, calls: int, crash_limit: int) -> None:
    """Attempts and crashes; no attempt is counted for which no call was made that counts."""
    if row.attempts > job.max_attempts or row.crashes > crash_limit:
        raise Violation(f"chunk {row.key} has {row.attempts} attempts and {row.crashes} crashes")
    if row.status == ChunkStatus.PROCESSING and row.crashes >= crash_limit:
        raise Violation(f"chunk {row.key} is worked on after {row.crashes} crashes")
    if row.attempts > calls:
        raise Violation(f"chunk {row.key} counts {row.attempts} attempts, and {calls} calls were made that count")


def answered(row: ChunkRow, text: str) -> None:
    """A completed chunk has what the model said of its span."""
    if row.result != answer_to(*row.key, text[row.char_start : row.char_end]):
        raise Violation(f"the result of {row.key} is not what the model said of its span")


def looked_after(job: JobRow, rows: list[ChunkRow]) -> None:
    """Of whatever stands still in an active job it is written down when somebody must look after it."""
    for row in rows:
        if row.status == ChunkStatus.PENDING and row.hint_due_at is None:
            raise Violation(f"chunk {row.key} waits, and nothing says until when")
        if row.status == ChunkStatus.PROCESSING and row.lease_until is None:
            raise Violation(f"chunk {row.key} is worked on without a lease")
    if job.total is None and job.plan_due_at is None:
        raise Violation(f"{job.job_id} is not planned, and nothing says when it must be")
    if job.total == job.completed + job.failed and job.finalize_due_at is None:
        raise Violation(f"{job.job_id} is complete, and nothing says when it must be finalized")


def chunk_may_fail(was: ChunkRow, row: ChunkRow, job: JobRow, settings: Settings, now: int) -> None:
    """A chunk is given up for a reason: its attempts are spent, or it has waited for too long."""
    if row.error_code in _RETRIED and row.attempts < job.max_attempts:
        raise Violation(f"chunk {row.key} fails with {row.error_code} after {row.attempts} attempts")
    if row.error_code in _WAITED and now - (was.parked_since or now) <= settings.max_park * 1000:
        raise Violation(f"chunk {row.key} fails with {row.error_code} since {was.parked_since}, and it is {now}")


def job_may_fail(job: JobRow, settings: Settings, broken: Broken | None, *, passed: float) -> None:
    """The same for a job as a whole, of a document that may be `broken`; `passed`: the seconds of this history."""
    if broken and job.status != JobStatus.CANCELLED:
        if job.error_code not in (broken.code, *_OURS) or (
            job.error_code == broken.code and broken.words not in (job.error_message or "")
        ):
            raise Violation(f"{job.job_id} ends with {job.error_code} ({job.error_message}), and {broken} was to be")
    elif job.error_code in _NEVER:
        raise Violation(f"{job.job_id} ends with {job.error_code} ({job.error_message}): its document was there")
    waited = passed > settings.max_park
    if job.error_code == "assembly_failed" and job.finalize_tries <= settings.finalize_tries and not waited:
        raise Violation(f"{job.job_id} is given up after {job.finalize_tries} tries to put it together")
    if job.error_code == "storage_unavailable" and not waited:
        raise Violation(f"{job.job_id} is given up after {passed:.0f} s")


def job_ends(job: JobRow, rows: list[ChunkRow], result: str) -> None:
    """The terminal state is the one the counters say, and the result is the chunks' results in order."""
    if job.status == JobStatus.CANCELLED or (job.total is None and job.status == JobStatus.FAILED):
        return
    progress = Progress(job.total, job.completed, job.failed)
    if not progress.all_done or job.status != outcome(progress):
        raise Violation(f"{job.job_id} ended as {job.status} with {progress}")
    wanted = SEPARATOR.join(row.result or "" for row in rows if row.status == ChunkStatus.COMPLETED)
    if job.error_code != "assembly_failed" and result != wanted:
        raise Violation(f"the result of {job.job_id} is not its chunks' results in order")
