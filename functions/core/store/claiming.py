"""Claims and leases: who works on a chunk, until when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, or_, select, tuple_, update

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, Claim, ClaimedBatch, Failure, Span
from functions.core.store.clock import now
from functions.core.store.counting import OF_ACTIVE_JOB
from functions.core.store.tables import chunks, jobs
from functions.core.store.timing import Timing

_KEY = tuple_(chunks.c.job_id, chunks.c.chunk_index)
_FENCED_KEY = tuple_(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no)
LEASE_OVER = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.lease_until < now())
NOT_EARLY = or_(chunks.c.not_before.is_(None), chunks.c.not_before <= now())


def claim(connection: Connection, hints: Sequence[ChunkHint], lease_ms: int, timing: Timing) -> ClaimedBatch:
    """Claim what may be worked on; say which hints came too early.

    A row that is being worked on, is terminal, belongs to a job that is not active, or has a newer message out is left
    alone: its hint is simply acknowledged.
    """
    fenced = sorted({(hint.job_id, hint.chunk_index, hint.claim_no) for hint in hints})
    rows = connection.execute(_claim(fenced, lease_ms, timing)).all()
    ours = {(row.job_id, row.chunk_index) for row in rows}
    left = [key for key in fenced if key[:2] not in ours]
    early = connection.execute(_early(left)).all() if left else []
    return ClaimedBatch(
        claims=_with_jobs(connection, rows),
        early=[(ChunkHint(row.job_id, row.chunk_index, row.claim_no), _delay(row.wait_ms)) for row in early],
    )


def renew(connection: Connection, claims: Sequence[Claim], lease_ms: int) -> frozenset[tuple[str, int]]:
    """Lengthen the leases that are still ours."""
    rows = connection.execute(
        update(chunks)
        .where(_ours(claims))
        .values(lease_until=now() + lease_ms)
        .returning(chunks.c.job_id, chunks.c.chunk_index)
    )
    return frozenset((row.job_id, row.chunk_index) for row in rows)


def wanted(connection: Connection, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
    """Those that are still ours and whose jobs are active."""
    rows = connection.execute(select(chunks.c.job_id, chunks.c.chunk_index).where(_ours(claims), OF_ACTIVE_JOB))
    return frozenset((row.job_id, row.chunk_index) for row in rows)


def count_attempt(connection: Connection, claim: Claim, failure: Failure) -> bool:
    """One more counted call; `claim.attempts` says how many there were, so that a rerun counts once."""
    result = connection.execute(
        update(chunks)
        .where(_ours([claim]), chunks.c.attempts.in_((claim.attempts, claim.attempts + 1)))
        .values(
            attempts=claim.attempts + 1,
            error_code=failure.code,
            error_message=failure.message,
            parked_since=None,  # the provider answered: it is not out
        )
    )
    return result.rowcount == 1


def park(
    connection: Connection, claim: Claim, failure: Failure, *, park_ms: int, throttled: bool, timing: Timing
) -> bool:
    """Give the claim up until later: PENDING, with the hint that a delayed message is about to carry."""
    result = connection.execute(
        update(chunks)
        .where(_ours([claim]))
        .values(
            status=ChunkStatus.PENDING,
            lease_until=None,
            not_before=now() + park_ms if park_ms else None,
            hint_due_at=now() + park_ms + timing.hint_after_ms,
            hints_sent=0,
            error_code=failure.code,
            error_message=failure.message,
            parked_since=func.coalesce(chunks.c.parked_since, now()) if throttled else chunks.c.parked_since,
        )
    )
    return result.rowcount == 1


def set_aside(connection: Connection, claims: Sequence[Claim], hint_ms: int) -> int:
    """Give claims up uncounted, to be claimed again in a moment; should that not happen, a hint falls due."""
    result = connection.execute(
        update(chunks)
        .where(_ours(claims))
        .values(status=ChunkStatus.PENDING, lease_until=None, hint_due_at=now() + hint_ms, hints_sent=0)
    )
    return result.rowcount


def _claim(fenced: Sequence[tuple[str, int, int]], lease_ms: int, timing: Timing) -> Any:
    may_start = and_(chunks.c.status == ChunkStatus.PENDING, _FENCED_KEY.in_(fenced), NOT_EARLY)
    may_take_over = and_(_KEY.in_([key[:2] for key in fenced]), LEASE_OVER)
    crashed = case((chunks.c.status == ChunkStatus.PROCESSING, 1), else_=0)
    return (
        update(chunks)
        .where(
            *_near(fenced),
            or_(may_start, may_take_over),
            chunks.c.crashes + crashed < timing.crash_limit,
            OF_ACTIVE_JOB,
        )
        .values(
            status=ChunkStatus.PROCESSING,
            claim_no=chunks.c.claim_no + 1,
            lease_until=now() + lease_ms,
            crashes=chunks.c.crashes + crashed,
            not_before=None,
            hint_due_at=None,
        )
        .returning(chunks, (now() - chunks.c.parked_since).label("parked_ms"))
    )


def _early(fenced: Sequence[tuple[str, int, int]]) -> Any:
    """What could not be claimed though its message is the newest: its `not_before` lay ahead a moment ago."""
    wait = func.coalesce(chunks.c.not_before, now()) - now()
    return select(chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no, wait.label("wait_ms")).where(
        *_near(fenced), chunks.c.status == ChunkStatus.PENDING, _FENCED_KEY.in_(fenced), OF_ACTIVE_JOB
    )


def _delay(wait_ms: int) -> int:
    """Whole seconds, never too short for the message to come early again; 900 is SQS's longest."""
    return max(1, min(900, math.ceil(wait_ms / 1000)))


def _with_jobs(connection: Connection, rows: Sequence[Row[Any]]) -> list[Claim]:
    """The claims in index order, with what their jobs say; a job's first claim starts it."""
    if not rows:
        return []
    ids = sorted({row.job_id for row in rows})
    found = {row.job_id: row for row in connection.execute(select(jobs).where(jobs.c.job_id.in_(ids)))}
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
        span=Span(row.chunk_index, row.char_start, row.char_end, row.byte_start, row.byte_end),
        claim_no=row.claim_no,
        attempts=row.attempts,
        crashes=row.crashes,
        max_attempts=job.max_attempts,
        model=job.model,
        instructions=job.instructions,
        document_key=job.document_key,
        parked_ms=max(0, row.parked_ms or 0),
    )


def _near(fenced: Sequence[tuple[str, int, int]]) -> tuple[ColumnElement[bool], ...]:
    """The same rows and a few neighbours, in a form for which every planner uses the primary key."""
    return (
        chunks.c.job_id.in_(sorted({job_id for job_id, _, _ in fenced})),
        chunks.c.chunk_index.in_(sorted({index for _, index, _ in fenced})),
    )


def _ours(claims: Sequence[Claim]) -> ColumnElement[bool]:
    fenced = sorted((claim.job_id, claim.chunk_index, claim.claim_no) for claim in claims)
    return and_(*_near(fenced), chunks.c.status == ChunkStatus.PROCESSING, _FENCED_KEY.in_(fenced))
