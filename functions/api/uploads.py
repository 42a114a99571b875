"""Documents on their way into the bucket: who may send what where, and how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from functions.api.announcement import Announcement
from functions.api.arrival import arrival_of
from functions.api.document_views import DocumentBody, MultipartUpload, SignedPart, SingleUpload, document_body
from functions.api.views import timestamp
from functions.core.errors import Retryable
from functions.core.keys import upload_key
from functions.core.logs import logger
from functions.core.uploads import DocumentView, NewDocument, PartSize
from functions.core.wiring import Parts


async def offer(parts: Parts, owner: str, announced: Announcement, *, now: int) -> DocumentBody:
    """Make a place for a document and sign the requests that fill it. `now`: milliseconds. Raises Retryable."""
    document = await _create(parts, owner, announced)
    return await _waiting(parts, document, dict(enumerate(document.parts, 1)), now)


async def as_it_is(parts: Parts, document: DocumentView, *, now: int) -> DocumentBody:
    """An upload, with freshly signed requests for what is missing. `now`: milliseconds.

    Raises Rejected (410) when it cannot come any more or has been deleted, Retryable when the bucket is away.
    """
    if document.expired:
        return document_body(document, "expired", None)
    arrival = await arrival_of(parts.uploads, document)
    if arrival.complete:
        return document_body(document, "uploaded", None)
    return await _waiting(parts, document, arrival.missing, now)


async def _create(parts: Parts, owner: str, announced: Announcement) -> DocumentView:
    """The row, after the multipart upload that it names; that is taken back when the row cannot be written."""
    document_id = parts.new_job_id()
    key = upload_key(document_id)
    async with AsyncExitStack() as undo:
        upload_id = None
        if announced.parts:
            upload_id = await parts.uploads.begin(key, content_type=announced.content_type, from_client=True)
            undo.push_async_callback(_abort, parts, key, upload_id)
        document = await parts.store.create_document(
            NewDocument(
                document_id=document_id,
                owner=owner,
                key=key,
                content_type=announced.content_type,
                size=announced.total,
                sha256=None if announced.parts else announced.sha256,
                parts=announced.part_sizes,
                upload_id=upload_id,
            )
        )
        undo.pop_all()
    about = {"document_id": document_id, "document_bytes": document.size, "parts": len(document.parts)}
    logger.info("upload announced", extra=about)
    return document


async def _abort(parts: Parts, key: str, upload_id: str) -> None:
    """Best effort, and right even if the row was written: nobody has been told its id."""
    try:
        await parts.uploads.abort(key, upload_id)
    except Retryable as error:
        logger.warning("an unfinished multipart upload stays behind", extra={"key": key, "reason": str(error)})


async def _waiting(parts: Parts, document: DocumentView, missing: Mapping[int, PartSize], now: int) -> DocumentBody:
    """The upload with URLs for what is missing; `now` was read before they are signed, in whole seconds."""
    until = timestamp((now // 1000 + parts.settings.upload_seconds) * 1000)
    upload = await (
        _single(parts, document, until) if document.upload_id is None else _multipart(parts, document, missing, until)
    )
    return document_body(document, "waiting", upload)


async def _single(parts: Parts, document: DocumentView, until: str) -> SingleUpload:
    assert document.sha256 is not None
    signed = await parts.uploads.offer(
        document.key,
        size=document.size,
        sha256=document.sha256,
        content_type=document.content_type,
        seconds=parts.settings.upload_seconds,
    )
    return SingleUpload(expires_at=until, url=signed.url, headers=signed.headers)


async def _multipart(
    parts: Parts, document: DocumentView, missing: Mapping[int, PartSize], until: str
) -> MultipartUpload:
    assert document.upload_id is not None
    offers = await parts.uploads.offer_parts(
        document.key, document.upload_id, missing, seconds=parts.settings.upload_seconds
    )
    signed = [
        SignedPart(part_number=number, url=offer.url, headers=offer.headers) for number, offer in sorted(offers.items())
    ]
    return MultipartUpload(expires_at=until, parts=signed)
