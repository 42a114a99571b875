"""Idempotency keys: each makes one job, whoever comes with it, however often and however many at once.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, bindparam, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler knows its ON CONFLICT too

from functions.core.model import Earlier, NewJob
from functions.core.store.clock import now
from functions.core.store.counting import MOST
from functions.core.store.tables import idempotency_keys as keys

_BEFORE = bindparam("before", type_=BigInteger)


def take_key(connection: Connection, job: NewJob) -> Earlier | None:
    """Write the job's key down, if it has one. The job that it made before, which may be this very one.

    Of two transactions with one key the second waits here for the end of the first.
    """
    if job.idempotency is None:
        return None
    key, fingerprint = job.idempotency.key, job.idempotency.fingerprint
    taken = insert(keys).values(
        owner=job.owner, idempotency_key=key, job_id=job.job_id, fingerprint=fingerprint, created_at=now()
    )
    # RETURNING: of an INSERT, or of anything that begins with WITH, not every driver says how many rows there were.
    while connection.scalar(taken.on_conflict_do_nothing().returning(keys.c.job_id)) is None:
        earlier = read_key(connection, job.owner, key)
        if earlier:  # else it was forgotten in between
            return earlier
    return None


def read_key(connection: Connection, owner: str, key: str) -> Earlier | None:
    """The job that a key has made."""
    row = connection.execute(
        select(keys.c.job_id, keys.c.fingerprint).where(keys.c.owner == owner, keys.c.idempotency_key == key)
    ).one_or_none()
    return Earlier(row.job_id, row.fingerprint) if row else None


def forget_keys(connection: Connection, age_ms: int, limit: int) -> int:
    """Remove the oldest keys, of those that are older than that."""
    before = connection.execute(select(now())).scalar_one() - age_ms
    return len(connection.execute(_FORGET, {"before": before, "most": limit}).all())


_OLD = keys.c.created_at < _BEFORE
_PICKED = (
    select(keys.c.owner, keys.c.idempotency_key)
    .where(_OLD)
    .order_by(keys.c.created_at)
    .limit(MOST)
    .with_for_update(skip_locked=True)
    .cte("picked")  # both as in sweeping
)
_FORGET = (
    delete(keys).where(tuple_(keys.c.owner, keys.c.idempotency_key).in_(select(_PICKED)), _OLD).returning(keys.c.owner)
)
