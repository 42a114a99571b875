"""How a chunk ends: with a result from anyone, or with an error from whoever holds its claim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, bindparam, case, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.jobs import ChunkStatus
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure, Moved
from functions.core.store.claiming import LEASE_OVER
from functions.core.store.clock import now
from functions.core.store.counting import MOST, OF_ACTIVE_JOB, OPEN, count
from functions.core.store.tables import chunks
from functions.core.store.timing import Timing


def complete(connection: Connection, job_id: str, results: Sequence[ChunkResult], timing: Timing) -> Moved:
    """First result wins, whoever brings it; a late result on a terminal row moves nothing."""
    texts = sorted({result.chunk_index: result.text for result in results}.items())
    given: dict[str, Any] = {"completed": job_id, "indexes": [index for index, _ in texts]}
    for number, (index, text) in enumerate(texts):
        given |= {f"index_{number}": index, f"text_{number}": text}
    moved = connection.scalars(_complete(len(texts)), given).all()
    return count(connection, job_id, moved, failed=False, finalize_after_ms=timing.finalize_after_ms)


@cache
def _complete(many: int) -> ReturningUpdate[int]:
    """The UPDATE that stores so many results; at most one for each size of a batch."""
    texts = [
        (chunks.c.chunk_index == bindparam(f"index_{number}"), bindparam(f"text_{number}", type_=Text))
        for number in range(many)
    ]
    return (
        update(chunks)
        .where(
            chunks.c.job_id == bindparam("completed"),
            chunks.c.chunk_index.in_(bindparam("indexes", expanding=True)),
            OPEN,
        )
        .values(**_ended(ChunkStatus.COMPLETED, None), attempts=chunks.c.attempts + 1, result=case(*texts))
        .returning(chunks.c.chunk_index)
    )


def fail(connection: Connection, claim: Claim, failure: Failure, attempts: int, timing: Timing) -> Moved:
    """The end of a chunk whose claim we hold, after so many counted calls."""
    ours = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.claim_no == claim.claim_no)
    return _fail(connection, claim.job_id, [claim.chunk_index], ours, failure, timing, attempts=attempts)


def fail_dead(connection: Connection, hint: ChunkHint, failure: Failure, timing: Timing) -> Moved:
    """The end of a chunk whose message died, unless a lease lives or a newer message is out."""
    # a message that was claimed carries the number before its claim
    claimed = and_(LEASE_OVER, chunks.c.claim_no <= hint.claim_no + 1)
    waiting = and_(chunks.c.status == ChunkStatus.PENDING, chunks.c.claim_no == hint.claim_no)
    dead = or_(claimed, waiting)
    return _fail(connection, hint.job_id, [hint.chunk_index], and_(dead, OF_ACTIVE_JOB), failure, timing)


def crashed_for_good(connection: Connection, limit: int, timing: Timing) -> dict[str, list[int]]:
    """The chunks whose leases ran out for the last time, by job."""
    found: dict[str, list[int]] = {}
    for row in connection.execute(_crashed_for_good(timing), {"most": limit}):
        found.setdefault(row.job_id, []).append(row.chunk_index)
    return found


@cache
def _crashed_for_good(timing: Timing) -> Select[str, int]:
    last = and_(LEASE_OVER, chunks.c.crashes + 1 >= timing.crash_limit, OF_ACTIVE_JOB)
    return select(chunks.c.job_id, chunks.c.chunk_index).where(last).limit(MOST)


def fail_crashed(
    connection: Connection, job_id: str, indexes: Sequence[int], failure: Failure, timing: Timing
) -> Moved:
    """The end of chunks that took down every worker that tried them."""
    last = and_(LEASE_OVER, chunks.c.crashes + 1 >= timing.crash_limit)
    return _fail(connection, job_id, indexes, last, failure, timing, crashes=chunks.c.crashes + 1)


def _fail(
    connection: Connection,
    job_id: str,
    indexes: Sequence[int],
    guard: ColumnElement[bool],
    failure: Failure,
    timing: Timing,
    **more: Any,
) -> Moved:
    """The one transition to FAILED: every cause goes through here."""
    moved = connection.scalars(
        update(chunks)
        .where(chunks.c.job_id == job_id, chunks.c.chunk_index.in_(sorted(indexes)), guard)
        .values(**_ended(ChunkStatus.FAILED, failure), **more)
        .returning(chunks.c.chunk_index)
    ).all()
    return count(connection, job_id, moved, failed=True, finalize_after_ms=timing.finalize_after_ms)


def _ended(status: ChunkStatus, failure: Failure | None) -> dict[str, Any]:
    return {
        "status": status,
        "error_code": failure.code if failure else None,
        "error_message": failure.message if failure else None,
        "lease_until": None,
        "not_before": None,
        "hint_due_at": None,
        "parked_since": None,
        "finished_at": now(),
    }
