"""POST /v1/analyze of an upload: each state, each refusal, each race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from functions.api.announcement import SMALLEST_PART
from functions.core.errors import StoreUnavailable
from functions.core.store.tables import jobs
from tests.fakes.shelf import etag_of
from tests.fakes.stage import Stage
from tests.fakes.uploading import (
    PARTS,
    TEXT,
    Changing,
    Sent,
    about,
    analyse,
    announce,
    elsewhere,
    in_parts,
    raising,
    send,
    told,
)


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
    assert "Parts 1, 3 of 3 are missing" in answer[2]["detail"]
    assert f"GET /v1/documents/{document_id}" in answer[2]["detail"]
    send(sqlite_stage, signed, 1)
    assert "Part 3 of 3 is missing" in analyse(sqlite_stage.parts, document_id)[2]["detail"]


def test_of_many_missing_parts_the_first_are_named(sqlite_stage: Stage) -> None:
    parts = [{"bytes": SMALLEST_PART, "sha256": "0" * 64}] * 1000
    answer = announce(sqlite_stage.parts, {"parts": parts})
    assert len(answer[2]["upload"]["parts"]) == 1000
    refusal = analyse(sqlite_stage.parts, answer[2]["document_id"], max_chunk_chars=200_000)
    assert "19, 20 and 980 more of 1,000 are missing" in refusal[2]["detail"]


def test_an_upload_that_nobody_has_sent_is_409(stage: Stage) -> None:
    document_id = announce(stage.parts, about(TEXT))[2]["document_id"]
    answer = analyse(stage.parts, document_id)
    assert told(answer) == (409, "upload-unfinished")
    assert "Its bytes are not there" in answer[2]["detail"]
    assert stage.queues.plans == []


@pytest.mark.parametrize("document_id", ["x", "0" * 30, "é", "", "a b", "../uploads"])
def test_an_unknown_upload_is_404(sqlite_stage: Stage, document_id: str) -> None:
    assert told(analyse(sqlite_stage.parts, document_id)) == (404, "document-not-found")


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


def test_logs_never_hold_a_signed_url(sqlite_stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent.of(sqlite_stage)
    analyse(sqlite_stage.parts, sent.document_id)
    assert caplog.records
    assert all("bucket.example" not in str(vars(record)) for record in caplog.records)
