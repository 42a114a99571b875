"""POST and GET /v1/documents, and POST /v1/analyze with what was uploaded: each state, each refusal, each race."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import select, update

from functions.api import openapi_in
from functions.api.announcement import SMALLEST_PART
from functions.api.app import create_app
from functions.api.document_views import DocumentBody
from functions.api.handler import respond
from functions.core.documents.s3 import S3Documents
from functions.core.documents.uploads import S3Uploads
from functions.core.errors import DocumentsUnavailable, StoreUnavailable
from functions.core.model import Source, StoredPart
from functions.core.store.tables import documents, jobs
from functions.core.threads import inline
from functions.core.wiring import Parts
from tests.fakes.gateway import FakeContext, event, post_json
from tests.fakes.shelf import etag_of
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TEXT = b"One. Two. Three."
NOW = 1_795_328_220_123
Answer = tuple[int, dict[str, str], dict[str, Any]]


def ask(parts: Parts, made: dict[str, Any]) -> Answer:
    """Status, headers and body of the answer to an event."""
    answer = respond(create_app(parts, now=lambda: NOW), made, FakeContext())  # type: ignore[arg-type]
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def announce(parts: Parts, fields: object, **more: Any) -> Answer:
    """POST /v1/documents."""
    return ask(parts, post_json(fields, path="/v1/documents", **more))


def read(parts: Parts, document_id: str, **more: Any) -> Answer:
    """GET /v1/documents/{document_id}."""
    return ask(parts, event("GET", f"/v1/documents/{document_id}", **more))


def analyse(parts: Parts, document_id: str, **options: Any) -> Answer:
    """POST /v1/analyze of an upload."""
    return ask(parts, post_json({"document_id": document_id, **options}))


def told(answer: Answer) -> tuple[int, str]:
    """Status and kind of a refusal."""
    return answer[0], answer[2]["type"].removeprefix("urn:piecewise:problem:")


def about(data: bytes) -> dict[str, Any]:
    """Size and digest of a document, or of a part."""
    return {"bytes": len(data), "sha256": sha256(data).hexdigest()}


@dataclass
class Sent:
    """An upload by a client."""

    stage: Stage
    document_id: str

    @classmethod
    def of(cls, stage: Stage, data: bytes = TEXT, content_type: str = "text/plain") -> Sent:
        """One that is announced, and sent in one piece."""
        body = announce(stage.parts, {**about(data), "content_type": content_type})[2]
        assert stage.uploads.send(body["upload"]["url"], body["upload"]["headers"], data) == 200
        return cls(stage, body["document_id"])

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"uploads/{self.document_id}"

    def row(self) -> Any:
        """Its row."""
        with self.stage.engine.begin() as connection:
            return connection.execute(select(documents).where(documents.c.document_id == self.document_id)).one()

    def expire(self) -> None:
        """Let its time go by."""
        with self.stage.engine.begin() as connection:
            here = documents.c.document_id == self.document_id
            connection.execute(update(documents).where(here).values(expires_at=1))


# -- one piece


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


def test_an_upload_waits_is_uploaded_and_then_its_jobs(stage: Stage) -> None:
    body = announce(stage.parts, about(TEXT))[2]
    document_id = body["document_id"]
    status, headers, waiting = read(stage.parts, document_id)
    assert (status, headers["cache-control"], waiting) == (200, "no-store", body)
    assert stage.uploads.send(body["upload"]["url"], body["upload"]["headers"], TEXT) == 200
    assert read(stage.parts, document_id)[2] == {**body, "status": "uploaded", "upload": None}
    analyse(stage.parts, document_id)
    assert read(stage.parts, document_id)[2] == {**body, "status": "uploaded", "upload": None, "expires_at": None}


def test_an_upload_that_no_job_has_taken_in_time_is_expired(stage: Stage) -> None:
    sent = Sent.of(stage)
    sent.expire()
    body = read(stage.parts, sent.document_id)[2]
    assert (body["status"], body["upload"]) == ("expired", None)
    assert told(analyse(stage.parts, sent.document_id)) == (410, "document-expired")


def test_a_job_of_an_upload_is_planned_later_and_pins_what_lies_there(stage: Stage) -> None:
    sent = Sent.of(stage)
    status, headers, body = analyse(stage.parts, sent.document_id, max_chunk_chars=5, overlap_chars=7)
    job_id = body["job_id"]
    assert (status, headers["location"]) == (202, f"/v1/analyze/{job_id}")
    assert body == {
        "job_id": job_id,
        "status": "PENDING",
        "document_id": sent.document_id,
        "overlap_chars": 7,
        "total_chunks": None,
        "document_chars": None,
        "document_bytes": None,
        "bom_removed": False,
    }
    row, job = sent.row(), stage.job_row(job_id)
    assert (row.jobs, row.etag) == (1, etag_of(TEXT))
    assert (job.document_key, job.document_etag, job.document_id) == (sent.key, etag_of(TEXT), sent.document_id)
    assert (job.document_encoding, job.document_chars, job.overlap_chars) == (None, 0, 7)
    assert (stage.queues.plans, stage.queues.chunks) == ([job_id], [])


def test_an_upload_may_have_many_jobs(stage: Stage) -> None:
    sent = Sent.of(stage)
    assert [analyse(stage.parts, sent.document_id)[0] for _ in range(3)] == [202, 202, 202]
    assert sent.row().jobs == 3


def test_the_document_is_found_whole_by_its_job(stage: Stage) -> None:
    body = analyse(stage.parts, Sent.of(stage).document_id, max_chunk_chars=5)[2]
    assert stage.settle(body["job_id"]).analysis_result == "<One. >\n\n<Two. >\n\n<Three>\n\n<.>"


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


def test_the_examples_of_an_announcement_are_taken(sqlite_stage: Stage) -> None:
    shown = openapi_in.announcement()["requestBody"]["content"]["application/json"]["examples"]
    assert [announce(sqlite_stage.parts, each["value"])[0] for each in shown.values()] == [201, 201]


# -- in parts


PARTS = [b"a" * SMALLEST_PART, b"b" * SMALLEST_PART, b"end"]


def in_parts(stage: Stage) -> tuple[str, list[dict[str, Any]]]:
    """An announced upload of three parts: its id, and the requests that send them."""
    body = announce(stage.parts, {"parts": [about(part) for part in PARTS], "content_type": "text/markdown"})[2]
    assert (body["bytes"], body["content_type"]) == (2 * SMALLEST_PART + 3, "text/markdown")
    return body["document_id"], body["upload"]["parts"]


def send(stage: Stage, signed: list[dict[str, Any]], *numbers: int) -> None:
    """Send these parts."""
    for number in numbers:
        request = signed[number - 1]
        assert (request["part_number"], request["method"]) == (number, "PUT")
        assert stage.uploads.send(request["url"], request["headers"], PARTS[number - 1]) == 200


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


def test_the_parts_are_joined_by_the_first_job(stage: Stage) -> None:
    document_id, signed = in_parts(stage)
    send(stage, signed, 3, 2, 1)
    assert analyse(stage.parts, document_id)[0] == 202
    assert stage.documents.objects[f"uploads/{document_id}"] == b"".join(PARTS)
    assert stage.uploads.tagged == {f"uploads/{document_id}"}
    assert analyse(stage.parts, document_id)[0] == 202


def test_missing_parts_are_named(sqlite_stage: Stage) -> None:
    document_id, signed = in_parts(sqlite_stage)
    send(sqlite_stage, signed, 2)
    answer = analyse(sqlite_stage.parts, document_id)
    assert told(answer) == (409, "upload-unfinished")
    assert "Of its 3 parts 1, 3 are not there" in answer[2]["detail"]
    assert f"GET /v1/documents/{document_id}" in answer[2]["detail"]
    send(sqlite_stage, signed, 1)
    assert "Of its 3 parts 3 is not there" in analyse(sqlite_stage.parts, document_id)[2]["detail"]


def test_of_many_missing_parts_the_first_are_named(sqlite_stage: Stage) -> None:
    parts = [{"bytes": SMALLEST_PART, "sha256": "0" * 64}] * 1000
    answer = announce(sqlite_stage.parts, {"parts": parts})
    assert len(answer[2]["upload"]["parts"]) == 1000
    refusal = analyse(sqlite_stage.parts, answer[2]["document_id"], max_chunk_chars=200_000)
    assert "19, 20 and 980 more are not there" in refusal[2]["detail"]


def test_an_upload_of_parts_that_was_ended_behind_our_back_is_gone(sqlite_stage: Stage) -> None:
    document_id, _ = in_parts(sqlite_stage)
    sqlite_stage.uploads.uploads.clear()
    assert told(analyse(sqlite_stage.parts, document_id)) == (410, "document-expired")
    assert told(read(sqlite_stage.parts, document_id)) == (410, "document-expired")


# -- what is refused


def test_an_upload_that_nobody_has_sent_is_409(stage: Stage) -> None:
    document_id = announce(stage.parts, about(TEXT))[2]["document_id"]
    answer = analyse(stage.parts, document_id)
    assert told(answer) == (409, "upload-unfinished")
    assert "Its bytes are not there" in answer[2]["detail"]
    assert stage.queues.plans == []


@pytest.mark.parametrize("document_id", ["x", "0" * 30, "é", "", "a b", "../uploads"])
def test_an_unknown_upload_is_404(sqlite_stage: Stage, document_id: str) -> None:
    assert told(analyse(sqlite_stage.parts, document_id)) == (404, "document-not-found")


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


def test_no_usable_claim_is_401(sqlite_stage: Stage) -> None:
    parts = sqlite_stage.with_settings(auth="jwt").parts
    assert told(announce(parts, about(TEXT))) == (401, "unauthenticated")
    assert told(read(parts, "x")) == (401, "unauthenticated")


def test_an_upload_whose_object_was_deleted_is_410(stage: Stage) -> None:
    sent = Sent.of(stage)
    assert analyse(stage.parts, sent.document_id)[0] == 202
    del stage.documents.objects[sent.key]
    assert told(analyse(stage.parts, sent.document_id)) == (410, "document-expired")


def test_an_upload_that_another_version_replaced_is_410(stage: Stage) -> None:
    sent = Sent.of(stage)
    assert analyse(stage.parts, sent.document_id)[0] == 202
    stage.documents.objects[sent.key] = b"another text now"
    assert told(analyse(stage.parts, sent.document_id)) == (410, "document-changed")


def test_an_upload_without_bytes_is_422(sqlite_stage: Stage) -> None:
    sent = Sent.of(sqlite_stage)
    sqlite_stage.documents.objects[sent.key] = b""
    assert told(analyse(sqlite_stage.parts, sent.document_id)) == (422, "document-empty")


def test_an_upload_of_another_size_is_409(sqlite_stage: Stage) -> None:
    sent = Sent.of(sqlite_stage)
    sqlite_stage.documents.objects[sent.key] = b"short"
    assert told(analyse(sqlite_stage.parts, sent.document_id)) == (409, "upload-differs")


def test_certainly_too_many_chunks_is_422_at_once_and_names_a_size(sqlite_stage: Stage) -> None:
    parts = sqlite_stage.with_settings(max_chunks=2).parts
    document_id = announce(parts, {"bytes": 400, "sha256": "0" * 64})[2]["document_id"]
    answer = analyse(parts, document_id, max_chunk_chars=49)
    assert told(answer) == (422, "too-many-chunks")
    assert "no less than 50 can fit, and 400 does" in answer[2]["detail"]
    assert answer[2]["errors"][0]["field"] == "max_chunk_chars"
    assert told(analyse(parts, document_id, max_chunk_chars=50)) == (409, "upload-unfinished")


@pytest.mark.parametrize(("size", "way_out"), [(500_000, "try 62500 or more"), (2_000_000, "split the document")])
def test_the_way_out_of_too_many_chunks_is_one_that_works(sqlite_stage: Stage, size: int, way_out: str) -> None:
    parts = sqlite_stage.with_settings(max_chunks=2).parts
    document_id = announce(parts, {"bytes": size, "sha256": "0" * 64})[2]["document_id"]
    assert way_out in analyse(parts, document_id, max_chunk_chars=10)[2]["detail"]


GOOD = {"bytes": 5, "sha256": "0" * 64}
PART = {"bytes": SMALLEST_PART, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({}, "bytes", "is required, or parts"),
        ({"bytes": 5}, "sha256", "is required"),
        ({"sha256": "0" * 64}, "bytes", "is required"),
        ({**GOOD, "bytes": -1}, "bytes", "greater than or equal to 0"),
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
        ({"parts": [PART, {**PART, "bytes": 0}]}, "parts.1.bytes", "greater than or equal to 1"),
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


# -- S3 itself


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


# -- races and crashes


class Changing:
    """A part of the world in which something happens before or after one of its methods."""

    def __init__(
        self,
        inner: Any,
        method: str,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._inner, self._method, self._before, self._after = inner, method, before, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._method:
            return real

        async def changed(*given: Any, **named: Any) -> Any:
            self._before()
            answer = await real(*given, **named)
            self._after()
            return answer

        return changed


def elsewhere(request: Callable[[], Answer]) -> Answer:
    """A request that another process serves while this one is in the middle of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(request).result()


