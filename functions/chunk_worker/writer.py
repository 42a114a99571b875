"""The one writer of results: takes what is ready when it is free, and never waits for company."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from functions.core.errors import StoreUnavailable
from functions.core.logs import logger
from functions.core.model import ChunkResult, Moved
from functions.core.ports import Deadline
from functions.core.store_port import Store

_Waiting = tuple[str, ChunkResult, "asyncio.Future[Moved]"]


class Writer:
    """Writes results in groups, one job a transaction; a group that fails is written row by row.

    A result has been paid for: while the database is away it is tried again until the deadline is near.
    """

    def __init__(self, store: Store, deadline: Deadline, *, margin: float) -> None:
        self._store = store
        self._deadline = deadline
        self._margin = margin
        self._ready: list[_Waiting] = []
        self._wake = asyncio.Event()

    async def write(self, job_id: str, result: ChunkResult) -> Moved:
        """What the transaction that stored this result moved. Raises StoreUnavailable when it could not be stored."""
        stored: asyncio.Future[Moved] = asyncio.get_running_loop().create_future()
        self._ready.append((job_id, result, stored))
        self._wake.set()
        return await stored

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            ready, self._ready = self._ready, []
            for job_id in sorted({job_id for job_id, _, _ in ready}):
                await self._write_group(job_id, [waiting for waiting in ready if waiting[0] == job_id])

    async def _write_group(self, job_id: str, group: Sequence[_Waiting]) -> None:
        try:
            moved = await self._complete(job_id, [result for _, result, _ in group])
        except Exception as error:  # noqa: BLE001 (whatever it was, it belongs to those who wait for it)
            await self._write_singly(job_id, group, error)
            return
        for _, _, stored in group:
            _answer(stored, moved)
            moved = replace(moved, all_done=False)  # one of them wakes the finalizer

    async def _write_singly(self, job_id: str, group: Sequence[_Waiting], error: Exception) -> None:
        if len(group) == 1 or isinstance(error, StoreUnavailable):
            for _, _, stored in group:
                if not stored.done():
                    stored.set_exception(error)
            return
        logger.warning("a group of results was refused and is written row by row", extra={"job_id": job_id})
        for waiting in group:
            await self._write_group(job_id, [waiting])

    async def _complete(self, job_id: str, results: Sequence[ChunkResult]) -> Moved:
        pause = 0.5
        while True:
            try:
                return await self._store.complete(job_id, results)
            except StoreUnavailable:
                if self._deadline.remaining() < self._margin + pause:
                    raise
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)


def _answer(stored: asyncio.Future[Moved], moved: Moved) -> None:
    if not stored.done():
        stored.set_result(moved)
