"""The reconciler's transitions: what no message carries any more, and leases that nobody renews."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.jobs import ChunkStatus
from functions.core.model import ChunkHint
from functions.core.store.claiming import NOT_EARLY
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE, MOST, OF_ACTIVE_JOB, OWNER
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

Sweep = ReturningUpdate[str, int, int, str]  # the keys, claim numbers and owners of the rows it changes

_PENDING = chunks.c.status == ChunkStatus.PENDING
_PROCESSING = chunks.c.status == ChunkStatus.PROCESSING


# Statements are built once: a pass that finds nothing costs little more than SQLite or Postgres takes for it.
_AT = bindparam("at", type_=BigInteger)
_CLOCK = select(now())


def end_leases(connection: Connection, limit: int, timing: Timing) -> list[ChunkHint]:
    """Leases that ran out: back to PENDING with a crash counted, hinted as sent now."""
    return _hints(connection, _end_leases(timing), limit)


@cache
def _end_leases(timing: Timing) -> Sweep:
    over = and_(_PROCESSING, chunks.c.lease_until < _AT, chunks.c.crashes + 1 < timing.crash_limit)
    back = {
        "status": ChunkStatus.PENDING,
        "crashes": chunks.c.crashes + 1,
        "lease_until": None,
        "hint_due_at": _AT + timing.hint_after_ms,
        "hints_sent": 0,
    }
    return _sweep(over, chunks.c.lease_until, back)


def due_hints(connection: Connection, limit: int, timing: Timing) -> list[ChunkHint]:
    """PENDING chunks whose hint fell due, oldest first; the next hint waits twice as long, up to the cap."""
    return _hints(connection, _due_hints(timing), limit)


@cache
def _due_hints(timing: Timing) -> Sweep:
    waits = [min(timing.hint_after_ms << shift, timing.hint_cap_ms) for shift in range(1, 7)]
    doubled = case(dict(enumerate(waits)), value=chunks.c.hints_sent, else_=timing.hint_cap_ms)
    due = and_(_PENDING, chunks.c.hint_due_at <= _AT, or_(chunks.c.not_before.is_(None), chunks.c.not_before <= _AT))
    return _sweep(due, chunks.c.hint_due_at, {"hint_due_at": _AT + doubled, "hints_sent": chunks.c.hints_sent + 1})


def not_sent(connection: Connection, hints: Sequence[ChunkHint], timing: Timing) -> int:
    """The messages of a page were not sent: due again as before it, and for a while, so that it shows."""
    fenced = [(hint.job_id, hint.chunk_index, hint.claim_no) for hint in hints]
    result = connection.execute(
        update(chunks)
        .where(_PENDING, tuple_(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no).in_(fenced))
        .values(
            hint_due_at=now() - timing.hint_after_ms,
            hints_sent=case((chunks.c.hints_sent > 0, chunks.c.hints_sent - 1), else_=0),
        )
    )
    return result.rowcount


def make_pending_due(connection: Connection) -> int:
    """No message carries anything: everything PENDING is due now, but for what waits for its `not_before`."""
    return connection.execute(_MAKE_PENDING_DUE).rowcount


_MAKE_PENDING_DUE = (
    update(chunks)
    .where(_PENDING, NOT_EARLY, chunks.c.hint_due_at > now(), OF_ACTIVE_JOB)
    .values(hint_due_at=now(), hints_sent=0)
)


def rest_ended(connection: Connection, limit: int) -> int:
    """Chunks of jobs that are not active any more, when they fall due or their lease ends: PENDING, and never due.

    Else every pass would find them before those that are wanted. The job rows are held meanwhile, so that no retry
    begins in between: a retry after it finds chunks at rest and hints them.
    """
    given = {"at": connection.execute(_CLOCK).scalar_one(), "most": limit}
    found = {job_id for first, _ in _rest_ended() for job_id in connection.scalars(first, given)}
    if not found:
        return 0
    held = connection.scalars(
        select(jobs.c.job_id)
        .where(jobs.c.job_id.in_(sorted(found)), ~ACTIVE)
        .order_by(jobs.c.job_id)
        .with_for_update(skip_locked=True)
    ).all()
    rested = 0
    for _, rest in _rest_ended() if held else ():
        rested += len(connection.execute(rest, {**given, "most": limit - rested, "held": held}).all())
    return rested


@cache
def _rest_ended() -> list[tuple[Select[str], Sweep]]:
    """For each kind of open chunk: the jobs to look at, and the UPDATE that puts the chunks of those to rest."""
    rest = {"status": ChunkStatus.PENDING, "lease_until": None, "not_before": None, "hint_due_at": None}
    of_held = chunks.c.job_id.in_(bindparam("held", expanding=True))
    built = []
    for open_chunk, due in ((_PENDING, chunks.c.hint_due_at), (_PROCESSING, chunks.c.lease_until)):
        first = select(chunks.c.job_id).where(open_chunk, due <= _AT, ~OF_ACTIVE_JOB).order_by(due).limit(MOST)
        built.append((first, _sweep(and_(open_chunk, due <= _AT, of_held), due, rest, of=~OF_ACTIVE_JOB)))
    return built


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
    guard: ColumnElement[bool],
    order: ColumnElement[Any],
    values: dict[str, Any],
    *,
    of: ColumnElement[bool] = OF_ACTIVE_JOB,
) -> Sweep:
    """The UPDATE of at most `most` guarded rows, `of` active jobs or such."""
    # Skipping what is locked keeps one open transaction from stopping the pass. It is no guard: SQLite has no such
    # locks and leaves it out, and on both the guard in the outer WHERE decides.
    picked = (
        select(chunks.c.job_id, chunks.c.chunk_index)
        .where(guard, of)
        .order_by(order)
        .limit(MOST)
        .with_for_update(skip_locked=True, of=chunks)
        .cte("picked")  # as a plain subquery Postgres may run it once a row, and more than `most` rows change
    )
    return (
        update(chunks)
        .where(tuple_(chunks.c.job_id, chunks.c.chunk_index).in_(select(picked)), guard)
        .values(values)
        .returning(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no, OWNER)
    )


def _hints(connection: Connection, sweep: Sweep, limit: int) -> list[ChunkHint]:
    """Sweep a page, and return the hints to send for it."""
    # The time as a value: Postgres's clock is volatile, and no index serves a comparison with it.
    rows = connection.execute(sweep, {"at": connection.execute(_CLOCK).scalar_one(), "most": limit})
    return sorted(
        (ChunkHint(row.job_id, row.chunk_index, row.claim_no, row.owner) for row in rows),
        key=lambda hint: (hint.job_id, hint.chunk_index),
    )
