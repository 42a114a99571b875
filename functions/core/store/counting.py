"""Promise 3 in one statement: a job's counters change by the rows that moved, in the transaction that moved them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.jobs import ACTIVE_JOB, OPEN_CHUNK, JobStatus
from functions.core.model import Moved
from functions.core.store.clock import now
from functions.core.store.tables import chunks, jobs

ACTIVE = jobs.c.status.in_(ACTIVE_JOB)
OPEN = chunks.c.status.in_(OPEN_CHUNK)
ALL_DONE: ColumnElement[bool] = and_(
    jobs.c.total_chunks.is_not(None), jobs.c.chunks_completed + jobs.c.chunks_failed == jobs.c.total_chunks
)
# Written out: SQLite takes a partial index on a list only where it sees the list.
LIVE = jobs.c.status.in_(bindparam("live", [str(status) for status in ACTIVE_JOB], literal_execute=True))
SPELT_OPEN = chunks.c.status.in_(bindparam("open", [str(status) for status in OPEN_CHUNK], literal_execute=True))
MOST = bindparam("most", type_=Integer)  # rows of a page
OF_ACTIVE_JOB = select(jobs.c.job_id).where(jobs.c.job_id == chunks.c.job_id, ACTIVE).exists()
# Spelt out: in a RETURNING for SQLite SQLAlchemy leaves the tables' names away, and `job_id = job_id` is every job's.
OWNER = (
    select(jobs.c.owner)
    .where(jobs.c.job_id == literal_column(f"{chunks.name}.{chunks.c.job_id.name}"))
    .scalar_subquery()
    .label("owner")
)


def _count(column: Column[int]) -> ReturningUpdate[bool, int]:
    """The UPDATE that counts on this column. Built once: that takes ten times what SQLite takes to run it."""
    moved = bindparam("moved", type_=Integer)
    done_then = and_(
        jobs.c.total_chunks.is_not(None),
        jobs.c.chunks_completed + jobs.c.chunks_failed + moved == jobs.c.total_chunks,
    )
    due = now() + bindparam("finalize_after_ms", type_=BigInteger)
    return (
        update(jobs)
        .where(jobs.c.job_id == bindparam("counted"))
        .values(
            {
                column: column + moved,
                jobs.c.status: case((jobs.c.status == JobStatus.PENDING, JobStatus.PROCESSING), else_=jobs.c.status),
                jobs.c.started_at: func.coalesce(jobs.c.started_at, now()),
                jobs.c.updated_at: now(),
                jobs.c.finalize_due_at: case((and_(done_then, ACTIVE), due), else_=jobs.c.finalize_due_at),
            }
        )
        .returning(and_(ALL_DONE, ACTIVE).label("all_done"), jobs.c.run)
    )


_COUNT_COMPLETED = _count(jobs.c.chunks_completed)
_COUNT_FAILED = _count(jobs.c.chunks_failed)


def count(connection: Connection, job_id: str, moved: Iterable[int], *, failed: bool, finalize_after_ms: int) -> Moved:
    """Count the chunk rows that this transaction moved to a terminal state, and say whether they were the last.

    The one who sees the last chunk writes `finalize_due_at` here, so that a crash before the finalize message heals.
    """
    indexes = frozenset(moved)
    if not indexes:
        return still_to_finalize(connection, job_id)
    given = {"counted": job_id, "moved": len(indexes), "finalize_after_ms": finalize_after_ms}
    row = connection.execute(_COUNT_FAILED if failed else _COUNT_COMPLETED, given).one()
    return Moved(indexes, bool(row.all_done), row.run)


def uncount(connection: Connection, job_id: str, reopened: int) -> None:
    """A retry has moved so many failed chunk rows back to PENDING."""
    connection.execute(
        update(jobs).where(jobs.c.job_id == job_id).values(chunks_failed=jobs.c.chunks_failed - reopened)
    )


def still_to_finalize(connection: Connection, job_id: str) -> Moved:
    """Nothing moved; but whoever finds a job complete and not finalized says so, for its message may be lost."""
    row: Any = connection.execute(
        select(and_(ALL_DONE, ACTIVE).label("all_done"), jobs.c.run).where(jobs.c.job_id == job_id)
    ).one_or_none()
    return Moved(frozenset(), bool(row and row.all_done), row.run if row else 0)
