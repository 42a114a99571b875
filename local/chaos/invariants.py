"""What must hold of every run, whatever struck. Each is a function that yields one line for each violation. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from functions.core.jobs import ACTIVE_JOB, ChunkStatus, JobStatus, Progress, outcome
from functions.core.outcomes import OUTCOMES, Outcome
from functions.core.providers.simulated import simulated_text
from functions.core.results import SEPARATOR
from local.chaos.documents import POISON
from local.chaos.evidence import Call, Evidence, Row

_RACE = 1.0  # seconds
_UNCOUNTED = frozenset({code for code, means in OUTCOMES.items() if means is Outcome.OUTAGE} | {"cancelled"})

Invariant = Callable[[Evidence], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Violation:
    """Which invariant does not hold, and where."""

    invariant: str
    what: str


def violations(evidence: Evidence) -> list[Violation]:
    """All of them, in the order of `INVARIANTS`."""
    return [Violation(name, what) for name, invariant in INVARIANTS.items() for what in invariant(evidence)]


def no_job_is_lost(evidence: Evidence) -> Iterator[str]:
    """Every id that a 202 gave has its row, made from the document that was sent."""
    for job_id, label in evidence.accepted.items():
        job = evidence.jobs.get(job_id)
        if job is None:
            yield f"{job_id} was accepted and is not there"
        elif job["instructions"] != label:
            yield f"{job_id} was made from another document"


def every_job_ends(evidence: Evidence) -> Iterator[str]:
    """Also those whose 202 never reached the client."""
    for job_id, job in evidence.jobs.items():
        if job["status"] in ACTIVE_JOB:
            yield f"{job_id} is {job['status']}: {job['chunks_completed']} + {job['chunks_failed']} chunks have ended"


def every_job_ends_once(evidence: Evidence) -> Iterator[str]:
    """A finalizer says so where its UPDATE moved the row; a killed one may have said nothing."""
    for job_id, times in evidence.endings.items():
        job = evidence.jobs.get(job_id)
        if times > (job["run"] if job else 0):
            yield f"{job_id} was ended {times} times"


def counters_are_rows(evidence: Evidence) -> Iterator[str]:
    """Promise 3: counters change by the rows that moved."""
    for job_id, job in evidence.jobs.items():
        rows = evidence.chunks.get(job_id, [])
        of_rows = (len(rows), _many(rows, ChunkStatus.COMPLETED), _many(rows, ChunkStatus.FAILED))
        counted = (job["total_chunks"], job["chunks_completed"], job["chunks_failed"])
        if counted != of_rows:
            yield f"{job_id} counts {counted} (all, completed, failed), its rows are {of_rows}"


def states_follow_counters(evidence: Evidence) -> Iterator[str]:
    """The one way in which chunks decide what becomes of a job."""
    for job_id, job in evidence.jobs.items():
        progress = Progress(job["total_chunks"], job["chunks_completed"], job["chunks_failed"])
        if job["status"] in ACTIVE_JOB:
            continue
        if not progress.all_done or outcome(progress) != job["status"]:
            yield f"{job_id} is {job['status']} with {progress} ({job['error_code'] or 'no error'})"


def spans_tile(evidence: Evidence) -> Iterator[str]:
    """Chunks follow one another without gap or overlap, in characters and in bytes, from end to end."""
    for job_id, job in evidence.jobs.items():
        text, at, byte = evidence.text(job), 0, 0
        for index, row in enumerate(evidence.chunks.get(job_id, [])):
            size = row["char_end"] - row["char_start"]
            begins = (row["chunk_index"], row["char_start"], row["byte_start"]) == (index, at, byte)
            at, byte = row["char_end"], byte + len(text[row["char_start"] : row["char_end"]].encode())
            if not begins or byte != row["byte_end"] or not 0 < size <= job["max_chunk_chars"]:
                yield f"{job_id} chunk {row['chunk_index']} does not follow the one before it"
                break
        if at != len(text):
            yield f"{job_id} has chunks over {at} of {len(text)} characters"


def chunks_end_as_they_must(evidence: Evidence) -> Iterator[str]:
    """What the model refuses fails after all its attempts; all else has a result, unless it met too many crashes."""
    for job_id, job in evidence.jobs.items():
        for row in evidence.chunks.get(job_id, []):
            wrong = _wrong_end(row, evidence.text(job), job["max_attempts"], evidence.crash_limit)
            if wrong:
                yield f"{job_id} chunk {row['chunk_index']} {wrong}"


def _wrong_end(row: Row, text: str, max_attempts: int, crash_limit: int) -> str:
    span = text[row["char_start"] : row["char_end"]]
    if row["status"] == ChunkStatus.COMPLETED:
        right = row["result"] == simulated_text(row["chunk_index"], span) and POISON not in span
        return "" if right else "has a result that is not its own"
    if row["status"] != ChunkStatus.FAILED:
        return f"is {row['status']}"
    if row["error_code"] == "worker_crashed":
        return "" if row["crashes"] >= crash_limit else f"was given up after {row['crashes']} crashes"
    refused = POISON in span and row["error_code"] == "server_error" and row["attempts"] == max_attempts
    return "" if refused else f"failed with {row['error_code']} after {row['attempts']} attempts"


def results_are_whole(evidence: Evidence) -> Iterator[str]:
    """What the client gets are the chunks' results in order, wherever the whole lies."""
    for job_id, job in evidence.jobs.items():
        if job["status"] in (JobStatus.COMPLETED, JobStatus.PARTIAL_SUCCESS):
            texts = [row["result"] for row in evidence.chunks.get(job_id, []) if row["status"] == ChunkStatus.COMPLETED]
            if evidence.results.get(job_id) != SEPARATOR.join(texts):
                yield f"{job_id} has a result that is not its chunks' results in order"


