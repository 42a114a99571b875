"""A job's results in chunk order, as text and as NDJSON; what is large is streamed to the bucket.

They are read page by page, and the lease is held from page to page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from functions.core.jobs import ChunkStatus
from functions.core.keys import records_key, result_key
from functions.core.model import ChunkView, FinalizeTask
from functions.core.records import CONTENT_TYPE, record
from functions.core.results import SEPARATOR
from functions.core.wiring import Parts

PAGE = 200  # chunks read at a time
PAGE_BYTES = 4_000_000  # of results in a page of chunks


@dataclass(frozen=True, slots=True)
class Assembled:
    """A job's result: inline, or where it lies; and its NDJSON, where that is too large for an answer."""

    text: str | None = None
    key: str | None = None
    size: int | None = None
    records_key: str | None = None
    records_size: int | None = None

    @property
    def keys(self) -> list[str]:
        """Of what was written to the bucket."""
        return [key for key in (self.key, self.records_key) if key]


NOTHING = Assembled()


async def assemble(parts: Parts, task: FinalizeTask) -> Assembled:
    """Both forms of the result. Raises Retryable."""
    result = await _text(parts, task) if task.progress.completed else NOTHING
    key = records_key(task.job_id, task.run)
    head, size = await _put_if_larger(
        parts, key, _records(parts, task), limit=parts.settings.response_bytes, content_type=CONTENT_TYPE
    )
    return result if head is not None else replace(result, records_key=key, records_size=size)


async def _text(parts: Parts, task: FinalizeTask) -> Assembled:
    key = result_key(task.job_id, task.run)
    inline, size = await _put_if_larger(
        parts,
        key,
        _pieces(parts, task),
        limit=parts.settings.inline_result_bytes,
        content_type="text/plain; charset=utf-8",
    )
    return Assembled(None, key, size) if inline is None else Assembled(inline.decode(), None, size)


async def _put_if_larger(
    parts: Parts, key: str, pieces: AsyncIterator[bytes], *, limit: int, content_type: str
) -> tuple[bytes | None, int]:
    """(all of it, None when it is more than `limit` bytes and lies in the bucket; its size)."""
    head = bytearray()
    async for piece in pieces:
        head += piece
        if len(head) > limit:
            return None, await parts.documents.put_stream(key, _again(bytes(head), pieces), content_type=content_type)
    return bytes(head), len(head)


async def _again(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in rest:
        yield piece


async def _pieces(parts: Parts, task: FinalizeTask) -> AsyncIterator[bytes]:
    """The completed results, separators between them."""
    after, left, separator = -1, task.progress.completed, ""
    while left > 0:
        page = await _page(parts, task, after, ChunkStatus.COMPLETED)
        if not page:  # the job was deleted meanwhile
            return
        for chunk in page:
            yield (separator + ((await _whole(parts, task, chunk)).result or "")).encode()
            separator = SEPARATOR
        after, left = page[-1].span.chunk_index, left - len(page)
        if left > 0:
            await parts.store.hold_finalize(task)


async def _records(parts: Parts, task: FinalizeTask) -> AsyncIterator[bytes]:
    """A line for each chunk, failed ones too."""
    after, total = -1, task.progress.total or 0
    while after < total - 1:
        page = await _page(parts, task, after, None)
        if not page:  # the job was deleted meanwhile
            return
        for chunk in page:
            yield record(await _whole(parts, task, chunk))
        after = page[-1].span.chunk_index
        if after < total - 1:
            await parts.store.hold_finalize(task)


async def _page(parts: Parts, task: FinalizeTask, after: int, status: ChunkStatus | None) -> list[ChunkView]:
    return await parts.store.chunk_page(task.job_id, after=after, limit=PAGE, status=status, result_bytes=PAGE_BYTES)


async def _whole(parts: Parts, task: FinalizeTask, chunk: ChunkView) -> ChunkView:
    """With its result, which may be too large for a page."""
    if chunk.status is not ChunkStatus.COMPLETED or chunk.result is not None:
        return chunk
    alone = await parts.store.chunk_page(
        task.job_id,
        after=chunk.span.chunk_index - 1,
        limit=1,
        status=ChunkStatus.COMPLETED,
        result_bytes=chunk.result_bytes or 1,
    )
    return alone[0] if alone else chunk  # none: the job was deleted meanwhile