def raising(error: Exception) -> Callable[[], object]:
    """Something that happens."""

    def happen() -> None:
        raise error

    return happen


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_that_failed_or_whose_answer_was_lost_keeps_the_upload(stage: Stage, moment: str) -> None:
    """After CompleteMultipartUpload: the next POST finds the object, whether or not there is a job already."""
    document_id, signed = in_parts(stage)
    send(stage, signed, 1, 2, 3)
    away = raising(StoreUnavailable("the connection broke"))
    store: Any = Changing(stage.store, "create_job", **{moment: away})
    assert analyse(replace(stage.parts, store=store), document_id)[0] == 503
    assert stage.documents.objects[f"uploads/{document_id}"] == b"".join(PARTS)
    status, _, body = analyse(stage.parts, document_id)
    assert status == 202
    assert stage.job_row(body["job_id"]).document_etag == etag_of(b"".join(PARTS))
    assert Sent(stage, document_id).row().jobs == (1 if moment == "before" else 2)


def test_two_that_join_the_parts_at_once_both_succeed(stage: Stage) -> None:
    document_id, signed = in_parts(stage)
    send(stage, signed, 1, 2, 3)
    others: list[int] = []

    def another_joins() -> None:
        others.append(elsewhere(lambda: analyse(stage.parts, document_id))[0])

    uploads: Any = Changing(stage.uploads, "parts", after=another_joins)
    assert analyse(replace(stage.parts, uploads=uploads), document_id)[0] == 202
    assert others == [202]
    assert Sent(stage, document_id).row().jobs == 2


