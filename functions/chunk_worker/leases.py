"""Keeps the leases of a batch alive while its calls run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from functions.core.logs import bug, logger
from functions.core.model import Claim
from functions.core.ports import Deadline
from functions.core.store_port import Store


class Leases:
    """The claims of one invocation that are still being worked on."""

    def __init__(self, store: Store, deadline: Deadline, *, lease: float, renew_every: float) -> None:
        self._store = store
        self._deadline = deadline
        self._lease = lease
        self._renew_every = renew_every
        self._held: set[Claim] = set()

    def seconds(self) -> float:
        """How long a lease may last now: never past the invocation's own end."""
        return min(self._lease, self._deadline.remaining())

    def hold(self, claim: Claim) -> None:
        """Renew this claim from now on."""
        self._held.add(claim)

    def drop(self, claim: Claim) -> None:
        """Renew it no more."""
        self._held.discard(claim)

    async def run(self) -> None:
        """Renew until cancelled. A renewal that fails is tried again at the next turn."""
        while True:
            await asyncio.sleep(self._renew_every)
            held = sorted(self._held, key=lambda claim: (claim.job_id, claim.chunk_index))
            if held:
                await _to_its_end(self._renew(held))

    async def _renew(self, held: list[Claim]) -> None:
        try:
            ours = await self._store.renew(held, seconds=self.seconds())
        except Exception as error:  # noqa: BLE001 (whatever it was, the next turn must come)
            logger.warning("leases were not renewed", extra=bug(error))
            return
        for claim in held:
            if (claim.job_id, claim.chunk_index) not in ours:
                self.drop(claim)
                logger.info("a lease is no longer ours", extra=where(claim))


async def _to_its_end(renewal: Coroutine[Any, Any, None]) -> None:
    """Cancelled or not: a statement under way when Lambda freezes the process would keep its rows locked."""
    task = asyncio.ensure_future(renewal)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def where(claim: Claim) -> dict[str, object]:
    """What every log line about a chunk carries."""
    return {"job_id": claim.job_id, "chunk_index": claim.chunk_index, "claim_no": claim.claim_no}
