"""The bucket in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable
from functions.core.model import Source


@dataclass
class MemoryDocuments:
    """`functions.core.ports.Documents`; `reads` notes every ranged read."""

    objects: dict[str, bytes] = field(default_factory=dict)
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    away: bool = False

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Keep the object."""
        self._present()
        self.objects[key] = data

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """Keep the blocks as one object."""
        self._present()
        data = b"".join([block async for block in blocks])
        self.objects[key] = data
        return len(data)

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """Exactly these bytes."""
        self._present()
        key = source.key
        self.reads.append((key, byte_start, byte_end))
        if key not in self.objects:
            raise DocumentMissing(f"{key} is not in the bucket")
        data = self.objects[key][source.skip + byte_start : source.skip + byte_end]
        if len(data) != byte_end - byte_start:
            raise DocumentUnreadable(f"{key} is shorter than its plan says")
        return data

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Drop the object."""
        self.objects.pop(key, None)

    async def presign(self, key: str, *, seconds: int) -> str:
        """A link that names the key."""
        return f"https://bucket.example/{key}?seconds={seconds}"

    def _present(self) -> None:
        if self.away:
            raise DocumentsUnavailable("the bucket is away")
