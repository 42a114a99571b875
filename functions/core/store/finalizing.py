"""The end of a job: elected by one guarded UPDATE, its state taken from the counters inside it."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.jobs import ChunkStatus, JobStatus, Progress
from functions.core.model import ChunkResult, Failure, FinalizeTask
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE, MOST
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_SHOWN = 20


def begin_finalize(connection: Connection, job_id: str, run: int, timing: Timing) -> FinalizeTask | None:
    """Take the lease, count a try and postpone the reconciler's own."""
    free = or_(jobs.c.finalize_lease_until.is_(None), jobs.c.finalize_lease_until < now())
    row = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.run == run, ACTIVE, ALL_DONE, free)
        .values(finalize_tries=jobs.c.finalize_tries + 1, **_lease(timing))
        .returning(*jobs.c, (now() - jobs.c.updated_at).label("waiting_ms"))
    ).one_or_none()
    if row is None:
        return None
    progress = Progress(row.total_chunks, row.chunks_completed, row.chunks_failed)
    return FinalizeTask(job_id, run, progress, row.finalize_tries, row.waiting_ms)


def hold_finalize(connection: Connection, task: FinalizeTask, timing: Timing) -> bool:
    """Lengthen the lease of a long assembly."""
    return connection.execute(update(jobs).where(_held(task)).values(**_lease(timing))).rowcount == 1


def rest_finalize(connection: Connection, task: FinalizeTask, wait_ms: int) -> bool:
    """Give the lease up uncounted."""
    rested = {"finalize_lease_until": None, "finalize_due_at": now() + wait_ms, "finalize_tries": task.tries - 1}
    return connection.execute(update(jobs).where(_held(task)).values(**rested)).rowcount == 1


def read_results(connection: Connection, job_id: str, after: int, limit: int) -> list[ChunkResult]:
    """A page of completed results in index order."""
    rows = connection.execute(
        select(chunks.c.chunk_index, chunks.c.result)
        .where(chunks.c.job_id == job_id, chunks.c.chunk_index > after, chunks.c.status == ChunkStatus.COMPLETED)
        .order_by(chunks.c.chunk_index)
        .limit(limit)
    )
    return [ChunkResult(row.chunk_index, row.result or "") for row in rows]


def read_failure_counts(connection: Connection, job_id: str) -> list[tuple[str, int, list[int]]]:
    """Failed chunks by code, the most frequent first, each with its first indexes."""
    rows = connection.execute(
        select(chunks.c.error_code, chunks.c.chunk_index)
        .where(chunks.c.job_id == job_id, chunks.c.status == ChunkStatus.FAILED)
        .order_by(chunks.c.chunk_index)
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.error_code, []).append(row.chunk_index)
    counted = [(code, len(indexes), indexes[:_SHOWN]) for code, indexes in found.items()]
    return sorted(counted, key=lambda entry: (-entry[1], entry[0]))


def finish(
    connection: Connection,
    task: FinalizeTask,
    *,
    result: str | None,
    result_key: str | None,
    result_bytes: int | None,
    records_bytes: int | None = None,
    error_summary: str | None,
    error: Failure | None,
) -> bool:
    """Set result and terminal state; the second of two finalizers moves nothing."""
    ended = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == task.job_id, jobs.c.run == task.run, ACTIVE, ALL_DONE)
        .values(
            status=case(
                (jobs.c.chunks_completed == 0, JobStatus.FAILED),
                (and_(jobs.c.chunks_failed == 0), JobStatus.COMPLETED),
                else_=JobStatus.PARTIAL_SUCCESS,
            ),
            analysis_result=result,
            result_key=result_key,
            result_bytes=result_bytes,
            records_bytes=records_bytes,
            error_summary=error_summary,
            error_code=error.code if error else None,
            error_message=error.message if error else None,
            finalize_due_at=None,
            finalize_lease_until=None,
            updated_at=now(),
            finished_at=now(),
        )
    )
    return ended.rowcount == 1


def due_finalizers(connection: Connection, limit: int, timing: Timing) -> list[tuple[str, int]]:
    """Complete jobs that nobody finalizes, stamped ahead."""
    return [(row.job_id, row.run) for row in connection.execute(_due(timing), {"most": limit})]


@cache
def _due(timing: Timing) -> ReturningUpdate[str, int]:
    due = and_(ACTIVE, ALL_DONE, jobs.c.finalize_due_at <= now())
    picked = (
        select(jobs.c.job_id)
        .where(due)
        .order_by(jobs.c.finalize_due_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .cte("picked")  # both as in sweeping
    )
    return (
        update(jobs)
        .where(jobs.c.job_id.in_(select(picked)), due)
        .values(finalize_due_at=now() + timing.finalize_after_ms)
        .returning(jobs.c.job_id, jobs.c.run)
    )


def _lease(timing: Timing) -> dict[str, Any]:
    until = now() + timing.finalize_after_ms
    return {"finalize_lease_until": until, "finalize_due_at": until}


def _held(task: FinalizeTask) -> ColumnElement[bool]:
    mine = jobs.c.finalize_tries == task.tries  # + 1 at every lease
    return and_(jobs.c.job_id == task.job_id, jobs.c.run == task.run, ACTIVE, mine)