def finished_work_is_not_paid_for_again(evidence: Evidence) -> Iterator[str]:
    """No call for a chunk begins after its result was stored.

    One race is allowed: a worker that is frozen between its look at the row and its call makes that call when it goes
    on, though another worker has finished the chunk meanwhile. Nothing but the model's own idempotency could stop it.
    """
    for call, stored in _late_calls(evidence):
        if not _of_a_zombie(call, stored, evidence):
            late = call.start - stored
            yield f"{call.job_id} chunk {call.chunk_index} was called {late:.3f} s after its result was stored"


def calls_of_zombies(evidence: Evidence) -> int:
    """How many calls that race has cost."""
    return sum(_of_a_zombie(call, stored, evidence) for call, stored in _late_calls(evidence))


def _late_calls(evidence: Evidence) -> Iterator[tuple[Call, float]]:
    """Calls that began after their chunk's result was stored, and when that was; a millisecond is the rows' grain."""
    for (job_id, index), calls in evidence.calls.items():
        row = _row(evidence, job_id, index)
        if row is not None and row["status"] == ChunkStatus.COMPLETED:
            stored = row["finished_at"] / 1000
            yield from ((call, stored) for call in calls if call.start > stored + 0.001)


def _of_a_zombie(call: Call, stored: float, evidence: Evidence) -> bool:
    return any(
        began - _RACE <= stored and ended - _RACE <= call.start <= ended + _RACE for began, ended in evidence.freezes
    )


def calls_are_bounded(evidence: Evidence) -> Iterator[str]:
    """At most `max_attempts` and one for each crash; what the provider refused for lack of room is not counted."""
    for (job_id, index), calls in evidence.calls.items():
        job = evidence.jobs.get(job_id)
        counted = sum(call.outcome not in _UNCOUNTED for call in calls)
        if job is None:
            yield f"{job_id} is not there and was called for"
        elif counted > job["max_attempts"] + evidence.crash_limit:
            yield f"{job_id} chunk {index} was called {counted} times"


def no_message_changes_anything(evidence: Evidence) -> Iterator[str]:
    """Whatever still lies in a queue, or came again, finds nothing to do."""
    if evidence.left:
        yield f"{evidence.left} messages are still to be received"
    for job_id in evidence.changed:
        yield f"{job_id} was changed by a message that came again"


def logs_quote_nothing(evidence: Evidence) -> Iterator[str]:
    """No document's text in any log."""
    for log in evidence.quotes:
        yield f"{log} quotes a document"


def clients_see_only_progress(evidence: Evidence) -> Iterator[str]:
    """What somebody sees who polls: never less than before, never another end, never a refusal."""
    yield from evidence.seen


INVARIANTS: dict[str, Invariant] = {
    invariant.__name__: invariant
    for invariant in (
        no_job_is_lost,
        every_job_ends,
        every_job_ends_once,
        counters_are_rows,
        states_follow_counters,
        spans_tile,
        chunks_end_as_they_must,
        results_are_whole,
        finished_work_is_not_paid_for_again,
        calls_are_bounded,
        no_message_changes_anything,
        logs_quote_nothing,
        clients_see_only_progress,
    )
}


def _many(rows: object, status: ChunkStatus) -> int:
    return sum(row["status"] == status for row in rows)  # type: ignore[attr-defined]


def _row(evidence: Evidence, job_id: str, index: int) -> Row | None:
    rows = evidence.chunks.get(job_id, [])
    return rows[index] if index < len(rows) else None
