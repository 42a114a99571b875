"""The nouns of uploads and of objects in the bucket: plain frozen records, no behaviour. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartSize:
    """A part of a multipart upload as its client announced it; `sha256` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """An upload as the API offers it. It has `sha256` (a single PUT), or `parts` and `upload_id`."""

    document_id: str
    owner: str
    key: str
    content_type: str
    size: int
    sha256: str | None
    parts: tuple[PartSize, ...]
    upload_id: str | None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """An upload as the database knows it. `etag` None: no job has taken it yet."""

    document_id: str
    key: str
    content_type: str
    size: int
    sha256: str | None
    parts: tuple[PartSize, ...]
    upload_id: str | None
    etag: str | None
    version: str | None
    jobs: int
    created_at: int
    expires_at: int  # when it goes unless a job has taken it
    expired: bool  # by the database's clock, and no job has taken it


@dataclass(frozen=True, slots=True)
class Offer:
    """A signed request that a client may send: method PUT, this URL, exactly these headers."""

    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the bucket has it."""

    size: int
    etag: str
    version: str | None


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of a multipart upload that the bucket has; `sha256` in hex, None where it was not said."""

    etag: str
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """An object (or an unfinished multipart upload) of something deleted, for as long as it may still be there."""

    key: str
    version: str | None = None
    upload_id: str | None = None
