"""A client's way through the api and the other rooms, on real databases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.errors import ProviderError
from tests.fakes.gateway import FakeContext, event, post_json, post_text
from tests.fakes.stage import Stage


def call(stage: Stage, made: dict[str, Any]) -> dict[str, Any]:
    """The answer to an event."""
    return respond(create_app(stage.parts), made, FakeContext())  # type: ignore[arg-type]


def accepted(stage: Stage, made: dict[str, Any]) -> str:
    """The id of a job that is accepted."""
    answer = call(stage, made)
    assert answer["statusCode"] == 202, answer
    return str(json.loads(answer["body"])["job_id"])


def read(stage: Stage, job_id: str) -> dict[str, Any]:
    """The body of GET."""
    answer = call(stage, event("GET", f"/v1/analyze/{job_id}"))
    assert answer["statusCode"] == 200, answer
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def test_a_small_document_goes_in_and_its_analysis_comes_out(stage: Stage) -> None:
    job_id = accepted(stage, post_json({"raw_text": "grüße, 😀!", "max_chunk_chars": 6, "model": "script"}))
    before = read(stage, job_id)
    assert (before["status"], before["total_chunks"], before["progress_pct"]) == ("PENDING", 2, 0)
    stage.settle(job_id)
    after = read(stage, job_id)
    assert (after["status"], after["progress_pct"]) == ("COMPLETED", 100)
    assert after["analysis_result"] == "<grüße,>\n\n< 😀!>"
    assert call(stage, event("GET", f"/v1/analyze/{job_id}/result"))["body"] == after["analysis_result"]
    stage.check(job_id)


def test_a_large_document_is_planned_by_the_planner(stage: Stage) -> None:
    job_id = accepted(stage, post_text("x" * 210, query="max_chunk_chars=10"))
    assert read(stage, job_id)["total_chunks"] is None
    stage.settle(job_id)
    assert read(stage, job_id)["total_chunks"] == 21
    stage.check(job_id)


def test_a_send_that_fails_after_the_commit_is_healed_by_the_reconciler(stage: Stage) -> None:
    stage.queues.away = True
    small = accepted(stage, post_json({"raw_text": "text"}))
    large = accepted(stage, post_json({"raw_text": "x" * 21, "max_chunk_chars": 1}))
    stage.queues.away = False
    for job_id in (small, large):
        stage.settle(job_id)
        assert read(stage, job_id)["status"] == "COMPLETED"


def test_a_failed_chunk_is_listed_with_its_spans_in_characters_and_bytes(stage: Stage) -> None:
    stage.model.lines = {1: [ProviderError("refused_content", "The model said no.")]}
    job_id = accepted(stage, post_json({"raw_text": "üüüüyyyyzz", "max_chunk_chars": 4}))
    stage.settle(job_id)
    body = read(stage, job_id)
    assert (body["status"], body["chunks_completed"], body["chunks_failed"]) == ("PARTIAL_SUCCESS", 2, 1)
    (error,) = body["chunk_errors"]
    assert (error["chunk_index"], error["code"]) == (1, "refused_content")
    assert [error[name] for name in ("char_start", "char_end", "byte_start", "byte_end")] == [4, 8, 8, 12]
    assert body["analysis_result"] == "<üüüü>\n\n<zz>"
    assert body["error_summary"]


@pytest.mark.parametrize("job_id", ["%00", "'", "x" * 64, "ü"])
def test_no_id_upsets_the_database(stage: Stage, job_id: str) -> None:
    assert call(stage, event("GET", f"/v1/analyze/{job_id}"))["statusCode"] == 404


def test_a_database_without_tables_is_no_stack_trace(stage: Stage) -> None:
    with stage.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE chunk_records")
        connection.exec_driver_sql("DROP TABLE analysis_jobs")
    answer = call(stage, post_json({"raw_text": "text"}))
    assert answer["statusCode"] in (500, 503)
    assert "analysis_jobs" not in answer["body"]
