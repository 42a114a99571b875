"""Claims and leases: who works on a chunk, until when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Row,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, Claim, ClaimedBatch, Failure
from functions.core.store.clock import now
from functions.core.store.counting import OF_ACTIVE_JOB, OWNER
from functions.core.store.submitting import source_of, span_of
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_KEY = tuple_(chunks.c.job_id, chunks.c.chunk_index)
_FENCED_KEY = tuple_(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no)
LEASE_OVER = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.lease_until < now())
NOT_EARLY = or_(chunks.c.not_before.is_(None), chunks.c.not_before <= now())

# Statements of the hot path are built once: building one takes ten times what SQLite takes to run it.
_NEAR = and_(  # the rows meant and a few neighbours, in a form for which every planner uses the primary key
    chunks.c.job_id.in_(bindparam("job_ids", expanding=True)),
    chunks.c.chunk_index.in_(bindparam("indexes", expanding=True)),
)
_FENCED = _FENCED_KEY.in_(bindparam("fenced", expanding=True))
_OURS = and_(_NEAR, chunks.c.status == ChunkStatus.PROCESSING, _FENCED)
_MAY_START = and_(chunks.c.status == ChunkStatus.PENDING, _FENCED, NOT_EARLY)
_MAY_TAKE_OVER = and_(_KEY.in_(bindparam("keys", expanding=True)), LEASE_OVER)
_CRASHED = case((chunks.c.status == ChunkStatus.PROCESSING, 1), else_=0)
_CLAIM = (
    update(chunks)
    .where(
        _NEAR,
        or_(_MAY_START, _MAY_TAKE_OVER),
        chunks.c.crashes + _CRASHED < bindparam("crash_limit", type_=Integer),
        OF_ACTIVE_JOB,
    )
    .values(
        status=ChunkStatus.PROCESSING,
        claim_no=chunks.c.claim_no + 1,
        lease_until=now() + bindparam("lease_ms", type_=BigInteger),
        crashes=chunks.c.crashes + _CRASHED,
        not_before=None,
        hint_due_at=None,
    )
    .returning(chunks, (now() - chunks.c.parked_since).label("parked_ms"))
)
# What could not be claimed though its message is the newest: its `not_before` lay ahead a moment ago.
_EARLY = select(
    chunks.c.job_id,
    chunks.c.chunk_index,
    chunks.c.claim_no,
    OWNER,
    (func.coalesce(chunks.c.not_before, now()) - now()).label("wait_ms"),
).where(_NEAR, chunks.c.status == ChunkStatus.PENDING, _FENCED, OF_ACTIVE_JOB)
_WANTED = select(chunks.c.job_id, chunks.c.chunk_index).where(_OURS, OF_ACTIVE_JOB)
_JOBS = select(jobs).where(jobs.c.job_id.in_(bindparam("ids", expanding=True)))


def claim(connection: Connection, hints: Sequence[ChunkHint], lease_ms: int, timing: Timing) -> ClaimedBatch:
    """Claim what may be worked on; say which hints came too early.

    A row that is being worked on, is terminal, belongs to a job that is not active, or has a newer message out is left
    alone: its hint is simply acknowledged.
    """
    fenced = sorted({(hint.job_id, hint.chunk_index, hint.claim_no) for hint in hints})
    given = {**_given(fenced), "keys": [key[:2] for key in fenced]}
    rows = connection.execute(_CLAIM, {**given, "lease_ms": lease_ms, "crash_limit": timing.crash_limit}).all()
    ours = {(row.job_id, row.chunk_index): row.claim_no for row in rows}
    left = [key for key in fenced if key[:2] not in ours]
    early = connection.execute(_EARLY, _given(left)).all() if left else []
    return ClaimedBatch(
        claims=_with_jobs(connection, rows),
        early=[(ChunkHint(row.job_id, row.chunk_index, row.claim_no, row.owner), _delay(row.wait_ms)) for row in early],
        # what waited had the number of its message; what was taken over had a higher one
        crashed=sum((*key, number - 1) not in fenced for key, number in ours.items()),
    )


def renew(connection: Connection, claims: Sequence[Claim], lease_ms: int) -> frozenset[tuple[str, int]]:
    """Lengthen the leases that are still ours."""
    rows = connection.execute(
        update(chunks)
        .where(_OURS)
        .values(lease_until=now() + lease_ms)
        .returning(chunks.c.job_id, chunks.c.chunk_index),
        _fences(claims),
    )
    return frozenset((row.job_id, row.chunk_index) for row in rows)


def wanted(connection: Connection, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
    """Those that are still ours and whose jobs are active."""
    rows = connection.execute(_WANTED, _fences(claims))
    return frozenset((row.job_id, row.chunk_index) for row in rows)


def count_attempt(connection: Connection, claim: Claim, failure: Failure) -> bool:
    """One more counted call; `claim.attempts` says how many there were, so that a rerun counts once."""
    result = connection.execute(
        update(chunks)
        .where(_OURS, chunks.c.attempts.in_((claim.attempts, claim.attempts + 1)))
        .values(
            attempts=claim.attempts + 1,
            error_code=failure.code,
            error_message=failure.message,
            parked_since=None,  # the provider answered: it is not out
        ),
        _fences([claim]),
    )
    return result.rowcount == 1


def park(
    connection: Connection, claim: Claim, failure: Failure, *, park_ms: int, throttled: bool, timing: Timing
) -> bool:
    """Give the claim up until later: PENDING, with the hint that a delayed message is about to carry."""
    given = {"park_ms": park_ms, "code": failure.code, "words": failure.message, **_fences([claim])}
    return connection.execute(_park(timing, waits=park_ms > 0, throttled=throttled), given).rowcount == 1


@cache
def _park(timing: Timing, *, waits: bool, throttled: bool) -> Update:
    later = now() + bindparam("park_ms", type_=BigInteger)
    return (
        update(chunks)
        .where(_OURS)
        .values(
            status=ChunkStatus.PENDING,
            lease_until=None,
            not_before=later if waits else None,
            hint_due_at=later + timing.hint_after_ms,
            hints_sent=0,
            error_code=bindparam("code"),
            error_message=bindparam("words"),
            parked_since=func.coalesce(chunks.c.parked_since, now()) if throttled else chunks.c.parked_since,
        )
    )


def set_aside(connection: Connection, claims: Sequence[Claim], hint_ms: int) -> int:
    """Give claims up uncounted, to be claimed again in a moment; should that not happen, a hint falls due."""
    result = connection.execute(
        update(chunks)
        .where(_OURS)
        .values(status=ChunkStatus.PENDING, lease_until=None, hint_due_at=now() + hint_ms, hints_sent=0),
        _fences(claims),
    )
    return result.rowcount


def _delay(wait_ms: int) -> int:
    """Whole seconds, never too short for the message to come early again; 900 is SQS's longest."""
    return max(1, min(900, math.ceil(wait_ms / 1000)))