def test_an_object_replaced_between_look_and_commit_is_not_what_was_pinned(stage: Stage) -> None:
    """Its job reads nothing of the other text: the planner refuses it by the ETag."""
    sent = Sent.of(stage)

    def replaced() -> None:
        stage.documents.objects[sent.key] = b"another text now"

    uploads: Any = Changing(stage.uploads, "look", after=replaced)
    status, _, body = analyse(replace(stage.parts, uploads=uploads), sent.document_id)
    assert (status, sent.row().etag) == (202, etag_of(TEXT))
    job = stage.settle(body["job_id"])
    assert job.error
    assert (job.status, job.error.code) == ("FAILED", "document_unreadable")


def test_of_two_that_looked_at_different_versions_the_second_is_410(stage: Stage) -> None:
    sent = Sent.of(stage)

    def another_pins() -> None:
        stage.documents.objects[sent.key] = b"another text now"
        assert elsewhere(lambda: analyse(stage.parts, sent.document_id))[0] == 202

    uploads: Any = Changing(stage.uploads, "look", after=another_pins)
    assert told(analyse(replace(stage.parts, uploads=uploads), sent.document_id)) == (410, "document-changed")
    assert sent.row().jobs == 1
    with stage.engine.begin() as connection:
        assert len(connection.execute(select(jobs)).all()) == 1


