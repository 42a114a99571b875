"""The texts of the service that Piecewise replaced: they stay in its table and are read as documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Protocol

from functions.core.errors import DocumentMissing, DocumentUnreadable, Permanent
from functions.core.keys import LEGACY

if TYPE_CHECKING:
    from functions.core.model import Source
    from functions.core.ports import Documents


class ReadLegacy(Protocol):
    """Reads a text of the replaced service by its id there."""

    def __call__(self, legacy_id: int, /) -> Awaitable[str | None]:
        """The text; None when there is no such row or no text in it."""
        ...


class LegacyDocuments:
    """`ports.Documents` that reads `legacy/<id>` from the old table and hands every other key to `others`.

    The old table is the migration's way back, so nothing here writes to it: that raises Permanent.
    """

    def __init__(self, others: Documents, read_legacy: ReadLegacy) -> None:
        self._others = others
        self._read_legacy = read_legacy

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """As `others` does."""
        await self._of(key).put(key, data, content_type=content_type)

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """As `others` does."""
        return await self._of(key).put_stream(key, blocks, content_type=content_type)

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """The bytes `byte_start` to `byte_end` (half-open), exactly. Raises DocumentMissing, DocumentUnreadable."""
        if not source.key.startswith(LEGACY):
            return await self._others.read(source, byte_start, byte_end)
        if byte_start == byte_end:
            return b""
        text = await self._read_legacy(int(source.key.removeprefix(LEGACY)))
        if text is None:
            raise DocumentMissing("the replaced service's text is not there any more")
        data = text.encode("utf-8", "surrogatepass")[byte_start:byte_end]
        if len(data) != byte_end - byte_start:
            raise DocumentUnreadable("the replaced service's text is shorter than its plan says")
        return data

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """As `others` does."""
        await self._of(key).delete(key, version=version)

    async def presign(self, key: str, *, seconds: int) -> str:
        """As `others` does."""
        return await self._of(key).presign(key, seconds=seconds)

    def _of(self, key: str) -> Documents:
        if key.startswith(LEGACY):
            raise Permanent("the texts of the replaced service are read only")
        return self._others
