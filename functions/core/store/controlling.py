"""What a client asks of a job that is there: stop, try the failed chunks again.

Order of locks: everybody else who touches both takes chunk rows before the job row. `retry` takes the job row first,
for the job row says whether there is anything to retry; a job that has ended holds no open chunk, so nobody wants the
two the other way round. A job that failed while it was being planned may hold some: should two meet there, Postgres
ends one with 40P01 and `Database` runs it again.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, case, select, update

from functions.core.jobs import ACTIVE_JOB, RETRIABLE_JOB, ChunkStatus, JobStatus
from functions.core.model import ChunkHint, PlanHint, Retried
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, uncount
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_NOTHING_DUE = {"plan_lease_until": None, "plan_due_at": None, "finalize_due_at": None, "finalize_lease_until": None}
_UNTOLD = dict.fromkeys(
    (
        *("error_code", "error_message", "error_summary", "finished_at"),
        *("analysis_result", "result_key", "result_bytes", "records_bytes"),
    )
)
_UNTRIED = {"attempts": 0, "crashes": 0, "error_code": None, "error_message": None, "finished_at": None}


def cancel(connection: Connection, job_id: str, owner: str) -> JobStatus | None:
    """Stop an active job; its chunk rows stay as they are, and what is under way is still stored and counted."""
    mine = _of(job_id, owner)
    moved = connection.execute(
        update(jobs)
        .where(mine, ACTIVE)
        .values(status=JobStatus.CANCELLED, **_NOTHING_DUE, updated_at=now(), finished_at=now())
    )
    if moved.rowcount:
        return JobStatus.CANCELLED
    status = connection.scalar(select(jobs.c.status).where(mine))
    return None if status is None else JobStatus(status)


def retry(connection: Connection, job_id: str, owner: str, run: int, limit: int, timing: Timing) -> Retried | None:
    """Run the failed chunks of a job again. `run` is compared and set: of two clients at once one starts it.

    The other one, and a transaction run again after a commit whose answer was lost, find the job one run further and
    answer alike: which messages to send. To send some of them twice does no harm.
    """
    begun = connection.execute(
        update(jobs)
        .where(_of(job_id, owner), jobs.c.run == run, jobs.c.status.in_(RETRIABLE_JOB))
        .values(
            status=JobStatus.PROCESSING,
            run=run + 1,
            **_NOTHING_DUE | _UNTOLD,
            finalize_tries=0,
            plan_crashes=0,
            plan_claim_no=jobs.c.plan_claim_no + 1,  # fences a planner of the earlier run
            updated_at=now(),
        )
    )
    if begun.rowcount:
        _reopen(connection, job_id, limit, timing)
    return _retried(connection, job_id, owner, run + 1, limit)


def _of(job_id: str, owner: str) -> ColumnElement[bool]:
    return and_(jobs.c.job_id == job_id, jobs.c.owner == owner)


def _reopen(connection: Connection, job_id: str, limit: int, timing: Timing) -> None:
    """The failed chunks begin anew; the first `limit` are hinted as sent now, the others are due.

    `claim_no` + 1 makes every message of the earlier run older than its row, and fences whoever still works on it.
    """
    here, pending = chunks.c.job_id == job_id, chunks.c.status == ChunkStatus.PENDING
    failed = chunks.c.status == ChunkStatus.FAILED
    first_due = connection.scalar(
        select(chunks.c.chunk_index).where(here, pending | failed).order_by(chunks.c.chunk_index).offset(limit).limit(1)
    )
    sent = now() + timing.hint_after_ms
    anew = {
        "claim_no": chunks.c.claim_no + 1,
        "not_before": None,
        "parked_since": None,
        "hints_sent": 0,
        "hint_due_at": sent if first_due is None else case((chunks.c.chunk_index < first_due, sent), else_=now()),
    }
    # Open chunks are left only where the plan failed: what waits may have been put to rest, what is being worked on
    # keeps its lease.
    connection.execute(update(chunks).where(here, pending).values(anew))
    moved = connection.execute(
        update(chunks).where(here, failed).values(status=ChunkStatus.PENDING, **_UNTRIED, **anew)
    )
    uncount(connection, job_id, moved.rowcount)
    connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.total_chunks.is_(None))
        .values(plan_due_at=now() + timing.plan_lease_ms)
    )


def _retried(connection: Connection, job_id: str, owner: str, run: int, limit: int) -> Retried | None:
    """What a run that has begun wants sent."""
    row = connection.execute(
        select(jobs.c.status, jobs.c.total_chunks, jobs.c.plan_claim_no).where(_of(job_id, owner), jobs.c.run == run)
    ).one_or_none()
    if row is None:
        return None
    if row.status not in ACTIVE_JOB:
        return Retried(run, [], plan=None)
    waiting = connection.execute(
        select(chunks.c.chunk_index, chunks.c.claim_no)
        .where(chunks.c.job_id == job_id, chunks.c.status == ChunkStatus.PENDING)
        .order_by(chunks.c.chunk_index)
        .limit(limit)
    )
    hints = [ChunkHint(job_id, row.chunk_index, row.claim_no, owner) for row in waiting]
    plan = PlanHint(job_id, row.plan_claim_no) if row.total_chunks is None else None
    return Retried(run, hints, plan)
