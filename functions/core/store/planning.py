"""The planner's transitions: a cursor that moves by compare-and-set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, literal_column, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.jobs import JobStatus
from functions.core.model import Failure, Moved, Plan, PlanHint, Source, Span
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE, MOST
from functions.core.store.submitting import insert_chunks, source_of
from functions.core.store.tables import documents, jobs
from functions.core.store.tiling import chars, check_tiling
from functions.core.store.timing import Timing

_UNPLANNED = and_(ACTIVE, jobs.c.total_chunks.is_(None))
_LEASE_OVER = and_(jobs.c.plan_lease_until.is_not(None), jobs.c.plan_lease_until < now())
_CRASHED = case((_LEASE_OVER, 1), else_=0)
# Spelt out as in counting's OWNER: what a RETURNING for SQLite would make of the job's column is the upload's own.
_CONTENT_TYPE = (
    select(documents.c.content_type)
    .where(documents.c.document_id == literal_column(f"{jobs.name}.{jobs.c.document_id.name}"))
    .scalar_subquery()
    .label("content_type")
)
_PLAN = (*jobs.c, (now() - jobs.c.updated_at).label("waiting_ms"), _CONTENT_TYPE)


def begin_plan(connection: Connection, job_id: str, timing: Timing) -> Plan | None:
    """Take the plan's lease; a lease that ran out is a planner that crashed."""
    row = connection.execute(
        update(jobs)
        .where(
            jobs.c.job_id == job_id,
            _UNPLANNED,
            or_(jobs.c.plan_lease_until.is_(None), _LEASE_OVER),
            jobs.c.plan_crashes + _CRASHED < timing.crash_limit,
        )
        .values(plan_claim_no=jobs.c.plan_claim_no + 1, plan_crashes=jobs.c.plan_crashes + _CRASHED, **_lease(timing))
        .returning(*_PLAN)
    ).one_or_none()
    return _plan(row) if row else None


def learn_document(
    connection: Connection,
    plan: Plan,
    timing: Timing,
    *,
    source: Source,
    encoding: str,
    document_bytes: int,
    bom_removed: bool,
) -> Plan | None:
    """What an upload turned out to be."""
    known = {
        "document_key": source.key,
        "document_etag": source.etag,
        "document_version": source.version,
        "document_skip": source.skip,
        "document_encoding": encoding,
        "document_bytes": document_bytes,
        "bom_removed": bom_removed,
        "transcode_upload": None,
        "plan_crashes": 0,  # it makes progress
    }
    return _before_first_chunk(connection, plan, known, timing)


def begin_transcode(connection: Connection, plan: Plan, upload_id: str, timing: Timing) -> Plan | None:
    """Note the multipart upload that takes the text in UTF-8, so that the next planner goes on with it.

    Noted again after each part, which is progress: a long text may survive more planners than a short one.
    """
    goes_on = jobs.c.transcode_upload == upload_id
    crashes = case((goes_on, 0), else_=jobs.c.plan_crashes)
    return _before_first_chunk(connection, plan, {"transcode_upload": upload_id, "plan_crashes": crashes}, timing)


def _before_first_chunk(connection: Connection, plan: Plan, known: dict[str, Any], timing: Timing) -> Plan | None:
    row = connection.execute(
        update(jobs)
        .where(*_held(plan), jobs.c.plan_chunk == 0)
        .values(**known, updated_at=now(), **_lease(timing))
        .returning(*_PLAN)
    ).one_or_none()
    return _plan(row) if row else None


def add_chunks(connection: Connection, plan: Plan, spans: Sequence[Span], timing: Timing) -> Plan | None:
    """Insert a block of rows behind the cursor, and move it."""
    end = spans[-1]
    row = connection.execute(
        update(jobs)
        .where(*_held(plan), jobs.c.plan_chunk == plan.next_chunk)
        .values(
            plan_chunk=end.chunk_index + 1,
            plan_char=end.char_end,
            plan_byte=end.byte_end,
            plan_crashes=0,  # it makes progress
            updated_at=now(),
            **_lease(timing),
        )
        .returning(*_PLAN)
    ).one_or_none()
    if row:
        insert_chunks(connection, plan.job_id, spans, timing)
        return _plan(row)
    # run again after a commit whose answer was lost: the cursor stands where we moved it
    row = connection.execute(select(*_PLAN).where(*_held(plan), jobs.c.plan_chunk == end.chunk_index + 1)).one_or_none()
    return _plan(row) if row else None