def test_an_upload_that_goes_with_its_last_job_between_look_and_commit_is_404(stage: Stage) -> None:
    sent = Sent.of(stage)
    job_id = analyse(stage.parts, sent.document_id)[2]["job_id"]
    uploads: Any = Changing(stage.uploads, "look", after=lambda: delete_elsewhere(stage, job_id))
    assert told(analyse(replace(stage.parts, uploads=uploads), sent.document_id)) == (404, "document-not-found")


def delete_elsewhere(stage: Stage, job_id: str) -> None:
    """As another process does at this moment."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(stage.erase, job_id).result()


def test_an_upload_that_expires_between_look_and_commit_is_410(stage: Stage) -> None:
    sent = Sent.of(stage)
    uploads: Any = Changing(stage.uploads, "look", after=sent.expire)
    assert told(analyse(replace(stage.parts, uploads=uploads), sent.document_id)) == (410, "document-expired")


def test_a_multipart_upload_that_is_deleted_while_it_is_joined_is_gone(sqlite_stage: Stage) -> None:
    document_id, signed = in_parts(sqlite_stage)
    send(sqlite_stage, signed, 1, 2, 3)
    gone: Any = Changing(sqlite_stage.uploads, "parts", after=sqlite_stage.uploads.uploads.clear)
    assert told(analyse(replace(sqlite_stage.parts, uploads=gone), document_id)) == (410, "document-expired")


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


def test_a_bucket_that_is_away_is_503(sqlite_stage: Stage) -> None:
    sent = Sent.of(sqlite_stage)
    sqlite_stage.documents.away = True
    assert told(analyse(sqlite_stage.parts, sent.document_id)) == (503, "unavailable")
    assert told(read(sqlite_stage.parts, sent.document_id)) == (503, "unavailable")
    assert told(announce(sqlite_stage.parts, {"parts": [PART, PART]})) == (503, "unavailable")


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


def test_logs_never_hold_a_signed_url(sqlite_stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent.of(sqlite_stage)
    analyse(sqlite_stage.parts, sent.document_id)
    assert caplog.records
    assert all("bucket.example" not in str(vars(record)) for record in caplog.records)
