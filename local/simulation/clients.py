"""Clients: they submit, poll, cancel, retry and delete, twice at once if they like, and believe what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from functions.api import control
from functions.core.errors import Rejected
from functions.core.jobs import ACTIVE_JOB, JobStatus, progress_pct
from functions.core.model import JobView
from functions.core.wiring import Parts
from local.simulation.asking import Asking, NoAnswer
from local.simulation.story import Story, Violation
from local.simulation.submitting import Submitting

if TYPE_CHECKING:
    from functions.core.ports import Deadline
    from functions.core.settings import Settings
    from local.simulation.functions import Main
    from local.simulation.s3 import SimulatedS3
    from local.simulation.trace import Trace

_TRIES = 5  # calls of one verb, until a client gives up


@dataclass
class Clients(Asking):
    """All clients of a history. Each believes what it is told: where that does not hold, it raises Violation."""

    random: Random
    story: Story
    trace: Trace
    clock: Callable[[], float]
    s3: SimulatedS3
    settings: Settings
    last: float  # seconds: when the last of them begins
    restless: float  # how likely a client cancels, or deletes
    patience: Callable[[], float]  # until when a job must have ended

    async def run(self) -> None:
        """Until each is content."""
        await asyncio.gather(*(self._client(number) for number in range(self.random.choice((1, 1, 2, 2, 3, 4)))))

    async def _client(self, number: int) -> None:
        await asyncio.sleep(self.random.uniform(0, self.last))
        submitting = Submitting(self.functions, self.random, self.story, self.trace, self.clock, self.s3, self.settings)
        await asyncio.gather(*(self._look_after(job_id) for job_id in await submitting.jobs(number)))

    async def _look_after(self, job_id: str) -> None:
        wishes = [wish for wish in (self._cancel, self._delete) if self.random.random() < self.restless]
        twice = [wish for wish in wishes if self.random.random() < 0.3]
        await asyncio.gather(self._follow(job_id), *(self._later(wish, job_id) for wish in wishes + twice))

    async def _follow(self, job_id: str) -> None:
        """Poll until the job has ended and is to be retried no more."""
        retries = self.random.choice((0, 1, 1, 2))
        seen: JobView | None = None
        while True:
            await asyncio.sleep(self.random.uniform(1, 30))
            view = await self._look(job_id)
            if view is None:
                continue
            if isinstance(view, Rejected):
                return
            self._compare(seen, view)
            seen = view
            if view.status in (JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED) and retries:
                retries -= 1
                both = self.random.choice((1, 2))
                await asyncio.gather(*(self._retry(job_id) for _ in range(both)))
            elif view.status not in ACTIVE_JOB:
                return
            elif self.clock() > self.patience():
                raise Violation(f"{job_id} is still {view.status} at {self.clock():.0f} s: {view.progress}")

    async def _look(self, job_id: str) -> JobView | Rejected | None:
        async def main(parts: Parts, _: Deadline) -> JobView | None:
            return await parts.store.job(job_id, self.story.owners[job_id])

        erased, cancelled = job_id in self.story.erased, job_id in self.story.cancelled  # as told before it asks
        try:
            view = await self.ask(main)
        except NoAnswer:
            return None
        if view is None:
            if job_id not in self.story.to_be_erased:
                raise Violation(f"{job_id} was accepted and is not there")
            return Rejected(404, "no-such-job", "")
        if erased:
            raise Violation(f"{job_id} was deleted and is there")
        if cancelled and view.status is not JobStatus.CANCELLED:
            raise Violation(f"{job_id} was cancelled and is {view.status}")
        return view

    def _compare(self, seen: JobView | None, view: JobView) -> None:
        percent = progress_pct(view.status, view.progress)
        if percent == 100 and view.status in (*ACTIVE_JOB, JobStatus.CANCELLED):
            raise Violation(f"{view.job_id} is {view.status} at 100 %")
        if seen and seen.run == view.run and percent < progress_pct(seen.status, seen.progress):
            raise Violation(f"the progress of {view.job_id} goes back to {percent} %")

    async def _later(self, wish: Callable[[str], Awaitable[None]], job_id: str) -> None:
        await asyncio.sleep(self.random.choice((2.0, 10.0, 60.0)) * self.random.random())
        await wish(job_id)

    async def _cancel(self, job_id: str) -> None:
        async def main(parts: Parts, _: Deadline) -> None:
            await control.cancel(parts, self.story.owners[job_id], job_id)

        if await self._insist(job_id, "cancel", main):
            self.story.cancelled.add(job_id)

    async def _retry(self, job_id: str) -> None:
        async def main(parts: Parts, _: Deadline) -> None:
            await control.retry(parts, self.story.owners[job_id], job_id)

        await self._insist(job_id, "retry", main)

    async def _delete(self, job_id: str) -> None:
        async def main(parts: Parts, _: Deadline) -> None:
            await control.erase(parts, self.story.owners[job_id], job_id)

        self.story.to_be_erased.add(job_id)
        if await self._insist(job_id, "delete", main):
            self.story.erased.add(job_id)

    async def _insist(self, job_id: str, verb: str, main: Main[None]) -> bool:
        """Ask until there is an answer; whether it was a yes."""
        for _ in range(_TRIES):
            try:
                await self.ask(main)
            except NoAnswer:
                await asyncio.sleep(self.random.uniform(1, 30))
                continue
            except Rejected as refusal:
                self.trace.note("a client", f"{verb} {job_id}", f"{refusal.status} {refusal.slug}")
                return False
            self.trace.note("a client", f"{verb} {job_id}", "done")
            self.story.outcomes[verb] += 1
            return True
        return False
