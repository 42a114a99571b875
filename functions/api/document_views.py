"""Uploads as a client sees them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from functions.api.views import timestamp
from functions.core.uploads import DocumentView

Status = Literal["waiting", "uploaded", "expired"]


class SignedPut(BaseModel):
    """A request to send as it is: this method, this URL, exactly these headers, and the bytes."""

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(description="Each is part of the signature: leave none out, change none.")


class SignedPart(SignedPut):
    """The same for one part of a multipart upload."""

    part_number: int = Field(ge=1)


class SingleUpload(SignedPut):
    """How to send the document."""

    expires_at: str = Field(description="When the URL is good no more; GET /v1/documents/{document_id} makes a new one")


class MultipartUpload(BaseModel):
    """How to send the parts, in any order and at the same time."""

    expires_at: str = Field(
        description="When the URLs are good no more; GET /v1/documents/{document_id} makes new ones"
    )
    parts: list[SignedPart] = Field(description="Those that are not there yet.")


class DocumentBody(BaseModel):
    """An upload. Times are RFC 3339, UTC."""

    document_id: str
    status: Status = Field(description="waiting for bytes, uploaded, or expired: no job has taken it in time")
    bytes: int
    content_type: str
    created_at: str
    expires_at: str | None = Field(description="when it goes unless a job has taken it; null once one has")
    upload: SingleUpload | MultipartUpload | None = Field(description="while it waits; fresh in every answer")


def document_body(
    document: DocumentView, status: Status, upload: SingleUpload | MultipartUpload | None
) -> DocumentBody:
    """An upload as it is now."""
    return DocumentBody(
        document_id=document.document_id,
        status=status,
        bytes=document.size,
        content_type=document.content_type,
        created_at=timestamp(document.created_at),
        expires_at=None if document.jobs else timestamp(document.expires_at),
        upload=upload,
    )