def _with_jobs(connection: Connection, rows: Sequence[Row[Any]]) -> list[Claim]:
    """The claims in index order, with what their jobs say; a job's first claim starts it."""
    if not rows:
        return []
    ids = sorted({row.job_id for row in rows})
    found = {row.job_id: row for row in connection.execute(_JOBS, {"ids": ids})}
    waiting = [job_id for job_id in ids if found[job_id].status == JobStatus.PENDING]
    if waiting:
        connection.execute(
            update(jobs)
            .where(jobs.c.job_id.in_(waiting), jobs.c.status == JobStatus.PENDING)
            .values(status=JobStatus.PROCESSING, started_at=func.coalesce(jobs.c.started_at, now()), updated_at=now())
        )
    claims = [_as_claim(row, found[row.job_id]) for row in rows]
    return sorted(claims, key=lambda claim: (claim.job_id, claim.chunk_index))


def _as_claim(row: Row[Any], job: Row[Any]) -> Claim:
    return Claim(
        job_id=row.job_id,
        span=span_of(row),
        claim_no=row.claim_no,
        attempts=row.attempts,
        crashes=row.crashes,
        max_attempts=job.max_attempts,
        model=job.model,
        instructions=job.instructions,
        source=source_of(job),
        document_bytes=job.document_bytes,
        overlap_chars=job.overlap_chars,
        parked_ms=max(0, row.parked_ms or 0),
        owner=job.owner,
    )


def _given(fenced: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """The parameters of `_NEAR` and `_FENCED`."""
    return {
        "fenced": fenced,
        "job_ids": sorted({job_id for job_id, _, _ in fenced}),
        "indexes": sorted({index for _, index, _ in fenced}),
    }


def _fences(claims: Sequence[Claim]) -> dict[str, Any]:
    """The parameters of `_OURS`."""
    return _given(sorted((claim.job_id, claim.chunk_index, claim.claim_no) for claim in claims))
