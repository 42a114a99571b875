from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from local.client import Client, Refused, ServerNotReached
from tests.unit.fake_server import JOB_ID, Answer, FakeServer, job, serving


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_document_travels_as_it_is_with_its_options_in_the_query(server: FakeServer, client: Client) -> None:
    server.job(job())
    document = b'first\r\n"second"\n' * 3
    assert client.submit(document, max_chunk_chars=10, model="openai:a&b")["job_id"] == JOB_ID
    (asked,) = server.asked
    assert asked.body == document
    assert asked.headers["Content-Type"].startswith("text/plain")
    assert parse_qs(asked.query) == {"max_chunk_chars": ["10"], "model": ["openai:a&b"]}


def test_instructions_of_any_length_travel_as_json(server: FakeServer, client: Client) -> None:
    server.job(job())
    client.submit("Grüße".encode(), instructions="x" * 20_000, max_attempts=4)
    assert json.loads(server.asked[0].body) == {"raw_text": "Grüße", "instructions": "x" * 20_000, "max_attempts": 4}


def test_what_is_not_given_is_left_to_the_server(server: FakeServer, client: Client) -> None:
    server.job(job())
    client.submit(b"text")
    assert server.asked[0].query == ""


def test_the_body_of_a_look_is_kept_as_it_came(server: FakeServer, client: Client) -> None:
    body = json.dumps(job(), indent=3).encode()
    server.on("GET", f"/v1/analyze/{JOB_ID}", Answer(body, headers={"Retry-After": "2"}))
    seen = client.look(JOB_ID)
    assert seen.body.encode() == body
    assert seen.ended
    assert seen.retry_after == 2


def test_an_odd_job_id_stays_one_part_of_the_path(server: FakeServer, client: Client) -> None:
    with pytest.raises(Refused):
        client.look("../health?x")
    assert server.asked[0].path == "/v1/analyze/..%2Fhealth%3Fx"


def test_watching_looks_often_at_first_and_never_less_than_every_two_seconds(
    server: FakeServer, client: Client
) -> None:
    running = [Answer(job("PROCESSING"), headers={"Retry-After": "60"}) for _ in range(20)]
    server.on("GET", f"/v1/analyze/{JOB_ID}", *running, Answer(job()))
    clock = Clock()
    seen = list(client.watch(JOB_ID, clock=clock, sleep=clock.sleep))
    assert len(seen) == 21
    assert clock.slept[0] == 0.1
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[-1] == 2.0


def test_watching_outlasts_a_server_that_is_away_for_a_moment(server: FakeServer, client: Client) -> None:
    away = Answer({"title": "Service Unavailable"}, 503, {"Retry-After": "3"})
    server.on("GET", f"/v1/analyze/{JOB_ID}", away, away, Answer(job()))
    clock = Clock()
    assert [seen.job["status"] for seen in client.watch(JOB_ID, clock=clock, sleep=clock.sleep)] == ["COMPLETED"]
    assert clock.slept == [3, 3]


def test_watching_gives_a_server_up_that_stays_away(server: FakeServer, client: Client) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}", Answer({"message": "Service Unavailable"}, 503))
    clock = Clock()
    with pytest.raises(Refused, match=r"Service Unavailable \(503\)"):
        list(client.watch(JOB_ID, patience=30, clock=clock, sleep=clock.sleep))
    assert 30 < clock.now < 35


def test_watching_does_not_wait_where_waiting_cannot_help(server: FakeServer, client: Client) -> None:
    clock = Clock()
    with pytest.raises(Refused):
        list(client.watch("unknown", clock=clock, sleep=clock.sleep))
    assert clock.slept == []


def test_a_large_result_is_fetched_from_where_it_lies(server: FakeServer, client: Client) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer(b"", 307, {"Location": "/elsewhere"}))
    server.on("GET", "/elsewhere", Answer("größer".encode(), headers={"Content-Type": "text/plain; charset=utf-8"}))
    assert "".join(client.result(JOB_ID)) == "größer"


def test_a_result_that_is_not_there_yet_is_refused_in_words(server: FakeServer, client: Client) -> None:
    problem = {"title": "Conflict", "detail": "the job still runs", "status": 409}
    server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer(problem, 409, {"Retry-After": "1"}))
    with pytest.raises(Refused, match=r"^the job still runs \(409\)$") as refused:
        list(client.result(JOB_ID))
    assert refused.value.status == 409
    assert refused.value.retry_after == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer({"detail": "bad fields", "errors": [{"field": "model", "message": "unknown"}]}, 422),
         "bad fields (422) [model: unknown]"),
        (Answer({"message": "Request Too Long"}, 413), "Request Too Long (413)"),
        (Answer(b"<html>nginx</html>", 502), "the server answered 502 without saying why"),
        (Answer(["no", "object"], 400), "the server answered 400 without saying why"),
    ],
)  # fmt: skip
def test_every_kind_of_no_becomes_one_line(server: FakeServer, client: Client, answer: Answer, words: str) -> None:
    server.on("POST", "/v1/analyze", answer)
    with pytest.raises(Refused) as refused:
        client.submit(b"text")
    assert str(refused.value) == words


def test_an_answer_of_something_else_is_no_job(server: FakeServer, client: Client) -> None:
    server.on("POST", "/v1/analyze", Answer({"hello": "world"}))
    with pytest.raises(Refused, match="not as Piecewise does"):
        client.submit(b"text")


def test_nobody_there_is_said_with_the_address() -> None:
    with serving() as gone:
        url = gone.url
    with Client(url) as client, pytest.raises(ServerNotReached, match=f"cannot reach {url}"):
        client.look(JOB_ID)
