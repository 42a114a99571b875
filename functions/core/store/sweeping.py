"""The reconciler's transitions: what no message carries any more, and leases that nobody renews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, literal, or_, select, tuple_, update

from functions.core.jobs import ChunkStatus
from functions.core.model import ChunkHint
from functions.core.store.claiming import NOT_EARLY
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE, OF_ACTIVE_JOB
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_PENDING = chunks.c.status == ChunkStatus.PENDING
_PROCESSING = chunks.c.status == ChunkStatus.PROCESSING


def end_leases(connection: Connection, limit: int, timing: Timing) -> list[ChunkHint]:
    """Leases that ran out: back to PENDING with a crash counted, hinted as sent now."""
    at = _read_clock(connection)
    over = and_(_PROCESSING, chunks.c.lease_until < at, chunks.c.crashes + 1 < timing.crash_limit)
    back = {
        "status": ChunkStatus.PENDING,
        "crashes": chunks.c.crashes + 1,
        "lease_until": None,
        "hint_due_at": at + timing.hint_after_ms,
        "hints_sent": 0,
    }
    return _sweep(connection, over, chunks.c.lease_until, limit, back)


def due_hints(connection: Connection, limit: int, timing: Timing) -> list[ChunkHint]:
    """PENDING chunks whose hint fell due, oldest first; the next hint waits twice as long, up to the cap."""
    at = _read_clock(connection)
    waits = [min(timing.hint_after_ms << shift, timing.hint_cap_ms) for shift in range(1, 7)]
    doubled = case(dict(enumerate(waits)), value=chunks.c.hints_sent, else_=timing.hint_cap_ms)
    due = and_(_PENDING, chunks.c.hint_due_at <= at, or_(chunks.c.not_before.is_(None), chunks.c.not_before <= at))
    stamped = {"hint_due_at": at + doubled, "hints_sent": chunks.c.hints_sent + 1}
    return _sweep(connection, due, chunks.c.hint_due_at, limit, stamped)


def not_sent(connection: Connection, hints: Sequence[ChunkHint]) -> int:
    """The messages of a page were not sent: due again, as before it."""
    fenced = [(hint.job_id, hint.chunk_index, hint.claim_no) for hint in hints]
    result = connection.execute(
        update(chunks)
        .where(_PENDING, tuple_(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no).in_(fenced))
        .values(hint_due_at=now(), hints_sent=case((chunks.c.hints_sent > 0, chunks.c.hints_sent - 1), else_=0))
    )
    return result.rowcount


def make_pending_due(connection: Connection) -> int:
    """No message carries anything: everything PENDING is due now, but for what waits for its `not_before`."""
    result = connection.execute(
        update(chunks)
        .where(_PENDING, NOT_EARLY, chunks.c.hint_due_at > now(), OF_ACTIVE_JOB)
        .values(hint_due_at=now(), hints_sent=0)
    )
    return result.rowcount


def rest_ended(connection: Connection, limit: int) -> int:
    """Chunks of jobs that are not active any more, when they fall due or their lease ends: PENDING, and never due.

    Else every pass would find them before those that are wanted. The job rows are held meanwhile, so that no retry
    begins in between: a retry after it finds chunks at rest and hints them.
    """
    at = _read_clock(connection)
    still = (_PENDING, chunks.c.hint_due_at), (_PROCESSING, chunks.c.lease_until)
    found: set[str] = set()
    for open_chunk, due in still:
        first = select(chunks.c.job_id).where(open_chunk, due <= at, ~OF_ACTIVE_JOB).order_by(due).limit(limit)
        found.update(connection.scalars(first))
    held = connection.scalars(
        select(jobs.c.job_id)
        .where(jobs.c.job_id.in_(sorted(found)), ~ACTIVE)
        .order_by(jobs.c.job_id)
        .with_for_update(skip_locked=True)
    ).all()
    rest = {"status": ChunkStatus.PENDING, "lease_until": None, "not_before": None, "hint_due_at": None}
    rested = 0
    for open_chunk, due in still if held else ():
        over = and_(open_chunk, due <= at, chunks.c.job_id.in_(held))
        rested += len(_sweep(connection, over, due, limit - rested, rest, of=~OF_ACTIVE_JOB))
    return rested


def recover(connection: Connection) -> int:
    """Every worker is known to be dead: release leases uncounted, and let everything fall due."""
    released = connection.execute(
        update(chunks)
        .where(_PROCESSING)
        .values(status=ChunkStatus.PENDING, lease_until=None, hint_due_at=now(), hints_sent=0)
    )
    connection.execute(update(chunks).where(_PENDING, OF_ACTIVE_JOB).values(hint_due_at=now(), hints_sent=0))
    unplanned = and_(ACTIVE, jobs.c.total_chunks.is_(None))
    connection.execute(update(jobs).where(unplanned).values(plan_lease_until=None, plan_due_at=now()))
    connection.execute(update(jobs).where(ACTIVE, ALL_DONE).values(finalize_due_at=now(), finalize_lease_until=None))
    return released.rowcount


def _sweep(
    connection: Connection,
    guard: ColumnElement[bool],
    order: ColumnElement[Any],
    limit: int,
    values: dict[str, Any],
    *,
    of: ColumnElement[bool] = OF_ACTIVE_JOB,
) -> list[ChunkHint]:
    """Change at most `limit` guarded rows, `of` active jobs or such, and return the hints to send for them."""
    # Skipping what is locked keeps one open transaction from stopping the pass. It is no guard: SQLite has no such
    # locks and leaves it out, and on both the guard in the outer WHERE decides.
    picked = (
        select(chunks.c.job_id, chunks.c.chunk_index)
        .where(guard, of)
        .order_by(order)
        .limit(limit)
        .with_for_update(skip_locked=True, of=chunks)
        .cte("picked")  # as a plain subquery Postgres may run it once a row, and more than `limit` rows change
    )
    rows = connection.execute(
        update(chunks)
        .where(tuple_(chunks.c.job_id, chunks.c.chunk_index).in_(select(picked)), guard)
        .values(values)
        .returning(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no)
    )
    return sorted(
        (ChunkHint(row.job_id, row.chunk_index, row.claim_no) for row in rows),
        key=lambda hint: (hint.job_id, hint.chunk_index),
    )


def _read_clock(connection: Connection) -> ColumnElement[int]:
    """The time as a value: Postgres's clock is volatile, and no index serves a comparison with it."""
    return literal(connection.execute(select(now())).scalar_one(), BigInteger)
