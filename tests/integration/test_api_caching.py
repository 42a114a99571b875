"""ETag, If-None-Match, HEAD and Retry-After on every GET."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.core.errors import ProviderError
from functions.core.jobs import JobStatus, Progress
from functions.core.keys import result_key
from functions.core.model import ChunkHint, Failure
from tests.fakes.api_world import World
from tests.fakes.caller import Caller
from tests.fakes.gateway import REQUEST_ID
from tests.fakes.stage import Stage
from tests.integration.test_api_reads import DONE, JOB, NOW, RUNNING, world_with

PATHS = ["/v1/analyze", "/v1/analyze/{}", "/v1/analyze/{}/chunks", "/v1/analyze/{}/coverage", "/v1/analyze/{}/result",
         "/health", "/openapi.json", "/docs"]  # fmt: skip


@pytest.fixture
def ended(sqlite_stage: Stage) -> tuple[Caller, str]:
    """A caller, and a job of its that has ended."""
    job_id = sqlite_stage.submit("abcdefgh")
    sqlite_stage.settle(job_id)
    return Caller(sqlite_stage.parts), job_id


@pytest.mark.parametrize("path", PATHS)
def test_what_has_not_changed_is_304_without_a_body(ended: tuple[Caller, str], path: str) -> None:
    caller, job_id = ended
    first = caller.get(path.format(job_id))
    assert first.status == 200
    tag = first.headers["etag"]
    for given in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
        again = caller.get(path.format(job_id), headers={"if-none-match": given})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["x-request-id"] == REQUEST_ID
        assert {name: again.headers.get(name) for name in ("etag", "cache-control", "vary")} == {
            name: first.headers.get(name) for name in ("etag", "cache-control", "vary")
        }
        assert not {"content-type", "content-length"} & again.headers.keys()
    assert caller.get(path.format(job_id), headers={"if-none-match": '"other"'}).body == first.body


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(ended: tuple[Caller, str], path: str) -> None:
    caller, job_id = ended
    whole = caller.get(path.format(job_id))
    head = caller("HEAD", path.format(job_id))
    assert (head.status, head.body, head.headers) == (200, b"", whole.headers)
    assert int(head.headers["content-length"]) == len(whole.body)
    known = caller("HEAD", path.format(job_id), headers={"if-none-match": whole.headers["etag"]})
    assert known.status == 304


def test_head_of_what_is_not_there_says_so_without_a_body(sqlite_stage: Stage) -> None:
    head = Caller(sqlite_stage.parts)("HEAD", "/v1/analyze/unknown")
    assert (head.status, head.body, head.headers["content-type"]) == (404, b"", "application/problem+json")


def test_a_large_result_is_a_redirect_for_a_get_alone(ended: tuple[Caller, str], sqlite_stage: Stage) -> None:
    """S3 refuses a HEAD of what was signed for a GET."""
    _, job_id = ended
    sqlite_stage.change_job(job_id, analysis_result=None, result_key=result_key(job_id, 1), result_bytes=9)
    path, whole = f"/v1/analyze/{job_id}/result", Caller(sqlite_stage.parts)("HEAD", f"/v1/analyze/{job_id}")
    caller = Caller(sqlite_stage.with_settings(response_bytes=8).parts)

    got = caller.get(path, headers={"if-none-match": "*"})
    assert (got.status, got.body) == (307, b"")
    assert got.headers["cache-control"] == "no-store"  # whoever reads a signed URL may use it

    head = caller("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "9")
    assert head.headers["content-type"] == "text/plain; charset=utf-8"
    assert (head.headers["vary"], head.headers["cache-control"]) == ("accept", whole.headers["cache-control"])
    assert caller("HEAD", path, headers={"if-none-match": head.headers["etag"]}).status == 304


def test_the_records_of_a_cancelled_job_change_their_tag_when_a_late_result_comes(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh")
    claims = stage.run(stage.store.claim([ChunkHint(job_id, 1, 0)], seconds=60)).claims
    stage.cancel(job_id)
    path, records = f"/v1/analyze/{job_id}/result", {"accept": "application/x-ndjson"}
    caller = Caller(stage.parts)
    first = caller.get(path, headers=records)
    known = {**records, "if-none-match": first.headers["etag"]}
    assert caller.get(path, headers=known).status == 304

    stage.run(stage.store.park(claims[0], Failure("x", "x"), seconds=1, throttled=False))  # the job's row stays

    again = caller.get(path, headers=known)
    assert (again.status, again.body != first.body) == (200, True)


def test_every_step_of_a_job_changes_its_tag(stage: Stage) -> None:
    stage.model.lines = {1: [ProviderError("refused_content", "No.")]}
    job_id = stage.submit("abcdefgh")
    caller = Caller(stage.parts)
    tags = [caller.get(f"/v1/analyze/{job_id}").headers["etag"]]

    def moved() -> None:
        tags.append(caller.get(f"/v1/analyze/{job_id}", headers={"if-none-match": tags[-1]}).headers["etag"])

    for index in range(2):
        stage.work(ChunkHint(job_id, index, 0))
        moved()
    stage.settle(job_id)
    moved()
    stage.model.lines = {}
    stage.retry(job_id)
    moved()
    stage.settle(job_id)
    moved()
    assert len(set(tags)) == 6


def test_a_poll_that_finds_nothing_new_is_one_query_and_says_when_to_ask_again() -> None:
    world = world_with(replace(RUNNING, progress=Progress(3, 1, 1)))
    caller = Caller(world.parts(), now=lambda: NOW)
    tag = caller.get(f"/v1/analyze/{JOB}").headers["etag"]
    assert world.effects.pop().endswith("errors")
    world.effects.clear()
    again = caller.get(f"/v1/analyze/{JOB}", headers={"if-none-match": tag})
    assert (again.status, again.headers["retry-after"], world.effects) == (304, "3", ["read job"])


def test_a_result_that_the_client_has_is_not_read_from_the_bucket() -> None:
    world = world_with(replace(DONE, analysis_result=None, result_key="results/r", result_bytes=2))
    world.objects["results/r"] = b"ab"
    caller = Caller(world.parts())
    tag = caller.get(f"/v1/analyze/{JOB}/result").headers["etag"]
    world.effects.clear()
    assert caller.get(f"/v1/analyze/{JOB}/result", headers={"if-none-match": tag}).status == 304
    assert world.effects == ["read job"]


def test_text_and_records_have_tags_of_their_own(ended: tuple[Caller, str]) -> None:
    caller, job_id = ended
    text = caller.get(f"/v1/analyze/{job_id}/result")
    records = caller.get(f"/v1/analyze/{job_id}/result", headers={"accept": "application/x-ndjson"})
    assert text.headers["etag"] != records.headers["etag"]
    assert text.headers["vary"] == records.headers["vary"] == "accept"


def test_a_page_of_a_running_job_says_when_to_ask_again(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("abcdefgh")
    now = sqlite_stage.job(job_id).updated_at + 100_000
    caller = Caller(sqlite_stage.parts, now=lambda: now)
    for path in ("", "/chunks", "/coverage"):
        assert caller.get(f"/v1/analyze/{job_id}{path}").headers["retry-after"] == "10"


@pytest.mark.parametrize(
    ("job", "days", "expires"),
    [
        (DONE, 0, None),
        (DONE, 30, "2026-12-22T06:17:02.999Z"),
        (replace(DONE, status=JobStatus.CANCELLED), 1, "2026-11-23T06:17:02.999Z"),
        (RUNNING, 30, None),
        (replace(RUNNING, finished_at=DONE.finished_at), 30, None),  # ended once, and retried
    ],
)
def test_an_ended_job_says_when_it_expires(job: Any, days: int, expires: str | None) -> None:
    assert Caller(world_with(job).parts(retention_days=days)).get(f"/v1/analyze/{JOB}").json["expires_at"] == expires


def test_another_retention_is_another_tag() -> None:
    tags = {
        Caller(world_with(DONE).parts(retention_days=days)).get(f"/v1/analyze/{JOB}").headers["etag"]
        for days in (0, 1, 2)
    }
    assert len(tags) == 3


def test_what_anybody_may_read_may_be_kept_a_while() -> None:
    caller = Caller(World().parts())
    assert caller.get("/docs").headers["cache-control"] == caller.get("/openapi.json").headers["cache-control"]
    assert caller.get("/docs").headers["cache-control"] == "max-age=300"
