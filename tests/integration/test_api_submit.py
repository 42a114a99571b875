"""POST /v1/analyze through API Gateway events: what is accepted, in which order, and what a failure leaves behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.errors import DocumentsUnavailable, QueueUnavailable, StoreUnavailable
from functions.core.model import Source
from tests.fakes.api_world import World
from tests.fakes.gateway import REQUEST_ID, FakeContext, event, post_json, post_text


def call(world: World, made: dict[str, Any], **settings: Any) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of the answer to an event."""
    answer = respond(create_app(world.parts(**settings)), made, FakeContext())  # type: ignore[arg-type]
    assert not answer["isBase64Encoded"]
    assert answer["headers"]["x-request-id"] == REQUEST_ID
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


@pytest.fixture
def world() -> World:
    return World()


def test_a_small_document_is_accepted_with_its_chunks(world: World) -> None:
    status, headers, body = call(world, post_json({"raw_text": "One. Two.", "max_chunk_chars": 5}))
    job, spans = world.jobs[0]
    assert status == 202
    assert headers["location"] == f"/v1/analyze/{job.job_id}"
    assert headers["retry-after"] == "1"
    assert headers["content-type"] == "application/json"
    assert body == {
        "job_id": job.job_id,
        "status": "PENDING",
        "document_id": None,
        "overlap_chars": 0,
        "total_chunks": 2,
        "document_chars": 9,
        "document_bytes": 9,
        "bom_removed": False,
    }
    assert spans is not None
    assert [(span.char_start, span.char_end) for span in spans] == [(0, 5), (5, 9)]
    assert [(hint.job_id, hint.chunk_index, hint.claim_no) for hint in world.hints] == [
        (job.job_id, 0, 0),
        (job.job_id, 1, 0),
    ]


def test_the_object_comes_before_the_rows_and_the_rows_before_the_messages(world: World) -> None:
    call(world, post_json({"raw_text": "text"}))
    assert world.effects == ["begin", "put", "commit", "send chunks"]


def test_what_is_left_out_has_its_default(world: World) -> None:
    call(world, post_json({"raw_text": "text"}), default_model="simulated", scratch_dir="/nowhere")
    job, _ = world.jobs[0]
    assert (job.owner, job.model, job.instructions, job.max_chunk_chars, job.max_attempts) == (
        "local",
        "simulated",
        None,
        4000,
        3,
    )


def test_options_are_kept(world: World) -> None:
    options = {"max_chunk_chars": 200_000, "max_attempts": 10, "instructions": "Be brief.", "model": "local"}
    status, _, body = call(world, post_json({"raw_text": "text", "overlap_chars": 10_000, **options}))
    job, _ = world.jobs[0]
    assert (status, body["overlap_chars"], job.overlap_chars) == (202, 10_000, 10_000)
    assert (job.max_chunk_chars, job.max_attempts, job.instructions, job.model) == (200_000, 10, "Be brief.", "local")


def test_plain_text_takes_its_options_from_the_query(world: World) -> None:
    query = "max_chunk_chars=7&max_attempts=4&overlap_chars=200&instructions=Say+it%20in%20f%C3%BCnf&model=simulated"
    assert call(world, post_text("grüße", query=query))[0] == 202
    job, _ = world.jobs[0]
    assert (job.max_chunk_chars, job.max_attempts, job.instructions, job.model) == (7, 4, "Say it in fünf", "simulated")
    assert job.overlap_chars == 200
    assert world.objects == {f"documents/{job.job_id}": "grüße".encode()}
    assert world.content_types == {"text/plain; charset=utf-8"}
    assert job.source == Source(f"documents/{job.job_id}")
    assert (job.document_chars, job.document_bytes) == (5, 7)


@pytest.mark.parametrize(
    "kind", ["text/plain; charset=utf-8", 'Text/Plain;charset="UTF-8"', "text/plain ; format=flowed"]
)
def test_plain_text_may_name_its_charset(world: World, kind: str) -> None:
    assert call(world, post_text("text", headers={"content-type": kind}))[0] == 202


@pytest.mark.parametrize("body", [b'{"raw_text": "gr\xc3\xbc\xc3\x9fe"}', '{"raw_text": "grüße"}'])
def test_a_body_may_come_as_base64(world: World, body: bytes | str) -> None:
    made = event("POST", "/v1/analyze", body=body, headers={"content-type": "application/json"})
    assert call(world, made)[0] == 202
    assert list(world.objects.values()) == ["grüße".encode()]


@pytest.mark.parametrize("made", [post_json({"raw_text": "\ufeffabc"}), post_text("\ufeffabc")])
def test_a_leading_bom_is_removed_and_said_so(world: World, made: dict[str, Any]) -> None:
    _, _, body = call(world, made)
    assert (body["bom_removed"], body["document_chars"], body["document_bytes"]) == (True, 3, 3)
    assert list(world.objects.values()) == [b"abc"]


@pytest.mark.parametrize("text", ["\U0001f600 😀", "a\r\nb\u0301", "\u007f\u2028", " "])
def test_any_other_character_is_taken(world: World, text: str) -> None:
    assert call(world, post_json({"raw_text": text}))[0] == 202
    assert list(world.objects.values()) == [text.encode()]


def test_twenty_chunks_are_planned_here(world: World) -> None:
    _, _, body = call(world, post_json({"raw_text": "x" * 200, "max_chunk_chars": 10}))
    assert body["total_chunks"] == 20
    assert len(world.hints) == 20


