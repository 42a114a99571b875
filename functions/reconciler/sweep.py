"""One pass over what stands still: leases that ran out, hints that fell due, plans and finalizers nobody works on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from functions.core.errors import ProviderError, QueueUnavailable
from functions.core.logs import logger
from functions.core.model import ChunkHint, Failure, Metric
from functions.core.ports import Deadline
from functions.core.wiring import Parts
from functions.reconciler.expiry import Expiry
from functions.reconciler.guarded import BUDGET, guarded

JOBS = 200  # plans and finalizers looked after in one pass
PAGE = 500  # messages sent for one UPDATE
QUESTION = 10.0  # seconds that a statement takes at most to reach the database
CLOCKS_DIFFER = 1.25  # by no more than this does ours run slower than the database's

CRASHED = Failure("worker_crashed", "every worker that tried this chunk crashed or was lost")
PLAN_CRASHED = Failure("planner_crashed", "every planner that tried this document crashed or was lost")


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass; passes may overlap, for every step is a guarded write."""

    parts: Parts
    deadline: Deadline

    async def run(self) -> None:
        """All steps, those that end jobs before those that send much; one step's trouble does not stop the others."""
        began = asyncio.get_running_loop().time()
        was_empty = await self._guarded("look at the queue", self.parts.queues.chunk_queue_is_empty)
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("look after plans", self._plans),
            ("look after finalizers", self._finalizers),
            ("fail crashed chunks", self._fail_crashed),
            ("put ended jobs to rest", self._rest_ended),
            ("end leases", self._end_leases),
        ]
        if was_empty:
            steps.append(("look at an empty queue", self._refill))
        for name, step in (*steps, ("send due hints", self._due_hints)):
            await self._guarded(name, step)
        await self._guarded("count what is stuck", lambda: self._count_stuck(began))
        await Expiry(self.parts, self.deadline).run()  # last: nobody waits for it

    async def _rest_ended(self) -> None:
        rested, page = 0, PAGE
        while page == PAGE and rested < self.parts.settings.resend_limit and self.deadline.remaining() > BUDGET:
            page = await self.parts.store.rest_ended(PAGE)
            rested += page
        if rested:
            logger.info("chunks of ended jobs put to rest", extra={"chunks": rested})

    async def _end_leases(self) -> None:
        async def page_of(limit: int) -> list[ChunkHint]:
            ended = await self.parts.store.end_leases(limit)
            if ended:
                self.parts.meter.add(Metric.CHUNKS_CRASHED, len(ended))
            return ended

        await self._send_pages("leases ended", page_of)

    async def _due_hints(self) -> None:
        await self._send_pages("hints sent again", self.parts.store.due_hints)

    async def _send_pages(self, what: str, page_of: Callable[[int], Awaitable[list[ChunkHint]]]) -> None:
        """Move and send page by page, so that a crash in between leaves few to the next hint."""
        sent = 0
        while sent < self.parts.settings.resend_limit and self.deadline.remaining() > BUDGET:
            size = min(PAGE, self.parts.settings.resend_limit - sent)
            hints = await page_of(size)
            if hints:
                await self._send(hints)
                sent += len(hints)
            if len(hints) < size:
                break
        if sent:
            logger.warning(what, extra={"chunks": sent})

    async def _send(self, hints: list[ChunkHint]) -> None:
        try:
            await self.parts.queues.send_chunks(hints)
        except QueueUnavailable:
            await self.parts.store.not_sent(hints)
            raise

    async def _fail_crashed(self) -> None:
        for job_id, indexes in (await self.parts.store.crashed_for_good(PAGE)).items():
            await self._guarded("fail crashed chunks of a job", lambda: self._fail_in(job_id, indexes))  # noqa: B023

    async def _fail_in(self, job_id: str, indexes: list[int]) -> None:
        moved = await self.parts.store.fail_crashed(job_id, indexes, CRASHED)
        if moved.chunk_indexes:
            self.parts.meter.add(Metric.CHUNKS_CRASHED, len(moved.chunk_indexes))
            self.parts.meter.add(Metric.CHUNKS_FAILED, len(moved.chunk_indexes))
        for index in sorted(moved.chunk_indexes):
            logger.error("the chunk failed", extra={"job_id": job_id, "chunk_index": index, "code": CRASHED.code})
        if moved.all_done:
            await self.parts.queues.send_finalize(job_id, moved.run)

    async def _plans(self) -> None:
        due, lost = await self.parts.store.due_plans(JOBS)
        for hint in lost:
            if await self.parts.store.fail_dead_plan(hint, PLAN_CRASHED):
                logger.error("the plan failed", extra={"job_id": hint.job_id, "code": PLAN_CRASHED.code})
        for hint in due:
            logger.warning("a plan is sent again", extra={"job_id": hint.job_id})
            await self.parts.queues.send_plan(hint)

    async def _finalizers(self) -> None:
        for job_id, run in await self.parts.store.due_finalizers(JOBS):
            logger.warning("a finalizer is woken again", extra={"job_id": job_id, "run": run})
            await self.parts.queues.send_finalize(job_id, run)

    async def _refill(self) -> None:
        """The queue was empty at the pass's beginning; if it still is, no message carries anything."""
        if await self.parts.queues.chunk_queue_is_empty():
            due = await self.parts.store.make_pending_due()
            if due:
                logger.warning("the chunk queue is empty: everything pending is due", extra={"chunks": due})

    async def _count_stuck(self, began: float) -> None:
        """After all other steps: what was due when they began has by now been brought on."""
        settings = self.parts.settings
        # parked to the end, with a last delay that began before it, and a last message that was lost
        longest = settings.max_park + ProviderError.LONGEST_WAIT + settings.hint_cap
        passed = CLOCKS_DIFFER * (asyncio.get_running_loop().time() - began) + QUESTION
        stuck = await self.parts.store.stuck_jobs(quiet=settings.hint_after, longest=longest, grace=passed)
        self.parts.meter.add(Metric.STUCK_JOBS, stuck)
        if stuck:
            logger.error("jobs stand still, and nothing ahead will bring them on", extra={"jobs": stuck})

    async def _guarded(self, name: str, step: Callable[[], Awaitable[bool | None]]) -> bool:
        return await guarded(name, step, self.deadline)
