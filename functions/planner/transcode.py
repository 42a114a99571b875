"""Copies an upload in UTF-16 as UTF-8, by a multipart upload that any planner can go on with.

A part is made of the same bytes of the upload whoever makes it, so that those that are there need not be made again,
and a planner that lost its lease and still writes does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from functions.core.errors import DocumentsUnavailable, DocumentUnreadable, Retryable
from functions.core.keys import document_key
from functions.core.logs import logger
from functions.core.uploads import StoredPart
from functions.planner.encodings import Characters, Encoding, opens_pair
from functions.planner.hold import Hold, Lost

SOURCE_PART = 12 * 1024 * 1024  # bytes of UTF-16: at least half of that in UTF-8, and S3 wants 5 MiB of every part
UNIT = 2
_READ = 1024 * 1024


async def transcode(hold: Hold, found: Encoding, *, part_bytes: int = SOURCE_PART) -> int:
    """Make `documents/{job}` of the upload, or go on with that; its bytes.

    `part_bytes`: of UTF-16 for a part, an even number; the same in every invocation.

    Raises Near between two parts, Lost, DocumentUnreadable and the Retryable of a port.
    """
    size = hold.plan.document_bytes - found.skip
    if size % UNIT:
        last = hold.plan.document_bytes - 1
        raise DocumentUnreadable(f"the document is not UTF-16: half a character stands at byte {last}, its last one")
    there = await _parts(hold)
    await hold.stay()
    if there is not None:
        ranges = [range(at, min(at + part_bytes, size)) for at in range(0, size, part_bytes)]
        try:
            await _complete(hold, found, there, ranges)
        except DocumentUnreadable:
            await _abort(hold, hold.plan.transcode_upload)
            raise
    stored = await hold.parts.uploads.look(document_key(hold.plan.job_id))
    if stored is None:  # its upload was ended: by the bucket's lifecycle rule, or with the job
        raise DocumentsUnavailable("the document in UTF-8 is not there; it is made anew")
    return stored.size


async def _parts(hold: Hold) -> dict[int, StoredPart] | None:
    """The parts that are there, of the upload that the plan names; None: they have been joined."""
    key = document_key(hold.plan.job_id)
    begun = hold.plan.transcode_upload
    if begun:
        there = await hold.parts.uploads.parts(key, begun)
        if there is not None:
            return there
        if await hold.parts.uploads.look(key):  # by a planner that never told
            return None
    upload_id = await hold.parts.uploads.begin(key, content_type="text/plain; charset=utf-8", from_client=False)
    try:
        hold.moved_on(await hold.parts.store.begin_transcode(hold.plan, upload_id))
    except Lost:
        await _abort(hold, upload_id)
        raise
    return {}


async def _complete(hold: Hold, found: Encoding, there: dict[int, StoredPart], ranges: Sequence[range]) -> None:
    """Make the parts that are missing, each of such a range of the text's bytes, and join them."""
    key, upload_id = document_key(hold.plan.job_id), hold.plan.transcode_upload or ""
    for number, here in enumerate(ranges, start=1):
        if number in there:
            continue
        hold.check_time()
        data = await _part(hold, found, here.start, here.stop)
        there[number] = await hold.parts.uploads.put_part(key, upload_id, number, data)
        hold.moved_on(await hold.parts.store.begin_transcode(hold.plan, upload_id))  # progress
    await hold.parts.uploads.complete(key, upload_id, there, once=False)
    await hold.stay()


async def _part(hold: Hold, found: Encoding, start: int, end: int) -> bytes:
    """The characters that begin within these bytes, in UTF-8: a pair that goes on in the next part belongs to that."""
    source = replace(hold.plan.source, skip=found.skip)
    size = hold.plan.document_bytes - found.skip
    if start and opens_pair(await hold.parts.documents.read(source, start - UNIT, start), found.name):
        start -= UNIT
    characters = Characters(found.name, found.skip + start)
    text = bytearray()
    for at in range(start, end, _READ):
        to = min(at + _READ, end)
        block = await hold.parts.documents.read(source, at, to)
        await hold.stay()
        text += characters.decode(block, final=to == size).encode()
    return bytes(text)


async def _abort(hold: Hold, upload_id: str | None) -> None:
    try:
        await hold.parts.uploads.abort(document_key(hold.plan.job_id), upload_id or "")
    except Retryable as error:  # the bucket's lifecycle rule ends what we cannot
        logger.warning("an upload of ours stays behind", extra={"job_id": hold.plan.job_id, "error": str(error)})