def test_more_than_twenty_chunks_are_one_message_to_the_planner(world: World) -> None:
    _, _, body = call(world, post_json({"raw_text": "x" * 201, "max_chunk_chars": 10}))
    assert body["total_chunks"] is None
    assert world.jobs[0][1] is None
    assert world.effects == ["begin", "put", "commit", "send plan"]
    assert world.plans == [world.jobs[0][0].job_id]


def test_the_real_cuts_decide_where_the_bounds_do_not(world: World) -> None:
    _, _, body = call(world, post_json({"raw_text": "abcdef \n\n" * 22, "max_chunk_chars": 10}))
    assert body["total_chunks"] is None


def test_a_queue_that_is_away_after_the_commit_is_still_202(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.broken = {"send chunks": QueueUnavailable("no route"), "send plan": QueueUnavailable("no route")}
    assert call(world, post_json({"raw_text": "text"}))[0] == 202
    assert call(world, post_json({"raw_text": "x" * 99, "max_chunk_chars": 1}))[0] == 202
    assert [record.levelname for record in caplog.records if "not sent" in record.message] == ["WARNING", "WARNING"]
    assert len(world.jobs) == 2
    assert len(world.objects) == 2


def test_a_bucket_that_is_away_is_503_and_nothing_is_stored(world: World) -> None:
    world.broken = {"put": DocumentsUnavailable("no route")}
    status, headers, body = call(world, post_json({"raw_text": "text"}))
    assert (status, headers["retry-after"], body["type"]) == (503, "5", "urn:piecewise:problem:unavailable")
    assert world.effects == ["begin"]


def test_a_database_that_is_away_is_503_and_the_object_stays(world: World) -> None:
    """The commit may have happened, its answer lost: the job would be without its document."""
    world.broken = {"commit": StoreUnavailable("no route")}
    status, headers, _ = call(world, post_json({"raw_text": "text"}))
    assert (status, headers["retry-after"]) == (503, "5")
    assert world.effects == ["begin", "put"]


def test_an_object_that_cannot_be_taken_back_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.broken = {"commit": RuntimeError("a bug"), "delete": DocumentsUnavailable("no route")}
    assert call(world, post_json({"raw_text": "text"}))[0] == 500
    assert any("stays behind" in record.message for record in caplog.records)


@pytest.mark.parametrize("step", ["put", "commit", "send chunks"])
def test_a_bug_is_a_500_problem_without_a_trace(world: World, step: str, caplog: pytest.LogCaptureFixture) -> None:
    world.broken = {step: RuntimeError("secret detail")}
    status, _, body = call(world, post_json({"raw_text": "text"}))
    assert (status, body["type"]) == (500, "urn:piecewise:problem:internal-error")
    assert "secret" not in json.dumps(body)
    [logged] = [record for record in caplog.records if getattr(record, "trace", None)]
    assert any("functions/api/submit.py" in frame for frame in vars(logged)["trace"])


def test_logs_never_hold_the_document_or_the_instructions(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.broken = {"send chunks": QueueUnavailable("no route")}
    call(world, post_json({"raw_text": "topsecret document", "instructions": "topsecret wish"}))
    call(world, post_json({"raw_text": "topsecret\0", "topsecret": "topsecret"}))
    world.broken = {"commit": RuntimeError("bug")}
    call(world, post_text("topsecret document", query="instructions=topsecret"))
    assert caplog.records
    assert all("topsecret" not in str(vars(record)) for record in caplog.records)


# -- owners and stages


def test_the_owner_is_the_authorizers_claim(world: World) -> None:
    assert call(world, post_json({"raw_text": "text"}, claims={"sub": "alice"}), auth="jwt")[0] == 202
    claims = {"sub": "x", "client_id": "bob"}
    assert call(world, post_json({"raw_text": "text"}, claims=claims), auth="jwt", owner_claim="client_id")[0] == 202
    assert [job.owner for job, _ in world.jobs] == ["alice", "bob"]


@pytest.mark.parametrize("claims", [None, {}, {"sub": ""}, {"sub": "x" * 256}, {"sub": "a\0b"}, {"email": "a@b"}])
def test_no_usable_claim_is_401_and_nothing_is_stored(world: World, claims: dict[str, str] | None) -> None:
    status, headers, body = call(world, post_json({"raw_text": "text"}, claims=claims), auth="jwt")
    assert (status, headers["www-authenticate"], body["type"]) == (
        401,
        "Bearer",
        "urn:piecewise:problem:unauthenticated",
    )
    assert world.effects == []


def test_no_claim_is_looked_at_where_authentication_is_none(world: World) -> None:
    call(world, post_json({"raw_text": "text"}, claims={"sub": "alice"}), auth="none")
    assert world.jobs[0][0].owner == "local"


@pytest.mark.parametrize(
    ("path", "stage", "host", "prefix"),
    [
        ("/prod/v1/analyze", "prod", "abc123.execute-api.eu-central-1.amazonaws.com", "/prod"),
        ("/prod/v1/analyze", "prod", "api.example.com", ""),
        ("/v1/analyze", "prod", "api.example.com", ""),
        ("/v1/analyze", "$default", "api.example.com", ""),
        ("/v1/v1/analyze", "v1", "abc123.execute-api.eu-central-1.amazonaws.com", "/v1"),
    ],
)
def test_location_is_right_behind_a_stage_and_a_domain(
    world: World, path: str, stage: str, host: str, prefix: str
) -> None:
    status, headers, body = call(world, post_json({"raw_text": "text"}, path=path, stage=stage, host=host))
    assert (status, headers["location"]) == (202, f"{prefix}/v1/analyze/{body['job_id']}")


def test_a_path_that_only_begins_like_the_stage_is_not_there(world: World) -> None:
    assert call(world, post_json({"raw_text": "text"}, path="/production/v1/analyze", stage="prod"))[0] == 404
