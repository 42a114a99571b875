"""How jobs and uploads go: by their owner's wish, or when their time is over.

The rows go at once. Their objects are noted in `deletions`, for as long as a function that is under way may still write
one: whoever deletes them at once need not succeed, and what comes late goes too.

Order of locks: everybody else who touches both takes chunk rows before the job row, and so does `erase`. `expire_job`
takes the job row first, for the job row says whether it may go; a job that has ended holds no open chunk, but for those
of a cancelled one or of a failed plan. Should a worker come back to one after all that time and meet it there, Postgres
ends one of the two with 40P01 and `Database` runs it again. An upload's row is taken after its job's, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # as in idempotency
from sqlalchemy.sql.dml import ReturningUpdate

from functions.core.keys import LEGACY, document_key, records_key, result_key
from functions.core.store import uploads
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, MOST
from functions.core.store.legacy import erase_legacy
from functions.core.store.tables import chunks, deletions, jobs
from functions.core.store.timing import Timing
from functions.core.uploads import Deletion

_AT = bindparam("at", type_=BigInteger)  # the time as a value, so that an index can serve the comparison
_CLOCK = select(now())


def erase(connection: Connection, job_id: str, owner: str, timing: Timing) -> list[Deletion] | None:
    """Remove a job in any state and its chunks: the objects that it leaves. None: no such job of that owner."""
    return _erase(connection, and_(jobs.c.job_id == job_id, jobs.c.owner == owner), timing)


def expire_job(connection: Connection, age_ms: int, timing: Timing) -> str | None:
    """Remove the job that ended first, if that is longer ago: its id."""
    before = connection.execute(_CLOCK).scalar_one() - age_ms
    job_id = connection.scalar(_EXPIRED, {"before": before})
    if job_id is not None:  # locked by now: no retry begins before we are done
        _erase(connection, jobs.c.job_id == job_id, timing)
    return job_id


_EXPIRED = (
    select(jobs.c.job_id)
    .where(jobs.c.finished_at < bindparam("before", type_=BigInteger), ~ACTIVE)
    .order_by(jobs.c.finished_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def expire_documents(connection: Connection, limit: int, timing: Timing) -> int:
    """Remove uploads that no job has taken in time: how many."""
    gone = uploads.expire_documents(connection, limit)
    _note(connection, gone, timing)
    return len(gone)


def due_deletions(connection: Connection, limit: int, timing: Timing) -> list[Deletion]:
    """Objects whose deletion is due, the oldest; stamped ahead, should it not succeed."""
    rows = connection.execute(_due(timing), {"at": connection.execute(_CLOCK).scalar_one(), "most": limit})
    return sorted((Deletion(row.object_key, row.version, row.upload_id) for row in rows), key=lambda each: each.key)


@cache
def _due(timing: Timing) -> ReturningUpdate[Any]:
    due = deletions.c.due_at <= _AT
    picked = (
        select(deletions.c.object_key)
        .where(due)
        .order_by(deletions.c.due_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .cte("picked")  # both as in sweeping
    )
    return (
        update(deletions)
        .where(deletions.c.object_key.in_(select(picked)), due)
        .values(due_at=_AT + timing.late_ms)
        .returning(deletions)
    )


def deleted(connection: Connection, gone: Sequence[Deletion]) -> None:
    """They are gone for good."""
    keys = sorted({each.key for each in gone})
    if keys:
        connection.execute(_FORGET, [{"gone": key} for key in keys])


_FORGET = delete(deletions).where(deletions.c.object_key == bindparam("gone"))


def _erase(connection: Connection, which: ColumnElement[bool], timing: Timing) -> list[Deletion] | None:
    # The cascade would do, but it takes the job row first, and would deadlock with every worker that counts just now.
    connection.execute(delete(chunks).where(chunks.c.job_id.in_(select(jobs.c.job_id).where(which))))
    row = connection.execute(delete(jobs).where(which).returning(*_LEFT)).one_or_none()
    if row is None:
        return None
    if row.document_key.startswith(LEGACY):
        erase_legacy(connection, int(row.document_key.removeprefix(LEGACY)))
    left = _objects(row)
    if row.document_id is not None:
        left += uploads.leave_document(connection, row.document_id)
    _note(connection, left, timing)
    return left


_LEFT: tuple[Column[Any], ...] = (
    jobs.c.job_id,
    jobs.c.run,
    jobs.c.document_key,
    jobs.c.document_id,
    jobs.c.transcode_upload,
)


def _objects(row: Row[Any]) -> list[Deletion]:
    """What a job has in the bucket for itself, or may have: a function that is under way may write it just now."""
    own = document_key(row.job_id)
    left = [Deletion(own, upload_id=row.transcode_upload)] if own == row.document_key or row.transcode_upload else []
    for run in range(1, row.run + 1):
        left += [Deletion(result_key(row.job_id, run)), Deletion(records_key(row.job_id, run))]
    return left


def _note(connection: Connection, left: Sequence[Deletion], timing: Timing) -> None:
    if not left:
        return
    due = connection.execute(select(now() + timing.late_ms)).scalar_one()
    noted = sorted(left, key=lambda each: each.key)
    rows = [
        {"object_key": each.key, "version": each.version, "upload_id": each.upload_id, "due_at": due} for each in noted
    ]
    connection.execute(insert(deletions).on_conflict_do_nothing(), rows)
