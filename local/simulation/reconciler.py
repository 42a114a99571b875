"""The schedule of the reconciler, and what a pass that nothing disturbed must not leave behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from functions.core.model import Metric
from functions.core.ports import Deadline
from functions.core.wiring import Parts
from local.simulation.functions import ROOMS
from local.simulation.story import Violation

if TYPE_CHECKING:
    from local.simulation.database import SimulatedDatabase
    from local.simulation.functions import Functions
    from local.simulation.meter import SimulatedMeter
    from local.templates.deployment import FunctionSpec

_STUCK = """
SELECT 'chunk', job_id, chunk_index FROM chunk_records JOIN analysis_jobs AS job USING (job_id)
WHERE job.status IN ('PENDING', 'PROCESSING') AND (
  (chunk_records.status = 'PROCESSING' AND lease_until < {start})
  OR (chunk_records.status = 'PENDING' AND hint_due_at <= {start} AND coalesce(not_before, 0) <= {start})
)
UNION ALL
SELECT 'plan', job_id, 0 FROM analysis_jobs WHERE status IN ('PENDING', 'PROCESSING') AND total_chunks IS NULL
  AND plan_due_at <= {start} AND coalesce(plan_lease_until, 0) < {start}
UNION ALL
SELECT 'finalizer', job_id, 0 FROM analysis_jobs WHERE status IN ('PENDING', 'PROCESSING')
  AND total_chunks = chunks_completed + chunks_failed AND finalize_due_at <= {start}
"""


@dataclass
class Schedule:
    """An invocation as often as the template says; they may overlap."""

    function: FunctionSpec
    functions: Functions
    database: SimulatedDatabase

    async def run(self) -> None:
        """For ever."""
        every = self.function.schedule_seconds
        while every:
            self.functions.loop.spawn(self.once())
            await asyncio.sleep(every)

    async def once(self) -> None:
        """One invocation. Raises Violation when it saw what stood still, nothing disturbed it, and it stands still."""
        start = self.database.now()
        ended = await self.functions.invoke(self.function.logical_id, self.function.timeout, self._main)
        if ended.error:
            raise ended.error
        if ended.process.blows:
            return
        if ended.answer:
            raise Violation(f"{ended.process.name}, undisturbed, counts {ended.answer} stuck jobs")
        for what, job_id, index in self.database.rows(_STUCK.format(start=start)):
            raise Violation(f"{what} {job_id}/{index} stood still before {ended.process.name} began, and still does")

    async def _main(self, parts: Parts, deadline: Deadline) -> int:
        """The stuck jobs that it counted."""
        await ROOMS[self.function.handler](parts, {"time": None}, deadline)
        return cast("SimulatedMeter", parts.meter).own[Metric.STUCK_JOBS]
