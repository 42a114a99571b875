"""How long work that stands still lies there until the reconciler moves it on.

Work stands still when a lease is over, or the message is due that would bring it back. The promise is one pass of the
reconciler. It can be held only while the reconciler can work, so two figures are kept: the whole time, and the longest
stretch of it in which nothing kept the reconciler from working.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, and_, or_, select
from sqlalchemy.exc import DBAPIError

from functions.core.jobs import ChunkStatus
from functions.core.store.claiming import LEASE_OVER, NOT_EARLY
from functions.core.store.clock import now
from functions.core.store.counting import ACTIVE, ALL_DONE, OF_ACTIVE_JOB
from functions.core.store.tables import chunks, jobs
from local.chaos.databases import Database
from local.chaos.journal import Journal
from local.stack import Stack

Standing = tuple[str | int, ...]
"""What stands still, of which kind (the first item), since when (the last)."""

_EVERY = 0.2  # seconds; a look takes a few milliseconds, from indexes
_NEEDED = frozenset({"control", "moto"})
_CHUNK = (chunks.c.job_id, chunks.c.chunk_index, chunks.c.claim_no)
_NO_PLANNER = or_(jobs.c.plan_lease_until.is_(None), jobs.c.plan_lease_until < now())
_STANDING: dict[str, Select[Any]] = {
    "lease": select(*_CHUNK, chunks.c.lease_until, now() - chunks.c.lease_until).where(LEASE_OVER, OF_ACTIVE_JOB),
    "hint": select(*_CHUNK, chunks.c.hint_due_at, now() - chunks.c.hint_due_at).where(
        chunks.c.status == ChunkStatus.PENDING, chunks.c.hint_due_at < now(), NOT_EARLY, OF_ACTIVE_JOB
    ),
    "plan": select(jobs.c.job_id, jobs.c.plan_due_at, now() - jobs.c.plan_due_at).where(
        and_(ACTIVE, jobs.c.total_chunks.is_(None), jobs.c.plan_due_at < now(), _NO_PLANNER)
    ),
    "finalizer": select(jobs.c.job_id, jobs.c.finalize_due_at, now() - jobs.c.finalize_due_at).where(
        ACTIVE, ALL_DONE, jobs.c.finalize_due_at < now()
    ),
}
KINDS = tuple(_STANDING)


class Recovery:
    """The figures by kind. Pure: what was seen is handed in. All times in seconds, moments of the epoch."""

    def __init__(self, bound: float) -> None:
        self.late: list[tuple[float, Standing, float]] = []  # what stood longer than `bound`: when, what, how long
        self._bound = bound
        self.worst = dict.fromkeys(KINDS, 0.0)  # with the reconciler able to work all the time
        self.worst_whole = dict.fromkeys(KINDS, 0.0)
        self.seen: Counter[str] = Counter()
        self._stretches: dict[Standing, float] = {}
        self._at: float | None = None

    def see(self, at: float, standing: Mapping[Standing, float], *, able: bool) -> None:
        """At this moment this has stood still for so long; `able`: nothing has kept the reconciler since the last."""
        since = at - self._at if self._at is not None else 0.0
        self._at = at
        before, self._stretches = self._stretches, {}
        for what, seconds in standing.items():
            kind = str(what[0])
            self.seen[kind] += what not in before
            stretch = self._stretches[what] = min(before.get(what, 0.0) + since, seconds) if able else 0.0
            self.worst[kind] = max(self.worst[kind], stretch)
            if stretch > self._bound:
                self.late.append((at, what, stretch))
            self.worst_whole[kind] = max(self.worst_whole[kind], seconds)


class Sampler:
    """Looks at the rows of a running stack from a thread of its own, inside `with`."""

    def __init__(self, engine: Engine, stack: Stack, database: Database, journal: Journal, *, bound: float) -> None:
        self.recovery = Recovery(bound)
        self._engine = engine
        self._stack = stack
        self._database = database
        self._journal = journal
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Recovery:
        self._thread.start()
        return self.recovery

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        before = False
        while not self._stopping.wait(_EVERY):
            able = self._stack.ready().keys() >= _NEEDED and not self._journal.is_blind()
            try:
                standing = self._standing()
                held = bool(standing) and self._journal.is_frozen() and self._database.is_held()
            except (DBAPIError, OSError):
                before = False
                continue
            # what began or ended between two looks counts for both
            self.recovery.see(time.time(), standing, able=able and not held and before)
            before = able and not held

    def _standing(self) -> dict[Standing, float]:
        with self._engine.connect() as connection:
            return {
                (kind, *row[:-1]): row[-1] / 1000
                for kind, query in _STANDING.items()
                for row in connection.execute(query).all()
            }
