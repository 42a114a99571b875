"""The `Idempotency-Key` of POST /v1/analyze: one job, whoever asks how often and at the same time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import func, select

from functions.api.announcement import SMALLEST_PART
from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.errors import StoreUnavailable
from functions.core.model import Earlier, NewJob, Span
from functions.core.store.tables import documents, jobs
from functions.core.wiring import Parts
from tests.fakes.api_world import World
from tests.fakes.gateway import FakeContext, post_json, post_text
from tests.fakes.stage import Stage

KEY = {"idempotency-key": '"8e03978e"'}


def ask(parts: Parts, made: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of the answer to an event."""
    answer = respond(create_app(parts), made, FakeContext())  # type: ignore[arg-type]
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def count_jobs(stage: Stage) -> int:
    """How many job rows there are."""
    with stage.engine.begin() as connection:
        return connection.execute(select(func.count()).select_from(jobs)).scalar_one()


def test_the_same_request_again_is_the_same_job_as_it_is_by_then(stage: Stage) -> None:
    made = post_json({"raw_text": "One. Two."}, headers=KEY)
    status, headers, first = ask(stage.parts, made)
    assert (status, first["status"], "idempotency-replayed" in headers) == (202, "PENDING", False)
    stage.settle(first["job_id"])
    sent = len(stage.queues.chunks)
    status, headers, again = ask(stage.parts, made)
    assert (status, headers["idempotency-replayed"]) == (202, "true")
    assert headers["location"] == f"/v1/analyze/{first['job_id']}"
    assert again == {**first, "status": "COMPLETED"}
    assert (count_jobs(stage), len(stage.documents.objects), len(stage.queues.chunks)) == (1, 1, sent)


@pytest.mark.parametrize(
    "made",
    [
        post_text("One.", headers=KEY),
        post_json({"raw_text": "One.", "max_chunk_chars": 4000, "overlap_chars": 0}, headers=KEY),
        post_json({"model": None, "raw_text": "\ufeffOne."}, headers={"idempotency-key": "8e03978e"}),
    ],
)
def test_the_same_document_in_another_form_is_the_same_request(sqlite_stage: Stage, made: dict[str, Any]) -> None:
    first = ask(sqlite_stage.parts, post_json({"raw_text": "One."}, headers=KEY))[2]
    assert ask(sqlite_stage.parts, made)[2]["job_id"] == first["job_id"]


@pytest.mark.parametrize(
    "made",
    [
        post_json({"raw_text": "Two."}, headers=KEY),
        post_json({"raw_text": "One.", "max_chunk_chars": 3999}, headers=KEY),
        post_json({"raw_text": "One.", "instructions": ""}, headers=KEY),
        post_text("One.", query="overlap_chars=1", headers=KEY),
    ],
)
def test_another_request_with_the_same_key_is_422(sqlite_stage: Stage, made: dict[str, Any]) -> None:
    ask(sqlite_stage.parts, post_json({"raw_text": "One."}, headers=KEY))
    status, _, body = ask(sqlite_stage.parts, made)
    assert (status, body["type"]) == (422, "urn:piecewise:problem:idempotency-key-reused")
    assert count_jobs(sqlite_stage) == 1


def uploaded(stage: Stage, data: bytes = b"One.", **about: Any) -> str:
    """The id of an upload that has arrived."""
    announced = post_json({"bytes": len(data), "sha256": sha256(data).hexdigest(), **about}, path="/v1/documents")
    body = ask(stage.parts, announced)[2]
    assert stage.uploads.send(body["upload"]["url"], body["upload"]["headers"], data) == 200
    return str(body["document_id"])


def of_upload(document_id: str, **options: Any) -> dict[str, Any]:
    """POST /v1/analyze of an upload, with the key."""
    return post_json({"document_id": document_id, **options}, headers=KEY)


def test_the_same_file_uploaded_again_is_the_same_request(stage: Stage) -> None:
    first = ask(stage.parts, of_upload(uploaded(stage)))[2]
    stage.queues.lose_everything()
    status, headers, again = ask(stage.parts, of_upload(uploaded(stage)))
    assert (status, headers["idempotency-replayed"], again) == (202, "true", first)
    assert (count_jobs(stage), stage.queues.plans) == (1, [])


