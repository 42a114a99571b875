"""What is to go: jobs kept long enough, uploads that no job took, old idempotency keys, objects of what was deleted.

Nobody waits for any of it, so it is the last of a pass, in a time of its own: what does not fit waits for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from functions.core.errors import Retryable
from functions.core.logs import bug, logger
from functions.core.model import Deletion
from functions.core.ports import Deadline
from functions.core.wiring import Parts
from functions.reconciler.guarded import BUDGET, guarded

SECONDS = 5.0  # of a pass, after which nothing more is begun: the next pass looks after leases again
PAGE = 200  # rows for one statement
OBJECTS = 32  # deleted at the same time
PATIENCE = 4.0  # seconds for an object, S3 being away: less than what must be left to begin
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
        gone, page, count = 0, OBJECTS, 1
        while page == OBJECTS and count and self._has_time():
            due = await self.parts.store.due_deletions(OBJECTS)
            done = await asyncio.gather(*(self._delete(deletion) for deletion in due))
            deleted = [deletion for deletion, fine in zip(due, done, strict=True) if fine]
            if deleted:
                await self.parts.store.deleted(deleted)
            page, count = len(due), len(deleted)
            gone += count
        if gone:
            logger.info("objects deleted", extra={"count": gone})

    async def _delete(self, deletion: Deletion) -> bool:
        """Whether S3 has said that it is gone; if not, it is due again later."""
        about = {"key": deletion.key}
        try:
            async with asyncio.timeout(PATIENCE):
                if deletion.upload_id:
                    await self.parts.uploads.abort(deletion.key, deletion.upload_id)
                await self.parts.documents.delete(deletion.key, version=deletion.version)
        except (Retryable, TimeoutError) as error:
            logger.warning("an object was not deleted", extra={**about, "error": str(error) or "no answer in time"})
            return False
        except Exception as error:  # noqa: BLE001 (one object's trouble never stops the others)
            logger.error("an object's deletion met a bug", extra={**about, **bug(error)})
            return False
        return True
