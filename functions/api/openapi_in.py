"""What /openapi.json says of the way in: bodies, answers and refusals with examples."""

from __future__ import annotations

from typing import Any

from functions.api import openapi
from functions.api.accept import JSON
from functions.api.announcement import Announcement
from functions.api.idempotency import PATTERN
from functions.api.openapi import Said, header
from functions.api.requests import TEXT, AnalyzeRequest, Options

DOCUMENT_ID = "01kan5c8e1g4h7j0k3m6n9p2q5r8s1"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_CHECKSUM = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
_UPLOAD: dict[str, Any] = {
    "expires_at": "2026-11-22T06:32:00.000Z",
    "method": "PUT",
    "url": f"https://bucket.s3.eu-central-1.amazonaws.com/uploads/{DOCUMENT_ID}?X-Amz-Algorithm=AWS4-HMAC-SHA256",
    "headers": {
        "content-length": "10485760",
        "content-type": "text/plain; charset=utf-8",
        "if-none-match": "*",
        "x-amz-checksum-sha256": _CHECKSUM,
        "x-amz-tagging": "piecewise=unclaimed",
    },
}
_WAITING: dict[str, Any] = {
    "document_id": DOCUMENT_ID,
    "status": "waiting",
    "bytes": 10_485_760,
    "content_type": "text/plain; charset=utf-8",
    "created_at": "2026-11-22T06:17:00.123Z",
    "expires_at": "2026-11-23T06:17:00.123Z",
    "upload": _UPLOAD,
}
_BODY: Said = {
    400: {"unreadable-body": "The body is not JSON"},
    413: {"body-too-large": "The body is too large: upload the document (POST /v1/documents)"},
}
_NO_DOCUMENT: Said = {404: {"document-not-found": "No such upload of this owner"}}
_GONE: Said = {410: {"document-expired": "The upload is gone: no job has taken it in time, or it was deleted"}}

ANNOUNCED: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "Announced: send the bytes as `upload` says, then submit the `document_id`",
        "headers": {
            **openapi.REQUEST_ID,
            "Location": header("Where the upload is read, with fresh URLs.", example=f"/v1/documents/{DOCUMENT_ID}"),
        },
        "content": {JSON: {"example": _WAITING}},
        "links": {
            "readDocument": {
                "operationId": "readDocument",
                "parameters": {"document_id": "$response.body#/document_id"},
            }
        },
    },
    **openapi.refusals(
        openapi.UNAUTHENTICATED,
        _BODY,
        {
            415: {"unsupported-media-type": "The body is not JSON"},
            422: {
                "invalid-request": "A field is wrong, unknown or missing; errors names it",
                "document-too-large": "The document has more bytes than this deployment takes",
                "document-empty": "The document has no bytes",
            },
        },
    ),
}
DOCUMENT: dict[int | str, dict[str, Any]] = {
    **openapi.found("The upload as it is now", content={JSON: {"example": _WAITING}}),
    **openapi.refusals(openapi.UNAUTHENTICATED, _NO_DOCUMENT, openapi.NOT_JSON, _GONE, openapi.BAD_QUERY),
}
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Accepted: the job is durable",
        "headers": {
            **openapi.REQUEST_ID,
            **openapi.LOCATION,
            **openapi.RETRY_AFTER,
            "Idempotency-Replayed": header("`true`: this Idempotency-Key has made the job before.", example="true"),
        },
        "links": openapi.JOB_LINKS,
    },
    **openapi.refusals(
        openapi.UNAUTHENTICATED,
        _BODY,
        {400: {"invalid-idempotency-key": "The Idempotency-Key is not 1 to 255 visible ASCII characters"}},
        _NO_DOCUMENT,
        {
            409: {
                "upload-unfinished": "The upload, or a part of it, is not there yet",
                "upload-differs": "The upload has another size than was announced",
                "idempotency-key-spent": "The job that this Idempotency-Key made has been deleted",
            }
        },
        _GONE,
        {
            410: {"document-changed": "The upload is not what its first job accepted"},
            415: {"unsupported-media-type": "The body is neither JSON nor plain text"},
            422: {
                "invalid-request": "A field is wrong, unknown or missing; errors names it",
                "unknown-model": "This deployment has no such model",
                "too-many-chunks": "max_chunk_chars cuts the document into too many chunks",
                "document-empty": "The upload has no bytes",
                "idempotency-key-reused": "This Idempotency-Key came with another request before",
            },
            429: {
                "too-many-live-jobs": "So many jobs of this owner are under way",
                "too-many-live-chunks": "Jobs of this owner with so many chunks are under way",
            },
        },
    ),
}


def announcement() -> dict[str, Any]:
    """The body of POST /v1/documents in both its forms."""
    one = {"bytes": 10_485_760, "sha256": _SHA256, "content_type": "text/plain; charset=utf-8"}
    parts = [{"bytes": 8_388_608, "sha256": _SHA256}, {"bytes": 2_097_152, "sha256": _SHA256}]
    shown = {
        "one PUT": {"value": one},
        "in parts": {"value": {"parts": parts, "content_type": "text/markdown; charset=utf-8"}},
    }
    return _body({JSON: {"schema": _inlined(Announcement.model_json_schema()), "examples": shown}})


def analysis() -> dict[str, Any]:
    """The body of POST /v1/analyze in its three forms; with plain text the options are query parameters."""
    shown = {
        "a text": {"value": {"raw_text": "It was a bright cold day in April.", "max_chunk_chars": 4000}},
        "an upload": {"value": {"document_id": DOCUMENT_ID, "overlap_chars": 200}},
    }
    text = {"type": "string", "minLength": 1, "description": "The document itself, UTF-8."}
    bodies = {JSON: {"schema": AnalyzeRequest.model_json_schema(), "examples": shown}, TEXT: {"schema": text}}
    options: list[dict[str, Any]] = openapi.parameters(Options)["parameters"]
    for option in options:
        option["description"] += " With text/plain only; in JSON it is a field of the body."
    return {**_body(bodies), "parameters": [*options, _IDEMPOTENCY_KEY]}


_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "1 to 255 visible ASCII characters, as a quoted string (draft-ietf-httpapi-idempotency-key-header-07) or bare. "
        "The same key with the same document and options makes one job, for a day at least; the answer to a "
        "repetition shows the job as it is by then. A text in JSON and the same text as text/plain are the same "
        "document. So is a file that is uploaded again as it was announced before: content type, and size and digest, "
        "or those of its parts. A text and an upload are not."
    ),
    "schema": {"type": "string", "pattern": PATTERN},
    "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what it defines where it is used: a body has no components of its own."""
    defined = schema.pop("$defs")
    schema["properties"]["parts"]["items"] = defined["AnnouncedPart"]
    return schema
