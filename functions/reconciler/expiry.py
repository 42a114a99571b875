"""What is to go: jobs kept long enough, uploads that no job took, old idempotency keys, objects of what was deleted.

Nobody waits for any of it, so it is the last of a pass, in a time of its own: what does not fit waits for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from functions.core import disposal
from functions.core.disposal import Disposal
from functions.core.logs import logger
from functions.core.ports import Deadline
from functions.core.wiring import Parts
from functions.reconciler.guarded import BUDGET, guarded

# Of a pass, after which nothing more is begun: the next pass looks after leases again. One page of objects about which
# S3 is silent takes all of it, so that no more of the threads hang than those of one page.
SECONDS = disposal.SECONDS
PAGE = 200  # rows for one statement
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of one pass; passes may overlap, for every step is a guarded write or may be done twice."""

    parts: Parts
    deadline: Deadline
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def run(self) -> None:
        """All steps; one's trouble does not stop the others."""
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("expire uploads", self._documents),
            ("forget idempotency keys", self._keys),
            ("delete objects", self._objects),
        ]
        if self.parts.settings.retention_days:
            steps.insert(0, ("expire jobs", self._jobs))
        for name, step in steps:
            await guarded(name, step, self.deadline)

    def _has_time(self) -> bool:
        spent = asyncio.get_running_loop().time() - self.began
        return spent < SECONDS and self.deadline.remaining() > BUDGET

    async def _jobs(self) -> None:
        seconds = self.parts.settings.retention_days * DAY
        while self._has_time() and (job_id := await self.parts.store.expire_job(seconds=seconds)):
            logger.info("a job was kept long enough", extra={"job_id": job_id})

    async def _documents(self) -> None:
        await self._pages("uploads that no job took", self.parts.store.expire_documents)

    async def _keys(self) -> None:
        seconds = self.parts.settings.idempotency_life
        await self._pages(
            "idempotency keys forgotten", lambda limit: self.parts.store.forget_keys(seconds=seconds, limit=limit)
        )

    async def _pages(self, what: str, page_of: Callable[[int], Awaitable[int]]) -> None:
        gone, page = 0, PAGE
        while page == PAGE and self._has_time():
            page = await page_of(PAGE)
            gone += page
        if gone:
            logger.info(what, extra={"count": gone})

    async def _objects(self) -> None:
        """Page by page, until there is nothing due, or the bucket is away."""
        parts = self.parts
        bucket = Disposal.over(parts.documents, parts.uploads, threads=parts.settings.threads)
        gone, page, count = 0, disposal.MOST, 1
        while page == disposal.MOST and count and self._has_time():
            due = await parts.store.due_deletions(disposal.MOST)
            deleted = await bucket.delete(due)
            if deleted:
                await parts.store.deleted(deleted)
            page, count = len(due), len(deleted)
            gone += count
        if gone:
            logger.info("objects deleted", extra={"count": gone})
