"""POST /v1/documents, its documents, and jobs on them."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.refusals.rows import JSON, Bad, upload

SHA = "0" * 64
ONE = {"bytes": 10, "sha256": SHA}
MIB = 1024 * 1024
PART = {"bytes": 5 * MIB, "sha256": SHA}
WHOLE = "whole number"

OFFERS = [
    upload({}, "bytes", "required"),
    upload({"bytes": 10}, "sha256", "required"),
    upload({"sha256": SHA}, "bytes", "required"),
    upload({**ONE, "bytes": 0}, None, "nothing to analyse", slug="document-empty"),
    upload({**ONE, "bytes": -1}, "bytes", "at least 0"),
    upload({**ONE, "bytes": "10"}, "bytes", WHOLE),
    upload({**ONE, "bytes": 1.5}, "bytes", WHOLE),
    upload({**ONE, "bytes": True}, "bytes", WHOLE),
    upload({**ONE, "bytes": None}, "bytes", WHOLE),
    upload({**ONE, "bytes": 5 * 1024**3 + 1}, "bytes", "5,368,709,120", slug="document-too-large"),
    upload({**ONE, "bytes": 10**30}, "bytes", "5,368,709,120", slug="document-too-large"),
    upload({**ONE, "bytes": 11}, "bytes", "10", slug="document-too-large", settings={"max_document_bytes": 10}),
    upload({**ONE, "sha256": ""}, "sha256", "64"),
    upload({**ONE, "sha256": "0" * 63}, "sha256", "64"),
    upload({**ONE, "sha256": "g" * 64}, "sha256", "hex"),
    upload({**ONE, "sha256": 7}, "sha256", "text"),
    upload({**ONE, "sha256": "\u0660" * 64}, "sha256", "hex"),  # digits, but not of ours
    upload({**ONE, "size": 10}, "size", "not known"),
    upload({**ONE, "content_type": "application/pdf"}, "content_type", "text/plain"),
    upload({**ONE, "content_type": "text/html"}, "content_type", "text/markdown"),
    upload({**ONE, "content_type": ""}, "content_type", "text/plain"),
    upload({**ONE, "content_type": 1}, "content_type", "text"),
    upload({**ONE, "content_type": "text/plain; charset=latin-1"}, "content_type", "utf-16"),
    upload({**ONE, "content_type": "text/plain; charset=utf-32"}, "content_type", "utf-16"),
    upload({**ONE, "content_type": "text/plain\r\nx-evil: 1"}, "content_type", "text/plain"),
    upload({**ONE, "parts": [PART, PART]}, "bytes", "parts"),
    upload({"parts": []}, "parts", "2"),
    upload({"parts": [PART]}, "parts", "2"),
    upload({"parts": [PART] * 1001}, "parts", "1,000"),
    upload({"parts": "two"}, "parts", "list"),
    upload({"parts": [7, 8]}, "parts.0", "object"),
    upload({"parts": [PART, {"bytes": 1}]}, "parts.1.sha256", "required"),
    upload({"parts": [PART, {**PART, "bytes": 0}]}, "parts.1.bytes", "1"),
    upload({"parts": [{**PART, "bytes": 5 * MIB - 1}, PART]}, "parts.0.bytes", "5,242,880"),
    upload({"parts": [PART, {**PART, "sha256": "x"}]}, "parts.1.sha256", "64"),
    upload({"parts": [{**PART, "bytes": 3 * 1024**3}] * 2}, "parts", "5,368,709,120", slug="document-too-large"),
    upload([], "body", "JSON object"),
    upload(None, "body", "JSON object"),
    Bad(400, "unreadable-body", "line 1", method="POST", path="/v1/documents", body="{", headers=JSON),
    Bad(400, "unreadable-body", "line 1", method="POST", path="/v1/documents", body="", headers=JSON),
    Bad(413, "body-too-large", "4,000,000", method="POST", path="/v1/documents", body=" " * 4_000_001, headers=JSON),
]  # fmt: skip


def on(document: str, status: int, slug: str, says: str, settings: dict[str, Any] | None = None, **options: Any) -> Bad:
    """A job on a document of the scene that is not to be had."""
    body = json.dumps({"document_id": document, **options})
    return Bad(status, slug, says, method="POST", body=body, headers=JSON, settings=settings or {})


JOBS = [
    on("0" * 30, 404, "document-not-found", "POST /v1/documents"),
    on("", 404, "document-not-found", "POST /v1/documents"),
    on("../documents/x", 404, "document-not-found", "POST /v1/documents"),
    on("x" * 10_000, 422, "invalid-request", "64 characters"),
    on("\u00e4", 404, "document-not-found", "POST /v1/documents"),
    on("{strangers}", 404, "document-not-found", "POST /v1/documents"),
    on("{done}", 404, "document-not-found", "POST /v1/documents"),  # a job's id
    on("{waiting}", 409, "upload-unfinished", "fresh URLs"),
    on("{half}", 409, "upload-unfinished", "Part 2 of 2 is missing"),
    on("{expired}", 410, "document-expired", "POST /v1/documents"),
    on("{vanished}", 410, "document-expired", "POST /v1/documents"),
    on("{large}", 422, "too-many-chunks", "max_chunk_chars", max_chunk_chars=1, settings={"max_chunks": 100}),
]

READS = [
    Bad(404, "document-not-found", "POST /v1/documents", path=f"/v1/documents/{name}")
    for name in ("0" * 30, "x", "%00", "x" * 500, "{strangers}", "{done}")
]

ROWS = [*OFFERS, *JOBS, *READS]
