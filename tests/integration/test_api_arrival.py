"""GET /v1/documents/{document_id}: what of an upload is there, and S3 itself behind the URLs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.api import openapi_in
from functions.api.announcement import SMALLEST_PART
from functions.api.app import create_app
from functions.api.document_views import DocumentBody
from functions.api.handler import respond
from functions.core.documents.s3 import S3Documents
from functions.core.documents.uploads import S3Uploads
from functions.core.model import Source
from functions.core.threads import inline
from functions.core.uploads import StoredPart
from functions.core.wiring import Parts
from tests.fakes.gateway import FakeContext, event, post_json
from tests.fakes.shelf import etag_of
from tests.fakes.stage import Stage
from tests.fakes.uploading import PARTS, TEXT, Sent, about, analyse, announce, ask, in_parts, read, send, told

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def test_an_upload_waits_is_uploaded_and_then_its_jobs(stage: Stage) -> None:
    body = announce(stage.parts, about(TEXT))[2]
    document_id = body["document_id"]
    status, headers, waiting = read(stage.parts, document_id)
    assert (status, headers["cache-control"], waiting) == (200, "no-store", body)
    assert stage.uploads.send(body["upload"]["url"], body["upload"]["headers"], TEXT) == 200
    assert read(stage.parts, document_id)[2] == {**body, "status": "uploaded", "upload": None}
    analyse(stage.parts, document_id)
    assert read(stage.parts, document_id)[2] == {**body, "status": "uploaded", "upload": None, "expires_at": None}


def test_an_upload_that_has_a_job_and_is_gone_from_the_bucket_is_said_to_be_gone(stage: Stage) -> None:
    sent = Sent.of(stage)
    analyse(stage.parts, sent.document_id)
    stage.documents.objects.clear()
    assert told(read(stage.parts, sent.document_id)) == (410, "document-expired")


def test_an_upload_that_no_job_has_taken_in_time_is_expired(stage: Stage) -> None:
    sent = Sent.of(stage)
    sent.expire()
    body = read(stage.parts, sent.document_id)[2]
    assert (body["status"], body["upload"]) == ("expired", None)
    assert told(analyse(stage.parts, sent.document_id)) == (410, "document-expired")


def test_an_upload_may_be_asked_for_without_its_body(sqlite_stage: Stage) -> None:
    sent = Sent.of(sqlite_stage)
    made = event("HEAD", f"/v1/documents/{sent.document_id}")
    answer = respond(create_app(sqlite_stage.parts), made, FakeContext())  # type: ignore[arg-type]
    shown = read(sqlite_stage.parts, sent.document_id)[1]
    assert (answer["statusCode"], answer["body"], answer["headers"]["etag"]) == (200, "", shown["etag"])


def test_the_examples_of_the_contract_are_answers() -> None:
    for responses, status in ((openapi_in.ANNOUNCED, 201), (openapi_in.DOCUMENT, 200)):
        example = responses[status]["content"]["application/json"]["example"]
        assert DocumentBody.model_validate(example).model_dump() == example


@pytest.mark.parametrize("document_id", ["x", "0" * 30, "%C3%A9", "%00", "x" * 300])
def test_there_is_nothing_to_read_of_an_unknown_upload(sqlite_stage: Stage, document_id: str) -> None:
    assert told(read(sqlite_stage.parts, document_id)) == (404, "document-not-found")


def test_another_owners_upload_is_not_there(stage: Stage) -> None:
    sent = Sent.of(stage)
    parts = stage.with_settings(auth="jwt").parts
    claims = {"sub": "mallory"}
    assert told(read(parts, sent.document_id, claims=claims)) == (404, "document-not-found")
    made = post_json({"document_id": sent.document_id}, claims=claims)
    assert told(ask(parts, made)) == (404, "document-not-found")


def test_parts_are_offered_until_they_are_there(stage: Stage) -> None:
    document_id, signed = in_parts(stage)
    assert [set(each["headers"]) for each in signed] == [{"content-length", "x-amz-checksum-sha256"}] * 3
    send(stage, signed, 1, 3)
    body = read(stage.parts, document_id)[2]
    assert (body["status"], [part["part_number"] for part in body["upload"]["parts"]]) == ("waiting", [2])
    send(stage, signed, 2)
    assert read(stage.parts, document_id)[2]["status"] == "uploaded"


def test_a_part_that_is_not_the_announced_one_is_offered_again(sqlite_stage: Stage) -> None:
    document_id, signed = in_parts(sqlite_stage)
    send(sqlite_stage, signed, 1, 2, 3)
    [upload] = sqlite_stage.uploads.uploads.values()
    upload.parts[2] = b"x" * SMALLEST_PART
    body = read(sqlite_stage.parts, document_id)[2]
    assert [part["part_number"] for part in body["upload"]["parts"]] == [2]
    assert told(analyse(sqlite_stage.parts, document_id)) == (409, "upload-unfinished")


def test_an_upload_of_parts_that_was_ended_behind_our_back_is_gone(sqlite_stage: Stage) -> None:
    document_id, _ = in_parts(sqlite_stage)
    sqlite_stage.uploads.uploads.clear()
    assert told(analyse(sqlite_stage.parts, document_id)) == (410, "document-expired")
    assert told(read(sqlite_stage.parts, document_id)) == (410, "document-expired")


def test_a_part_without_a_digest_is_known_by_its_size(sqlite_stage: Stage) -> None:
    """An S3 that does not say the checksum of a part has checked it all the same: it is in the signature."""
    document_id, signed = in_parts(sqlite_stage)
    send(sqlite_stage, signed, 1, 2, 3)
    [upload] = sqlite_stage.uploads.uploads.values()
    upload.tagged = False
    found = sqlite_stage.run(sqlite_stage.uploads.parts(f"uploads/{document_id}", "upload-1"))
    assert found
    assert found[3] == StoredPart(etag_of(PARTS[2]), 3, None)
    assert analyse(sqlite_stage.parts, document_id)[0] == 202


def test_a_bucket_that_is_away_is_503(sqlite_stage: Stage) -> None:
    sent = Sent.of(sqlite_stage)
    sqlite_stage.documents.away = True
    assert told(analyse(sqlite_stage.parts, sent.document_id)) == (503, "unavailable")
    assert told(read(sqlite_stage.parts, sent.document_id)) == (503, "unavailable")
    assert told(announce(sqlite_stage.parts, {"parts": [about(PARTS[0])] * 2})) == (503, "unavailable")


@pytest.fixture
def on_s3(sqlite_stage: Stage, s3: S3Client, bucket: str) -> Parts:
    """The stage, with S3 over HTTP."""
    uploads, stored = S3Uploads(s3, inline, bucket=bucket), S3Documents(s3, inline, bucket=bucket)
    return replace(sqlite_stage.parts, uploads=uploads, documents=stored)


def put(signed: dict[str, Any], data: bytes) -> int:
    """What a client does: the method, the URL and exactly these headers."""
    return httpx.request(signed["method"], signed["url"], headers=signed["headers"], content=data).status_code


def test_what_is_answered_is_a_request_that_s3_takes_once(sqlite_stage: Stage, on_s3: Parts) -> None:
    body = announce(on_s3, {**about(TEXT), "content_type": "text/markdown; charset=utf-8"})[2]
    assert put(body["upload"], TEXT) == 200
    assert put(body["upload"], TEXT) == 412
    assert read(on_s3, body["document_id"])[2]["status"] == "uploaded"
    job_id = analyse(on_s3, body["document_id"])[2]["job_id"]
    row = sqlite_stage.job_row(job_id)
    source = Source(row.document_key, row.document_etag, row.document_version)
    assert sqlite_stage.run(on_s3.documents.read(source, 0, len(TEXT))) == TEXT


def test_parts_are_put_to_s3_and_joined_there(on_s3: Parts) -> None:
    body = announce(on_s3, {"parts": [about(part) for part in PARTS]})[2]
    for signed in body["upload"]["parts"][1:]:
        assert put(signed, PARTS[signed["part_number"] - 1]) == 200
    assert told(analyse(on_s3, body["document_id"])) == (409, "upload-unfinished")
    [missing] = read(on_s3, body["document_id"])[2]["upload"]["parts"]
    assert put(missing, PARTS[0]) == 200
    assert [analyse(on_s3, body["document_id"])[0] for _ in range(2)] == [202, 202]