def test_an_upload_in_the_same_parts_is_the_same_request_even_before_it_is_sent(sqlite_stage: Stage) -> None:
    part = b"a" * SMALLEST_PART
    about = {"bytes": len(part), "sha256": sha256(part).hexdigest()}
    first, second = (
        ask(sqlite_stage.parts, post_json({"parts": [about, about]}, path="/v1/documents"))[2] for _ in range(2)
    )
    for signed in first["upload"]["parts"]:
        assert sqlite_stage.uploads.send(signed["url"], signed["headers"], part) == 200
    made = ask(sqlite_stage.parts, of_upload(first["document_id"]))[2]
    assert ask(sqlite_stage.parts, of_upload(second["document_id"]))[2] == made
    other = ask(sqlite_stage.parts, post_json({"parts": [about, {**about, "bytes": 1}]}, path="/v1/documents"))[2]
    assert ask(sqlite_stage.parts, of_upload(other["document_id"]))[0] == 422


def test_a_repetition_with_an_upload_needs_no_bucket_and_no_queue(sqlite_stage: Stage) -> None:
    first = ask(sqlite_stage.parts, of_upload(uploaded(sqlite_stage)))[2]
    again = uploaded(sqlite_stage)
    sqlite_stage.documents.away = sqlite_stage.queues.away = True
    assert ask(sqlite_stage.parts, of_upload(again))[2] == first


@pytest.mark.parametrize(
    ("data", "about", "options"),
    [
        (b"One.", {}, {"max_attempts": 4}),
        (b"Two.", {}, {}),
        (b"One!!", {}, {}),
        (b"One.", {"content_type": "text/plain; charset=utf-16le"}, {}),
    ],
)
def test_another_upload_or_other_options_with_the_same_key_are_422(
    sqlite_stage: Stage, data: bytes, about: dict[str, Any], options: dict[str, Any]
) -> None:
    ask(sqlite_stage.parts, of_upload(uploaded(sqlite_stage)))
    status, _, body = ask(sqlite_stage.parts, of_upload(uploaded(sqlite_stage, data, **about), **options))
    assert (status, body["type"]) == (422, "urn:piecewise:problem:idempotency-key-reused")
    assert count_jobs(sqlite_stage) == 1


def test_a_text_and_its_upload_are_different_documents(sqlite_stage: Stage) -> None:
    ask(sqlite_stage.parts, post_text("One.", headers=KEY))
    assert ask(sqlite_stage.parts, of_upload(uploaded(sqlite_stage)))[0] == 422


def test_an_unknown_upload_is_404_whatever_its_key_has_made(sqlite_stage: Stage) -> None:
    ask(sqlite_stage.parts, post_text("One.", headers=KEY))
    status, _, body = ask(sqlite_stage.parts, of_upload("0" * 30))
    assert (status, body["type"]) == (404, "urn:piecewise:problem:document-not-found")


def test_a_key_whose_job_was_deleted_is_409(stage: Stage) -> None:
    made = post_json({"raw_text": "One."}, headers=KEY)
    stage.erase(ask(stage.parts, made)[2]["job_id"])
    status, _, body = ask(stage.parts, made)
    assert (status, body["type"]) == (409, "urn:piecewise:problem:idempotency-key-spent")
    assert count_jobs(stage) == 0


def test_two_owners_may_use_the_same_key(sqlite_stage: Stage) -> None:
    parts = sqlite_stage.with_settings(auth="jwt").parts
    for owner in ("alice", "bob"):
        made = post_json({"raw_text": "One."}, headers=KEY, claims={"sub": owner})
        assert "idempotency-replayed" not in ask(parts, made)[1]
    assert count_jobs(sqlite_stage) == 2


def test_a_repetition_is_answered_whatever_is_under_way_and_whatever_is_away(sqlite_stage: Stage) -> None:
    stage = sqlite_stage.with_settings(max_live_jobs=1)
    first = ask(stage.parts, post_text("One.", headers=KEY))[2]
    stage.documents.away = stage.queues.away = True
    assert ask(stage.parts, post_text("Two."))[0] == 429
    assert ask(stage.parts, post_text("One.", headers=KEY))[2] == first


def test_fifty_at_once_with_one_key_make_one_job(stage: Stage) -> None:
    parts = stage.parts
    app = create_app(parts)

    def one(_: int) -> tuple[int, str]:
        answer = respond(app, post_text("One. Two.", headers=KEY), FakeContext())  # type: ignore[arg-type]
        return answer["statusCode"], json.loads(answer["body"])["job_id"]

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(one, range(50)))
    assert {status for status, _ in answers} == {202}
    [job_id] = {job_id for _, job_id in answers}
    assert count_jobs(stage) == 1
    assert set(stage.documents.objects) == {f"documents/{job_id}"}
    assert [hint.job_id for hint, _ in stage.queues.chunks] == [job_id]
    stage.check(job_id)


