"""The end of a job: elected by one guarded UPDATE, its state taken from the counters inside it."""

from __future__ import annotations

from sqlalchemy import Connection, and_, case, select, update

from functions.core.jobs import ChunkStatus, JobStatus, Progress
from functions.core.model import ChunkResult, Failure, FinalizeTask
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_SHOWN = 20


def begin_finalize(connection: Connection, job_id: str, run: int, timing: Timing) -> FinalizeTask | None:
    """Count a try and postpone the reconciler's own."""
    row = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.run == run, ACTIVE, ALL_DONE)
        .values(finalize_tries=jobs.c.finalize_tries + 1, finalize_due_at=now() + timing.finalize_after_ms)
        .returning(jobs)
    ).one_or_none()
    if row is None:
        return None
    return FinalizeTask(
        job_id, run, Progress(row.total_chunks, row.chunks_completed, row.chunks_failed), row.finalize_tries
    )


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
            error_summary=error_summary,
            error_code=error.code if error else None,
            error_message=error.message if error else None,
            finalize_due_at=None,
            updated_at=now(),
            finished_at=now(),
        )
    )
    return ended.rowcount == 1


def due_finalizers(connection: Connection, limit: int, timing: Timing) -> list[tuple[str, int]]:
    """Complete jobs that nobody finalizes, stamped ahead."""
    due = and_(ACTIVE, ALL_DONE, jobs.c.finalize_due_at <= now())
    picked = select(jobs.c.job_id).where(due).order_by(jobs.c.finalize_due_at).limit(limit)
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.job_id.in_(picked), due)
        .values(finalize_due_at=now() + timing.finalize_after_ms)
        .returning(jobs.c.job_id, jobs.c.run)
    )
    return [(row.job_id, row.run) for row in rows]
