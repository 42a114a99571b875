"""Jobs that stand still: what the reconciler should have brought on, and what it cannot see."""

from __future__ import annotations

from functools import cache

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Select, and_, bindparam, func, or_, select

from functions.core.jobs import ChunkStatus
from functions.core.store.clock import now
from functions.core.store.counting import LIVE
from functions.core.store.tables import chunks, jobs

_AT = bindparam("at", type_=BigInteger)  # as a value, so that an index can serve the comparison


def stuck_jobs(connection: Connection, *, quiet_ms: int, longest_ms: int, grace_ms: int) -> int:
    """Active jobs whose row has not moved for `quiet_ms` and that no time ahead will bring on.

    A time ahead is one after which somebody acts: a lease that may be renewed or will run out, a `not_before`, or when
    a message is sent again (of a chunk, the plan, the finalizer); also one that was reached in the last `grace_ms`.
    Right after a pass of the reconciler, with its length as the grace, every active job has one, for the pass stamps
    ahead whatever it sends. A job without one could not be sent, was not reached, or waits for something that no rule
    knows. A job that has not moved for `longest_ms` is counted whatever lies ahead of it.
    """
    at = connection.execute(select(now())).scalar_one()
    given = {"at": at - grace_ms, "quiet": at - quiet_ms, "longest": at - longest_ms}
    return connection.execute(_stuck(), given).scalar_one()


@cache
def _stuck() -> Select[int]:
    waits = select(chunks.c.job_id).where(chunks.c.job_id == jobs.c.job_id, _chunk_waits()).exists()
    columns = (jobs.c.plan_lease_until, jobs.c.plan_due_at, jobs.c.finalize_lease_until, jobs.c.finalize_due_at)
    return (
        select(func.count())
        .select_from(jobs)
        .where(
            LIVE,
            jobs.c.updated_at < bindparam("quiet", type_=BigInteger),
            or_(
                jobs.c.updated_at < bindparam("longest", type_=BigInteger),
                and_(*(~_ahead(column) for column in columns), ~waits),
            ),
        )
    )


def _chunk_waits() -> ColumnElement[bool]:
    worked = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.lease_until >= _AT)
    pending = and_(chunks.c.status == ChunkStatus.PENDING, or_(chunks.c.not_before > _AT, chunks.c.hint_due_at > _AT))
    return or_(worked, pending)


def _ahead(column: Column[int]) -> ColumnElement[bool]:
    return func.coalesce(column, 0) > _AT