def test_whoever_comes_second_takes_its_object_back_and_sends_nothing(stage: Stage) -> None:
    winner = ask(stage.parts, post_text("One.", headers=KEY))[2]["job_id"]
    stage.queues.lose_everything()
    blind = replace(stage.parts, store=Blind(stage))
    status, headers, body = ask(blind, post_text("One.", headers=KEY))
    assert (status, headers["idempotency-replayed"], body["job_id"]) == (202, "true", winner)
    assert set(stage.documents.objects) == {f"documents/{winner}"}
    assert not stage.queues.chunks


def test_whoever_comes_second_counts_no_job_on_the_upload(stage: Stage) -> None:
    made = of_upload(uploaded(stage))
    winner = ask(stage.parts, made)[2]["job_id"]
    stage.queues.lose_everything()
    status, headers, body = ask(replace(stage.parts, store=Blind(stage)), made)
    assert (status, headers["idempotency-replayed"], body["job_id"]) == (202, "true", winner)
    assert not stage.queues.plans
    with stage.engine.begin() as connection:
        assert connection.execute(select(documents.c.jobs)).scalar_one() == 1


def test_whoever_comes_second_with_another_request_is_422_and_takes_its_object_back(sqlite_stage: Stage) -> None:
    winner = ask(sqlite_stage.parts, post_text("One.", headers=KEY))[2]["job_id"]
    blind = replace(sqlite_stage.parts, store=Blind(sqlite_stage))
    assert ask(blind, post_text("Two.", headers=KEY))[0] == 422
    assert set(sqlite_stage.documents.objects) == {f"documents/{winner}"}


def test_a_request_that_is_sent_again_after_a_lost_commit_answer_finds_its_job(stage: Stage) -> None:
    made = post_text("One.", headers=KEY)
    assert ask(replace(stage.parts, store=Deaf(stage)), made)[0] == 503
    status, headers, body = ask(stage.parts, made)
    assert (status, headers["idempotency-replayed"], count_jobs(stage)) == (202, "true", 1)
    stage.reconcile()
    stage.check(body["job_id"])
    assert f"documents/{body['job_id']}" in stage.documents.objects


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ('"abc"', "abc"),
        ("abc", "abc"),
        (" abc ", "abc"),
        (r'"a\"b\\c"', r"a\"b\\c".replace("\\\\", "\\").replace('\\"', '"')),
        ('"a,b;c"', "a,b;c"),
        ("!~", "!~"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
    ],
)
def test_a_key_is_taken_quoted_or_bare(given: str, key: str) -> None:
    world = World()
    assert ask(world.parts(), post_text("One.", headers={"idempotency-key": given}))[0] == 202
    [(job, _)] = world.jobs
    assert job.idempotency
    assert job.idempotency.key == key


@pytest.mark.parametrize(
    "given",
    ["", " ", '""', "a b", '"a b"', '"abc', 'abc"', "a,b", '"a", "b"', '"a";b=c', "a;b", r"a\b", r'"a\b"', "grün",
     "a\x7f", "x" * 256, '"' + "x" * 256 + '"', "1\t2"],
)  # fmt: skip
def test_a_key_that_is_none_is_400_and_nothing_is_stored(given: str) -> None:
    world = World()
    status, _, body = ask(world.parts(), post_text("One.", headers={"idempotency-key": given}))
    assert (status, body["type"]) == (400, "urn:piecewise:problem:invalid-idempotency-key")
    assert [each["field"] for each in body["errors"]] == ["Idempotency-Key"]
    assert world.effects == []


class Deaf:
    """A store that commits a job, and whose answer is lost."""

    def __init__(self, stage: Stage) -> None:
        self._store = stage.store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create_job(self, job: NewJob, spans: Sequence[Span] | None) -> Earlier | None:
        """Commit, then fail."""
        await self._store.create_job(job, spans)
        raise StoreUnavailable("the connection broke")


class Blind:
    """A store that sees no earlier job when it is asked first: as if the other request came a moment later."""

    def __init__(self, stage: Stage) -> None:
        self._store = stage.store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def begin_submit(self, owner: str, idempotency_key: str | None, object_key: str | None) -> Any:
        """Without the key."""
        return await self._store.begin_submit(owner, None, object_key)