def close_plan(connection: Connection, plan: Plan, timing: Timing) -> Moved | None:
    """Set `total_chunks` once the rows are shown to tile the document; workers may have finished them all already."""
    done = and_(jobs.c.chunks_completed + jobs.c.chunks_failed == plan.next_chunk)
    row = connection.execute(
        update(jobs)
        .where(*_held(plan), jobs.c.plan_chunk == plan.next_chunk)
        .values(
            total_chunks=plan.next_chunk,
            document_chars=chars(plan),
            plan_lease_until=None,
            plan_due_at=None,
            updated_at=now(),
            finalize_due_at=case((done, now() + timing.finalize_after_ms), else_=jobs.c.finalize_due_at),
        )
        .returning(ALL_DONE.label("all_done"), jobs.c.run)
    ).one_or_none()
    if row is None:
        return None
    check_tiling(connection, plan)  # what it raises undoes the UPDATE
    return Moved(frozenset(), bool(row.all_done), row.run)


def hold_plan(connection: Connection, plan: Plan, timing: Timing) -> bool:
    """Lengthen the lease where S3 is slow; no progress, so that crashes add up."""
    return connection.execute(update(jobs).where(*_held(plan)).values(**_lease(timing))).rowcount == 1


def rest_plan(connection: Connection, plan: Plan, wait_ms: int) -> bool:
    """Give the plan up; not a crash, and due in a while."""
    rested = {"plan_lease_until": None, "plan_due_at": now() + wait_ms}
    result = connection.execute(update(jobs).where(*_held(plan)).values(**rested))
    return result.rowcount == 1


def fail_plan(connection: Connection, plan: Plan, failure: Failure) -> bool:
    """End an unplanned job while its plan is held."""
    return _fail(connection, and_(*_held(plan)), failure)


def fail_dead_plan(connection: Connection, hint: PlanHint, failure: Failure) -> bool:
    """End an unplanned job whose plan nobody could make, unless a lease lives or a newer message is out."""
    # as in `ending.fail_dead`: a message that was taken carries the number before its lease
    taken = and_(_LEASE_OVER, jobs.c.plan_claim_no <= hint.claim_no + 1)
    waiting = and_(jobs.c.plan_lease_until.is_(None), jobs.c.plan_claim_no == hint.claim_no)
    return _fail(connection, and_(jobs.c.job_id == hint.job_id, _UNPLANNED, or_(taken, waiting)), failure)


def _fail(connection: Connection, guard: ColumnElement[bool], failure: Failure) -> bool:
    result = connection.execute(
        update(jobs)
        .where(guard)
        .values(
            status=JobStatus.FAILED,
            error_code=failure.code,
            error_message=failure.message,
            error_summary=failure.message,
            plan_lease_until=None,
            plan_due_at=None,
            updated_at=now(),
            finished_at=now(),
        )
    )
    return result.rowcount == 1


def due_plans(connection: Connection, limit: int, timing: Timing) -> tuple[list[PlanHint], list[PlanHint]]:
    """(plan messages to send, stamped ahead; plans whose planners crashed too often)."""
    send, lose = _due(timing)
    lost = [PlanHint(*row) for row in connection.execute(lose, {"most": limit})]
    return [PlanHint(*row) for row in connection.execute(send, {"most": limit})], lost


@cache
def _due(timing: Timing) -> tuple[ReturningUpdate[str, int], Select[str, int]]:
    """The UPDATE that sends plans again, and the SELECT of those that are lost."""
    due = and_(_UNPLANNED, jobs.c.plan_due_at <= now(), or_(jobs.c.plan_lease_until.is_(None), _LEASE_OVER))
    exhausted = jobs.c.plan_crashes + _CRASHED >= timing.crash_limit
    picked = (
        select(jobs.c.job_id)
        .where(due, ~exhausted)
        .order_by(jobs.c.plan_due_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .cte("picked")  # both as in sweeping
    )
    send = (
        update(jobs)
        .where(jobs.c.job_id.in_(select(picked)), due)
        .values(plan_due_at=now() + timing.plan_lease_ms)
        .returning(jobs.c.job_id, jobs.c.plan_claim_no)
    )
    return send, select(jobs.c.job_id, jobs.c.plan_claim_no).where(due, exhausted).limit(MOST)


def _lease(timing: Timing) -> dict[str, Any]:
    until = now() + timing.plan_lease_ms
    return {"plan_lease_until": until, "plan_due_at": until}


def _held(plan: Plan) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.job_id == plan.job_id, _UNPLANNED, jobs.c.plan_claim_no == plan.claim_no


def _plan(row: Row[Any]) -> Plan:
    return Plan(
        job_id=row.job_id,
        claim_no=row.plan_claim_no,
        source=source_of(row),
        encoding=row.document_encoding,
        content_type=row.content_type,
        transcode_upload=row.transcode_upload,
        document_id=row.document_id,
        document_chars=row.document_chars,
        document_bytes=row.document_bytes,
        max_chunk_chars=row.max_chunk_chars,
        next_chunk=row.plan_chunk,
        next_char=row.plan_char,
        next_byte=row.plan_byte,
        waiting_ms=row.waiting_ms,
        owner=row.owner,
    )
