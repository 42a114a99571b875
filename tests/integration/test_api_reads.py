"""GET: jobs, results, health and the API's own description."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.errors import StoreUnavailable
from functions.core.jobs import JobStatus, Progress
from functions.core.model import ChunkError, Failure, JobView, Span
from tests.fakes.api_world import World
from tests.fakes.gateway import FakeContext, event

JOB = "01k" + "a" * 27
NOW = 1_795_328_231_000  # ten seconds after the job's start
DONE = JobView(
    job_id=JOB,
    status=JobStatus.COMPLETED,
    run=1,
    progress=Progress(3, 3, 0),
    model="local",
    max_chunk_chars=4000,
    max_attempts=3,
    document_chars=9000,
    document_bytes=9500,
    bom_removed=True,
    error=None,
    error_summary=None,
    analysis_result="grüße",
    result_key=None,
    result_bytes=7,
    created_at=1_795_328_220_007,
    started_at=1_795_328_221_000,
    updated_at=1_795_328_222_000,
    finished_at=1_795_328_222_999,
)
RUNNING = replace(
    DONE,
    status=JobStatus.PROCESSING,
    progress=Progress(3, 1, 1),
    analysis_result=None,
    result_bytes=None,
    finished_at=None,
)
LARGE = replace(DONE, analysis_result=None, result_key=f"results/{JOB}/1", result_bytes=7)


def get(world: World, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """The answer to a GET; `auth` and `response_bytes` are settings, the rest describes the event."""
    settings = {name: more.pop(name) for name in ("auth", "response_bytes", "retention_days") if name in more}
    made = event(more.pop("method", "GET"), path, headers=headers, **more)
    app = create_app(world.parts(**settings), now=lambda: NOW)
    return respond(app, made, FakeContext())  # type: ignore[arg-type]


def world_with(job: JobView, owner: str = "local") -> World:
    """A world in which there is one job."""
    return World(views={(JOB, owner): job}, errors={JOB: []})


def error(index: int) -> ChunkError:
    """A failed chunk."""
    return ChunkError(
        Span(index, index * 10, index * 10 + 10, index * 11, index * 11 + 11), Failure("timeout", "No."), 3
    )


def test_a_job_shows_all_its_fields() -> None:
    answer = get(world_with(DONE), f"/v1/analyze/{JOB}")
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert "retry-after" not in answer["headers"]
    assert json.loads(answer["body"]) == {
        "job_id": JOB,
        "status": "COMPLETED",
        "run": 1,
        "model": "local",
        "max_chunk_chars": 4000,
        "max_attempts": 3,
        "overlap_chars": 0,
        "document_id": None,
        "encoding": "utf-8",
        "document_chars": 9000,
        "document_bytes": 9500,
        "bom_removed": True,
        "progress_pct": 100,
        "total_chunks": 3,
        "chunks_completed": 3,
        "chunks_failed": 0,
        "chunk_errors": [],
        "chunk_errors_truncated": False,
        "error": None,
        "error_summary": None,
        "analysis_result": "grüße",
        "result_url": None,
        "created_at": "2026-11-22T06:17:00.007Z",
        "started_at": "2026-11-22T06:17:01.000Z",
        "updated_at": "2026-11-22T06:17:02.000Z",
        "finished_at": "2026-11-22T06:17:02.999Z",
        "expires_at": None,
    }


def test_a_running_job_says_when_to_ask_again() -> None:
    answer = get(world_with(RUNNING), f"/v1/analyze/{JOB}")
    body = json.loads(answer["body"])
    assert answer["headers"]["retry-after"] == "3"  # half of what the third chunk will take, at 5 s a chunk
    assert (body["progress_pct"], body["finished_at"], body["analysis_result"]) == (66, None, None)


def test_a_job_that_is_not_planned_yet_has_no_total() -> None:
    job = replace(RUNNING, status=JobStatus.PENDING, progress=Progress(None, 0, 0), started_at=None)
    body = json.loads(get(world_with(job), f"/v1/analyze/{JOB}")["body"])
    assert (body["total_chunks"], body["progress_pct"], body["started_at"]) == (None, 0, None)


def test_chunk_errors_carry_index_spans_code_message_and_attempts() -> None:
    world = world_with(RUNNING)
    world.errors[JOB] = [error(1)]
    body = json.loads(get(world, f"/v1/analyze/{JOB}")["body"])
    assert body["chunk_errors"] == [
        {
            "chunk_index": 1,
            "char_start": 10,
            "char_end": 20,
            "byte_start": 11,
            "byte_end": 22,
            "code": "timeout",
            "message": "No.",
            "attempts": 3,
        }
    ]
    assert body["chunk_errors_truncated"] is False


@pytest.mark.parametrize(("failed", "shown", "truncated"), [(100, 100, False), (101, 100, True)])
def test_the_first_hundred_chunk_errors_are_shown(failed: int, shown: int, truncated: bool) -> None:
    world = world_with(replace(RUNNING, progress=Progress(300, 0, failed)))
    world.errors[JOB] = [error(index) for index in range(failed)]
    body = json.loads(get(world, f"/v1/analyze/{JOB}")["body"])
    assert (len(body["chunk_errors"]), body["chunk_errors_truncated"]) == (shown, truncated)


def test_errors_are_not_asked_for_where_none_are_counted() -> None:
    world = world_with(DONE)
    get(world, f"/v1/analyze/{JOB}")
    assert world.effects == ["read job"]


def test_a_job_that_failed_as_a_whole_says_why() -> None:
    failed = replace(
        DONE, status=JobStatus.FAILED, error=Failure("document_missing", "It is gone."), analysis_result=None
    )
    body = json.loads(get(world_with(failed), f"/v1/analyze/{JOB}")["body"])
    span = {"char_start": 0, "char_end": 9000, "byte_start": 0, "byte_end": 9500}  # the whole document
    assert body["error"] == {"code": "document_missing", "message": "It is gone.", **span}


@pytest.mark.parametrize(("stage", "prefix"), [("$default", ""), ("prod", "/prod")])
def test_a_large_result_is_a_link_that_is_right_behind_a_stage(stage: str, prefix: str) -> None:
    body = json.loads(get(world_with(LARGE), f"{prefix}/v1/analyze/{JOB}", stage=stage)["body"])
    assert (body["analysis_result"], body["result_url"]) == (None, f"{prefix}/v1/analyze/{JOB}/result")


@pytest.mark.parametrize("path", ["/v1/analyze/{}", "/v1/analyze/{}/result"])
@pytest.mark.parametrize("job_id", ["unknown", "x" * 65, "a%00b", "%F0%9F%98%80", "a-b", "%20"])
def test_an_id_that_is_unknown_or_no_id_is_404(path: str, job_id: str) -> None:
    world = World()
    answer = get(world, path.format(job_id))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"]) == (404, "urn:piecewise:problem:job-not-found")
    assert "Check the id" in body["detail"]
    assert world.effects == (["read job"] if job_id == "unknown" else [])


@pytest.mark.parametrize("path", [f"/v1/analyze/{JOB}", f"/v1/analyze/{JOB}/result"])
def test_another_owners_job_is_not_there(path: str) -> None:
    world = world_with(DONE, owner="alice")
    assert get(world, path, auth="jwt", claims={"sub": "alice"})["statusCode"] == 200
    assert get(world, path, auth="jwt", claims={"sub": "mallory"})["statusCode"] == 404
    assert get(world, path, auth="jwt")["statusCode"] == 401


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("text/html, */*;q=0.8", 200),
        ("", 200),
        ("text/html", 406),
        ("application/xml, text/*", 406),
        ("application/json;q=0, text/html", 406),
        ("*/*, application/json;q=0.0", 406),
        ("APPLICATION/JSON ; charset=utf-8", 200),
    ],
)
def test_an_accept_header_that_excludes_json_is_406(accept: str, status: int) -> None:
    assert get(world_with(DONE), f"/v1/analyze/{JOB}", headers={"accept": accept})["statusCode"] == status


def test_a_database_that_is_away_is_503() -> None:
    world = World(broken={"read job": StoreUnavailable("no route")})
    answer = get(world, f"/v1/analyze/{JOB}")
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "5")


# -- the whole result


def test_an_inline_result_is_plain_text() -> None:
    answer = get(world_with(DONE), f"/v1/analyze/{JOB}/result", headers={"accept": "text/*"})
    assert (answer["statusCode"], answer["body"]) == (200, "grüße")
    assert answer["headers"]["content-type"] == "text/plain; charset=utf-8"


def test_a_large_result_is_read_from_the_bucket() -> None:
    world = world_with(LARGE)
    world.objects[f"results/{JOB}/1"] = "grüße".encode()
    answer = get(world, f"/v1/analyze/{JOB}/result")
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (200, "grüße", False)


def test_a_result_larger_than_lambda_may_return_is_a_redirect() -> None:
    answer = get(world_with(LARGE), f"/v1/analyze/{JOB}/result", response_bytes=6)
    assert answer["statusCode"] == 307
    assert answer["headers"]["location"] == f"https://bucket.example/results/{JOB}/1?seconds=900"


def test_a_result_that_would_grow_too_large_as_a_json_string_goes_in_base_64() -> None:
    text = b"\n" * 3_200_000
    world = world_with(replace(LARGE, result_bytes=len(text)))
    world.objects[f"results/{JOB}/1"] = text
    answer = get(world, f"/v1/analyze/{JOB}/result")
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(answer["body"]) == text
    assert len(json.dumps(answer)) < 6_291_556


def test_a_job_whose_body_would_be_too_large_has_its_result_behind_a_url() -> None:
    answer = get(world_with(replace(DONE, analysis_result="\x01" * 900_000)), f"/v1/analyze/{JOB}")
    body = json.loads(answer["body"])
    assert (body["analysis_result"], body["result_url"]) == (None, f"/v1/analyze/{JOB}/result")


def test_an_inline_result_of_control_characters_alone_fits_into_the_answer() -> None:
    text = "\x01" * 1_048_576
    answer = get(world_with(replace(DONE, analysis_result=text)), f"/v1/analyze/{JOB}/result")
    assert base64.b64decode(answer["body"]).decode() == text


def test_a_result_that_is_gone_is_410() -> None:
    answer = get(world_with(LARGE), f"/v1/analyze/{JOB}/result")
    assert (answer["statusCode"], json.loads(answer["body"])["title"]) == (410, "Result gone")


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING])
def test_no_result_while_the_job_runs_is_409_with_retry_after(status: JobStatus) -> None:
    answer = get(world_with(replace(RUNNING, status=status)), f"/v1/analyze/{JOB}/result")
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (409, "3")
    assert json.loads(answer["body"])["type"] == "urn:piecewise:problem:job-still-running"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_ended_without_a_result_is_409(status: JobStatus) -> None:
    answer = get(world_with(replace(DONE, status=status, analysis_result=None)), f"/v1/analyze/{JOB}/result")
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (409, "urn:piecewise:problem:no-result")
    assert "retry-after" not in answer["headers"]


# -- health and description


def test_health_asks_nobody() -> None:
    world = World(broken={"read job": StoreUnavailable("away")})
    answer = get(world, "/health", auth="jwt")
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["service"], body["status"]) == (200, "piecewise", "ok")
    assert world.effects == []


def test_the_description_names_the_stage_it_is_behind() -> None:
    described = json.loads(get(World(), "/prod/openapi.json", stage="prod")["body"])
    assert described["servers"] == [{"url": "/prod"}]
