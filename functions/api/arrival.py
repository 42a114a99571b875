"""What of an upload has arrived: nothing, parts, or the object; and the version of it that a job takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from functions.api.jobs import may_be_id
from functions.core.errors import Rejected
from functions.core.model import Source
from functions.core.ports import Uploads
from functions.core.store_port import Store
from functions.core.uploads import DocumentView, PartSize, Stored, StoredPart

_MOST_NAMED = 20  # parts in one sentence


@dataclass(frozen=True, slots=True)
class Arrival:
    """`missing`: parts that are not there, by number (from 1). `there`: those of an upload that is not joined yet."""

    stored: Stored | None
    missing: Mapping[int, PartSize]
    there: Mapping[int, StoredPart] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to send."""
        return self.stored is not None or (self.there is not None and not self.missing)


async def document_of(store: Store, owner: str, document_id: str) -> DocumentView:
    """The owner's upload. Raises Rejected (404) for an id that is unknown, another owner's, or no id at all."""
    document = await store.document(document_id, owner) if may_be_id(document_id) else None
    if document is None:
        raise Rejected(
            404,
            "document-not-found",
            "There is no such upload of yours. Check the id that POST /v1/documents gave, and whose credentials you "
            "use; an upload goes with its last job, or when no job has taken it in time.",
        )
    return document


async def arrival_of(uploads: Uploads, document: DocumentView) -> Arrival:
    """What is there now; changes nothing. Raises Rejected (410) when the upload cannot come any more."""
    if document.upload_id is not None and document.etag is None:
        there = await uploads.parts(document.key, document.upload_id)
        if there is not None:
            return Arrival(None, _missing(document, there), there)
    stored = await uploads.look(document.key)
    if stored is None and (document.upload_id is not None or document.etag is not None):
        raise gone("Its bytes have been deleted")
    return Arrival(stored, {})


async def take(uploads: Uploads, document: DocumentView) -> Source:
    """The object, pinned; made of its parts first, where it came in parts.

    Raises Rejected: 409 while something is missing, 410 when it has expired or changed, 422 when it is empty.
    """
    if document.expired:
        raise gone("No job has taken it in time")
    arrival = await arrival_of(uploads, document)
    stored = arrival.stored
    if arrival.there is not None:
        if arrival.missing:
            raise _unfinished(document, _named(arrival.missing, len(document.parts)))
        stored = await _join(uploads, document, arrival.there)
    if stored is None:
        raise _unfinished(document, "Its bytes are not there")
    _check(document, stored)
    return Source(document.key, stored.etag, stored.version)


def gone(reason: str) -> Rejected:
    """The refusal of an upload that is there no more."""
    return Rejected(410, "document-expired", f"The upload is gone. {reason}. Upload it again: POST /v1/documents.")


def changed() -> Rejected:
    """The refusal of an upload that is another than it was."""
    return Rejected(
        410,
        "document-changed",
        "The upload is not what it was when its first job accepted it. Upload it again: POST /v1/documents.",
    )


async def _join(uploads: Uploads, document: DocumentView, there: Mapping[int, StoredPart]) -> Stored | None:
    """Twice at once is fine: whoever comes second finds the object."""
    assert document.upload_id is not None
    announced = {number: there[number] for number in range(1, len(document.parts) + 1)}
    await uploads.complete(document.key, document.upload_id, announced, once=True)
    stored = await uploads.look(document.key)
    if stored is None:
        raise gone("Its parts have been deleted")
    return stored


def _check(document: DocumentView, stored: Stored) -> None:
    if document.etag is not None and (stored.etag, stored.version) != (document.etag, document.version):
        raise changed()
    if stored.size == 0:
        raise Rejected(422, "document-empty", "The upload has no bytes: there is nothing to analyse.")
    if stored.size != document.size:
        raise Rejected(
            409,
            "upload-differs",
            f"The upload has {stored.size:,} bytes, and {document.size:,} were announced. Announce it again with its "
            "true size: POST /v1/documents.",
        )


def _missing(document: DocumentView, there: Mapping[int, StoredPart]) -> dict[int, PartSize]:
    return {
        number: part
        for number, part in enumerate(document.parts, 1)
        if number not in there or not _is(there[number], part)
    }


def _is(stored: StoredPart, announced: PartSize) -> bool:
    return stored.size == announced.size and stored.sha256 in (None, announced.sha256)


def _unfinished(document: DocumentView, reason: str) -> Rejected:
    return Rejected(
        409,
        "upload-unfinished",
        f"The upload is not finished. {reason}. GET /v1/documents/{document.document_id} gives fresh URLs for what is "
        "missing; send it, then submit the document again.",
        headers={"retry-after": "1"},
    )


def _named(missing: Mapping[int, PartSize], total: int) -> str:
    named = ", ".join(map(str, sorted(missing)[:_MOST_NAMED]))
    more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
    parts, are = ("Part", "is") if len(missing) == 1 else ("Parts", "are")
    return f"{parts} {named}{more} of {total:,} {are} missing"
