"""Deletes objects, a few at a time and for so long: what S3 has not said it deleted, the reconciler deletes later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from functions.core.errors import Retryable
from functions.core.logs import bug, logger
from functions.core.ports import Documents, Uploads
from functions.core.uploads import Deletion

MOST = 32
"""Objects that are worth asking for in one go."""

SECONDS = 4.0
"""For all of them: S3's client itself tries for 24 s, on a thread that nobody can end."""


@dataclass(frozen=True, slots=True)
class Disposal:
    """The bucket, and how many calls to it may stand still at the same time: fewer than there are threads."""

    documents: Documents
    uploads: Uploads
    at_once: asyncio.Semaphore

    @classmethod
    def over(cls, documents: Documents, uploads: Uploads, *, threads: int) -> Disposal:
        """One that leaves half of the threads to whoever else needs one, however silent S3 is."""
        return cls(documents, uploads, asyncio.Semaphore(max(1, threads // 2)))

    async def delete(self, left: Sequence[Deletion]) -> list[Deletion]:
        """Those that are gone, after `SECONDS` at the latest. Raises nothing: the others are logged."""
        until = asyncio.get_running_loop().time() + SECONDS
        done = await asyncio.gather(*(self._delete(each, until) for each in left))
        return [each for each, fine in zip(left, done, strict=True) if fine]

    async def _delete(self, one: Deletion, until: float) -> bool:
        about = {"key": one.key}
        try:
            async with asyncio.timeout_at(until), self.at_once:
                if one.upload_id is not None:
                    await self.uploads.abort(one.key, one.upload_id)
                await self.documents.delete(one.key, version=one.version)
        except (Retryable, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            logger.warning("an object is still there: the reconciler will delete it", extra={**about, "reason": reason})
            return False
        except Exception as error:  # noqa: BLE001 (one object's trouble never stops the others)
            logger.error("an object's deletion met a bug", extra={**about, **bug(error)})
            return False
        return True
