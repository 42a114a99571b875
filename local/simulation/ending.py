"""The end of a history: nothing goes wrong any more, every job ends, and what is left in the queues changes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.core.jobs import ACTIVE_JOB, OPEN_CHUNK
from functions.core.model import Metric
from functions.core.wiring import make_timing
from local.simulation.carried import HARMLESS
from local.simulation.faults import Fault
from local.simulation.rows import read_deletions
from local.simulation.story import Violation

if TYPE_CHECKING:
    from functions.core.settings import Settings
    from local.simulation.database import SimulatedDatabase
    from local.simulation.faults import Faults
    from local.simulation.functions import Functions
    from local.simulation.model import SimulatedModel
    from local.simulation.queue import SimulatedQueue
    from local.simulation.reconciler import Schedule
    from local.simulation.s3 import SimulatedS3
    from local.simulation.story import Story
    from local.simulation.watch import Watch

_GLANCE = 5.0  # seconds between two looks
_MOST_LOOKS = 2_000
_DAYS = 2  # by then every upload that waits, every key and every job that is kept for a day is over
_MOST_PASSES = 4
_ENDS = (Metric.CHUNKS_COMPLETED, Metric.CHUNKS_FAILED)
# After one of these a lease may end though the chunk had no part in it.
_KILLS = frozenset(
    {
        Fault.CRASH, Fault.CRASH_IN_TRANSACTION, Fault.FREEZE, Fault.FREEZE_IN_TRANSACTION, Fault.ZOMBIE, Fault.TIMEOUT,
        Fault.REFUSED, Fault.LOST_IN_TRANSACTION, Fault.LOST_COMMIT, Fault.LOST_COMMIT_ANSWER, Fault.SERIALIZATION,
        Fault.DATABASE_OUTAGE,
    }
)  # fmt: skip


@dataclass
class Ending:
    """Waits, empties the queues, and looks."""

    functions: Functions
    faults: Faults
    watch: Watch
    schedule: Schedule
    queues: Sequence[SimulatedQueue]
    s3: SimulatedS3
    story: Story
    model: SimulatedModel
    clock: Callable[[], float]
    patience: Callable[[], float]
    metered: Mapping[Metric, int]
    database: SimulatedDatabase
    settings: Settings
    recovery: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)  # how jobs and chunks have ended

    async def run(self) -> None:
        """Raises Violation when the end is not what was promised."""
        self.faults.stop()
        await self._until(self._all_ended, "jobs have not ended")
        self.recovery = max(0.0, max(self.story.ended_at.values(), default=0.0) - self.faults.last)
        await self._until(lambda: not self.functions.running, "an invocation has not ended")
        before = self._state()
        await self._until(self._drained, "messages are left in the queues")
        await self.schedule.once()
        if self._state() != before:
            raise Violation(f"what was left changed what had ended: {before} became {self._state()}")
        self._nothing_lost()
        self._no_neighbours_taken_down()
        self._metrics_are_true()
        self.ends = self.watch.tally()
        await self._let_time_pass()

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(_MOST_LOOKS):
            if condition():
                return
            if self.clock() > self.patience() and not self._all_ended():
                break
            await asyncio.sleep(_GLANCE)
        raise Violation(f"{what} at {self.clock():.0f} s: {list(self.watch.jobs.values())}")

    def _all_ended(self) -> bool:
        return all(job.status not in ACTIVE_JOB for job in self.watch.jobs.values())

    def _drained(self) -> bool:
        """Whether every message has been delivered once more."""
        for queue in self.queues:
            queue.show_all()
        return not self.functions.running and not any(queue.messages for queue in self.queues)

    def _state(self) -> list[tuple[object, ...]]:
        """Everything that a client can see, and what fences."""
        jobs: list[tuple[object, ...]] = [tuple(job) for job in self.watch.jobs.values()]
        rows = [
            (row.key, row.claim_no, row.status in OPEN_CHUNK or row.status, row.attempts, row.result)
            for of_job in self.watch.chunks.values()
            for row in of_job
        ]
        return [*jobs, *rows]

    def _nothing_lost(self) -> None:
        lost = self.story.accepted - self.story.to_be_erased - self.watch.jobs.keys()
        if lost:
            raise Violation(f"accepted and lost: {sorted(lost)}")
        revived = [job.job_id for job in self.watch.jobs.values() if job.job_id in self.story.erased]
        if revived:
            raise Violation(f"deleted and there: {revived}")

    async def _let_time_pass(self) -> None:
        """Days in which nobody asks for anything: what is to go goes, with all that belongs to it, whatever befell."""
        self.database.leap(_DAYS * 86_400)
        await self.schedule.once()
        for number in range(_MOST_PASSES):
            if not read_deletions(self.database):
                break
            self.database.leap(make_timing(self.settings).late_ms / 1000 + 1)
            self.s3.refuses = number == 0 and len(self.s3.objects) % 2 == 1
            await self.schedule.once()
        self._nothing_due()
        self._nothing_left()

    def _nothing_due(self) -> None:
        rows = {"deletions": "", "idempotency_keys": "", "documents": " WHERE jobs = 0"}
        if self.settings.retention_days:
            rows["analysis_jobs"] = ""
        for table, which in rows.items():
            ((count,),) = self.database.rows(f"SELECT count(*) FROM {table}{which}")  # noqa: S608
            if count:
                raise Violation(f"{count} rows of {table} should be gone by now")

    def _nothing_left(self) -> None:
        left = [key for key in self.s3.objects if not self.watch.needed(key) and not self._is_found_otherwise(key)]
        if left:
            raise Violation(f"deleted, and its objects are there: {left}")

    def _is_found_otherwise(self, key: str) -> bool:
        """Of an upload that came too late the tag tells the bucket."""
        gone_at = self.story.gone_at.get(key.split("/")[1])
        return key in self.s3.tags and (gone_at is None or self.s3.put_at[key] >= gone_at)

    def _metrics_are_true(self) -> None:
        """Rows are counted, not messages: never more than moved, and no fewer where nothing died in between."""
        for metric, moved in self.story.moved.items():
            counted = self.metered.get(metric, 0)
            fewer = counted < moved and metric in _ENDS and self.faults.met <= HARMLESS
            if counted > moved or fewer:
                raise Violation(f"{metric} says {counted}, and {moved} rows moved")

    def _no_neighbours_taken_down(self) -> None:
        """A chunk that kills its workers takes no other with it."""
        if self.faults.met & _KILLS:
            return
        for key in sorted(self.story.crashed_out):
            if not self.model.poisoned.get(key):
                raise Violation(f"only poisoned chunks crash their workers, and {key} was given up for it")
