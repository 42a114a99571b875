"""POST /v1/documents: what is offered, and every announcement that is refused."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from functions.api import openapi_in
from functions.api.announcement import SMALLEST_PART
from functions.core.errors import DocumentsUnavailable, StoreUnavailable
from tests.fakes.gateway import event, post_json
from tests.fakes.stage import Stage
from tests.fakes.uploading import TEXT, Changing, Sent, about, announce, ask, raising, read, told

GOOD = {"bytes": 5, "sha256": "0" * 64}
PART = {"bytes": SMALLEST_PART, "sha256": "0" * 64}


def test_a_document_is_announced_and_answered_with_one_signed_put(stage: Stage) -> None:
    status, headers, body = announce(stage.parts, about(TEXT))
    document_id, upload = body["document_id"], body["upload"]
    assert (status, headers["location"], headers["cache-control"]) == (201, f"/v1/documents/{document_id}", "no-store")
    assert (body["status"], body["bytes"], body["content_type"]) == ("waiting", 16, "text/plain; charset=utf-8")
    assert (upload["method"], upload["expires_at"]) == ("PUT", "2026-11-22T06:32:00.000Z")
    assert upload["url"] == f"https://bucket.example/uploads/{document_id}?seconds=900"
    assert set(upload["headers"]) == {
        "content-length",
        "content-type",
        "if-none-match",
        "x-amz-checksum-sha256",
        "x-amz-tagging",
    }
    row = Sent(stage, document_id).row()
    assert (row.owner, row.object_key, row.sha256) == ("local", f"uploads/{document_id}", sha256(TEXT).hexdigest())
    assert row.expires_at - row.created_at >= 86_400_000


def test_the_examples_of_an_announcement_are_taken(sqlite_stage: Stage) -> None:
    shown = openapi_in.announcement()["requestBody"]["content"]["application/json"]["examples"]
    assert [announce(sqlite_stage.parts, each["value"])[0] for each in shown.values()] == [201, 201]


def test_no_usable_claim_is_401(sqlite_stage: Stage) -> None:
    parts = sqlite_stage.with_settings(auth="jwt").parts
    assert told(announce(parts, about(TEXT))) == (401, "unauthenticated")
    assert told(read(parts, "x")) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({}, "bytes", "is required, or parts"),
        ({"bytes": 5}, "sha256", "is required"),
        ({"sha256": "0" * 64}, "bytes", "is required"),
        ({**GOOD, "bytes": -1}, "bytes", "at least 0"),
        ({**GOOD, "bytes": "5"}, "bytes", "whole number"),
        ({**GOOD, "bytes": 5.0}, "bytes", "whole number"),
        ({**GOOD, "bytes": None}, "bytes", "whole number"),
        ({**GOOD, "bytes": 10**30}, "bytes", "at most"),
        ({**GOOD, "sha256": ""}, "sha256", "64 digits"),
        ({**GOOD, "sha256": "0" * 63}, "sha256", "64 digits"),
        ({**GOOD, "sha256": "g" * 64}, "sha256", "64 digits"),
        ({**GOOD, "sha256": "٣" * 64}, "sha256", "64 digits"),
        ({**GOOD, "sha256": None}, "sha256", "text"),
        ({**GOOD, "size": 5}, "size", "is not known; the fields are bytes, sha256, parts, content_type"),
        ({**GOOD, "content_type": "text/html"}, "content_type", "text/plain or text/markdown"),
        ({**GOOD, "content_type": ""}, "content_type", "text/plain or text/markdown"),
        ({**GOOD, "content_type": "application/pdf"}, "content_type", "text/plain or text/markdown"),
        ({**GOOD, "content_type": "text/plain; charset=latin-1"}, "content_type", "utf-8, utf-16, utf-16le, utf-16be"),
        ({**GOOD, "content_type": "text/plain; charset=utf-8; charset=utf-16"}, "content_type", "parameter"),
        ({**GOOD, "content_type": "text/plain; format=flowed"}, "content_type", "no parameter but a charset"),
        ({**GOOD, "content_type": "text/plain\r\nx: y"}, "content_type", "text/plain or text/markdown"),
        ({**GOOD, "content_type": None}, "content_type", "text"),
        ({**GOOD, "parts": [PART, PART]}, "bytes", "cannot stand beside parts"),
        ({"parts": []}, "parts", "must be 2 to 1,000, not 0"),
        ({"parts": [PART]}, "parts", "must be 2 to 1,000, not 1"),
        ({"parts": [PART] * 1001}, "parts", "must be 2 to 1,000, not 1,001"),
        ({"parts": [GOOD, PART]}, "parts.0.bytes", "at least 5,242,880"),
        ({"parts": [PART, {**PART, "bytes": 0}]}, "parts.1.bytes", "at least 1"),
        ({"parts": [PART, {"bytes": 7}]}, "parts.1.sha256", "is required"),
        ({"parts": [PART, {**PART, "sha256": "x"}]}, "parts.1.sha256", "64 digits"),
        ({"parts": [PART, {**PART, "etag": "x"}]}, "parts.1.etag", "is not known"),
        ({"parts": [PART, 7]}, "parts.1", "JSON object"),
        ({"parts": {}}, "parts", "must be a list"),
        ({"parts": None}, "parts", "must be a list"),
        ({"parts": [{**PART, "bytes": 5 * 1024**3}, PART]}, "parts", "at most 5,368,709,120 bytes"),
        ({**GOOD, "bytes": 5 * 1024**3 + 1}, "bytes", "at most 5,368,709,120 bytes"),
        ({**GOOD, "sha256": "\ud800"}, "sha256", "lone surrogate"),
        ([], "body", "JSON object"),
        (None, "body", "JSON object"),
    ],
)
def test_an_announcement_that_is_wrong_is_422_and_named(
    sqlite_stage: Stage, fields: object, field: str, message: str
) -> None:
    status, _, body = announce(sqlite_stage.parts, fields)
    assert status == 422
    assert any(error["field"] == field and message in error["message"] for error in body["errors"]), body["errors"]
    assert not sqlite_stage.uploads.uploads


def test_an_announcement_of_nothing_is_422(sqlite_stage: Stage) -> None:
    assert told(announce(sqlite_stage.parts, {**GOOD, "bytes": 0})) == (422, "document-empty")


def test_a_document_over_the_limit_is_422(sqlite_stage: Stage) -> None:
    parts = sqlite_stage.with_settings(max_document_bytes=4).parts
    assert told(announce(parts, GOOD)) == (422, "document-too-large")


@pytest.mark.parametrize(
    ("made", "refusal"),
    [
        (event("POST", "/v1/documents", body="text", headers={"content-type": "text/plain"}), "unsupported-media-type"),
        (event("POST", "/v1/documents", body="{}"), "unsupported-media-type"),
        (event("POST", "/v1/documents", body="{", headers={"content-type": "application/json"}), "unreadable-body"),
        (post_json(GOOD, path="/v1/documents", query="bytes=5"), "invalid-request"),
        (post_json({"x": "x" * 200}, path="/v1/documents"), "body-too-large"),
        (event("GET", "/v1/documents/x", headers={"accept": "text/html"}), "not-acceptable"),
        (event("GET", "/v1/documents/x", query="a=b"), "invalid-request"),
    ],
)
def test_another_kind_of_request_is_told_what_to_send(sqlite_stage: Stage, made: dict[str, Any], refusal: str) -> None:
    assert told(ask(sqlite_stage.with_settings(max_body_bytes=200).parts, made))[1] == refusal


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("text/plain", "text/plain"),
        ("Text/Markdown;charset=UTF8", "text/markdown; charset=utf-8"),
        ('text/plain ; charset="UTF-16LE"', "text/plain; charset=utf-16le"),
        ("text/plain; charset=utf-16", "text/plain; charset=utf-16"),
    ],
)
def test_the_content_type_is_written_in_one_way(sqlite_stage: Stage, given: str, kept: str) -> None:
    body = announce(sqlite_stage.parts, {**GOOD, "sha256": "AB" * 32, "content_type": given})[2]
    assert (body["content_type"], body["upload"]["headers"]["content-type"]) == (kept, kept)
    assert Sent(sqlite_stage, body["document_id"]).row().sha256 == "ab" * 32


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a bug")])
def test_a_multipart_upload_whose_row_was_not_written_is_ended(sqlite_stage: Stage, error: Exception) -> None:
    store: Any = Changing(sqlite_stage.store, "create_document", before=raising(error))
    status = announce(replace(sqlite_stage.parts, store=store), {"parts": [PART, PART]})[0]
    assert status == (503 if isinstance(error, StoreUnavailable) else 500)
    assert not sqlite_stage.uploads.uploads


def test_one_that_cannot_be_ended_is_left_to_the_lifecycle_rule(
    sqlite_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    store: Any = Changing(sqlite_stage.store, "create_document", before=raising(StoreUnavailable("away")))
    uploads: Any = Changing(sqlite_stage.uploads, "abort", before=raising(DocumentsUnavailable("away")))
    assert announce(replace(sqlite_stage.parts, store=store, uploads=uploads), {"parts": [PART, PART]})[0] == 503
    assert any("stays behind" in record.message for record in caplog.records)
