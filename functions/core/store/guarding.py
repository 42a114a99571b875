"""What a request for a job begins with: how its owner stands, and the note that guards the object it is about to write.

The note is a deletion that falls due when no request can be under way any more. The job's transaction strikes it off;
should that never come, whatever the reason, the reconciler finds it due and deletes the object.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert  # as in idempotency

from functions.core.model import NewJob, Standing
from functions.core.store.clock import now
from functions.core.store.counting import LIVE
from functions.core.store.idempotency import read_key
from functions.core.store.tables import deletions, jobs
from functions.core.store.timing import Timing


def begin_submit(
    connection: Connection, owner: str, idempotency_key: str | None, object_key: str | None, timing: Timing
) -> Standing:
    """What an owner has under way, and what a key has made; if that is nothing, the object is noted for deletion."""
    row = connection.execute(_STANDING, {"asking": owner}).one()
    earlier = read_key(connection, owner, idempotency_key) if idempotency_key is not None else None
    due_at = None if object_key is None or earlier else _note(connection, object_key, timing)
    return Standing(row.live_jobs, int(row.live_chunks), earlier, due_at)


_PLANNED = func.coalesce(jobs.c.total_chunks, jobs.c.plan_chunk)  # so far
_STANDING = select(func.count().label("live_jobs"), func.coalesce(func.sum(_PLANNED), 0).label("live_chunks")).where(
    jobs.c.owner == bindparam("asking"), LIVE
)


def _note(connection: Connection, object_key: str, timing: Timing) -> int:
    noted = insert(deletions).values(object_key=object_key, due_at=now() + timing.late_ms)
    # Run again after a commit whose answer was lost, it is there already: nobody else knows the key.
    again = noted.on_conflict_do_update(index_elements=["object_key"], set_={"due_at": noted.excluded.due_at})
    due_at: int = connection.execute(again.returning(deletions.c.due_at)).scalar_one()
    return due_at


def keep_object(connection: Connection, job: NewJob) -> bool:
    """Strike off the note about a job's object. False: it has fallen due, and the object may be gone; or it was struck.

    The row stays locked until the job is committed, and whoever looks for what is due passes by; a pass that was there
    before has stamped it, and then it is not the one that was noted any more.
    """
    if job.object_due_at is None:
        return True
    struck = connection.execute(
        delete(deletions)
        .where(
            deletions.c.object_key == job.source.key,
            deletions.c.due_at == job.object_due_at,
            deletions.c.due_at > now(),
        )
        .returning(deletions.c.object_key)
    )
    return struck.one_or_none() is not None
