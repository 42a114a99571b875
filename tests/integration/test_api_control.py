"""POST retry, POST cancel, DELETE over HTTP, on both databases."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from functions.api import control
from functions.core import disposal
from functions.core.errors import DocumentsUnavailable, ProviderError
from functions.core.model import ChunkHint
from functions.core.store.tables import deletions
from functions.core.threads import on_threads
from tests.fakes.caller import Answer, Caller
from tests.fakes.gateway import REQUEST_ID
from tests.fakes.shelf import MemoryDocuments
from tests.fakes.stage import Stage
from tests.fixtures.virtual_time import run_virtual


def post(stage: Stage, job_id: str, verb: str, **more: Any) -> Answer:
    """A request of control."""
    return Caller(stage.parts)("POST", f"/v1/analyze/{job_id}/{verb}", **more)


def half_failed(stage: Stage) -> str:
    """A job that ended PARTIAL_SUCCESS."""
    stage.model.lines = {1: [ProviderError("refused_content", "No.")]}
    job_id = stage.submit("abcdefgh")
    stage.settle(job_id)
    stage.model.lines = {}
    return job_id


# -- retry


def test_a_retry_is_accepted_with_its_run_and_runs_only_what_failed(stage: Stage) -> None:
    job_id = half_failed(stage)
    answer = post(stage, job_id, "retry")
    assert answer.status == 202
    assert (answer.headers["location"], answer.headers["retry-after"]) == (f"/v1/analyze/{job_id}", "1")
    assert answer.json == {"job_id": job_id, "status": "PROCESSING", "run": 2, "total_chunks": 2}
    stage.settle(job_id)
    job = Caller(stage.parts).get(f"/v1/analyze/{job_id}").json
    assert (job["status"], job["run"], job["analysis_result"]) == ("COMPLETED", 2, "<abcd>\n\n<efgh>")
    stage.check(job_id)


def test_a_job_that_runs_cannot_be_retried_yet(stage: Stage) -> None:
    answer = post(stage, stage.submit("text"), "retry")
    assert answer.problem == (409, "job-still-running")
    assert answer.headers["retry-after"] == "1"


def test_a_job_without_a_failed_chunk_has_nothing_to_retry(stage: Stage) -> None:
    job_id = stage.submit("text")
    stage.settle(job_id)
    assert post(stage, job_id, "retry").problem == (409, "nothing-to-retry")


# -- cancel


def test_a_cancelled_job_is_shown_and_may_be_cancelled_again(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh")
    first = post(stage, job_id, "cancel")
    assert (first.status, first.json["status"], first.json["finished_at"] is None) == (200, "CANCELLED", False)
    again = post(stage, job_id, "cancel")
    assert (again.status, again.json) == (200, first.json)
    stage.deliver()
    assert Caller(stage.parts).get(f"/v1/analyze/{job_id}").json["status"] == "CANCELLED"


def test_a_job_that_has_ended_cannot_be_cancelled(stage: Stage) -> None:
    job_id = stage.submit("text")
    stage.settle(job_id)
    assert post(stage, job_id, "cancel").problem == (409, "job-has-ended")


# -- delete


def test_a_deleted_job_is_gone_with_its_objects(stage: Stage) -> None:
    job_id = half_failed(stage)
    caller = Caller(stage.parts)
    answer = caller("DELETE", f"/v1/analyze/{job_id}")
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (204, b"", REQUEST_ID)
    assert "content-type" not in answer.headers
    for method, path in [("DELETE", ""), ("GET", ""), ("GET", "/chunks"), ("POST", "/cancel"), ("POST", "/retry")]:
        assert caller(method, f"/v1/analyze/{job_id}{path}").problem == (404, "job-not-found")
    assert stage.documents.objects == {}


def test_a_job_can_be_deleted_while_it_runs_and_nothing_comes_back(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh")
    stage.work(ChunkHint(job_id, 0, 0))
    caller = Caller(stage.parts)
    assert caller("DELETE", f"/v1/analyze/{job_id}").status == 204
    stage.deliver()
    stage.reconcile()
    assert caller.get("/v1/analyze").json["items"] == []


class StubbornDocuments(MemoryDocuments):
    """A bucket that deletes nothing."""

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """It is away."""
        raise DocumentsUnavailable("the bucket is away")


def test_a_bucket_that_is_away_does_not_keep_a_job_alive(stage: Stage, log_lines: Any) -> None:
    job_id = stage.submit("text")
    caller = Caller(replace(stage.parts, documents=StubbornDocuments()))
    assert caller("DELETE", f"/v1/analyze/{job_id}").status == 204
    left = [line for line in log_lines() if "the reconciler will delete it" in line["message"]]
    assert f"documents/{job_id}" in {line["key"] for line in left}
    assert {line["request_id"] for line in left} == {REQUEST_ID}


def test_a_job_of_many_runs_is_deleted_without_waiting_for_all_its_objects(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("text")
    sqlite_stage.change_job(job_id, run=500)
    asked: list[str] = []

    async def refuse(key: str, *, version: str | None = None) -> None:
        asked.append(key)
        raise DocumentsUnavailable("S3 DeleteObject: SlowDown")

    sqlite_stage.documents.delete = refuse  # type: ignore[method-assign]
    assert Caller(sqlite_stage.parts)("DELETE", f"/v1/analyze/{job_id}").status == 204

    assert len(asked) == disposal.MOST
    assert {f"documents/{job_id}", f"results/{job_id}/500", f"results/{job_id}/500.ndjson"} <= set(asked)
    with sqlite_stage.engine.begin() as connection:
        assert len(connection.execute(select(deletions)).all()) == 1_001


def test_a_silent_bucket_holds_an_answer_for_a_moment_and_half_of_the_threads_for_longer(sqlite_stage: Stage) -> None:
    """A request to S3 that has begun cannot be taken back: what counts is that nobody waits for its thread."""
    job_id = sqlite_stage.submit("text")
    sqlite_stage.change_job(job_id, run=20)
    threads, silent, asked = on_threads(4, "silent"), threading.Event(), []

    async def hang(key: str, *, version: str | None = None) -> None:
        asked.append(key)
        await threads(silent.wait)

    async def erase() -> float:
        await control.erase(sqlite_stage.with_settings(threads=4).parts, "local", job_id)
        return asyncio.get_running_loop().time()

    sqlite_stage.documents.delete = hang  # type: ignore[method-assign]
    try:
        assert run_virtual(erase()) == disposal.SECONDS
        assert len(asked) == 2
    finally:
        silent.set()


# -- all three


VERBS = [("POST", "/retry"), ("POST", "/cancel"), ("DELETE", "")]


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_a_body_is_not_needed_and_ignored_up_to_the_limit(stage: Stage, method: str, path: str) -> None:
    job_id = half_failed(stage) if path == "/retry" else stage.submit("text")
    caller = Caller(stage.with_settings(max_body_bytes=5).parts)
    assert caller(method, f"/v1/analyze/{job_id}{path}", body="123456").problem == (413, "body-too-large")
    assert caller(method, f"/v1/analyze/{job_id}{path}", body=b"\xff{{{").status in (200, 202, 204)


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_they_take_no_parameters(sqlite_stage: Stage, method: str, path: str) -> None:
    job_id = sqlite_stage.submit("text")
    answer = Caller(sqlite_stage.parts)(method, f"/v1/analyze/{job_id}{path}", query="force=1")
    assert (answer.problem, answer.fields) == ((422, "invalid-request"), ["force"])


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_they_are_for_the_owner_alone(stage: Stage, method: str, path: str) -> None:
    job_id = half_failed(stage)
    mallory = Caller(stage.with_settings(auth="jwt").parts)
    assert mallory(method, f"/v1/analyze/{job_id}{path}", claims={"sub": "mallory"}).problem == (404, "job-not-found")
    assert mallory(method, f"/v1/analyze/{job_id}{path}").problem == (401, "unauthenticated")
    assert stage.job(job_id).status == "PARTIAL_SUCCESS"


@pytest.mark.parametrize(("method", "path"), VERBS)
@pytest.mark.parametrize("job_id", ["%00", "'", "x" * 65, "unknown"])
def test_no_id_of_ours_is_404(sqlite_stage: Stage, method: str, path: str, job_id: str) -> None:
    assert Caller(sqlite_stage.parts)(method, f"/v1/analyze/{job_id}{path}").problem == (404, "job-not-found")
