from __future__ import annotations

import io
import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from local.client import Client, Refused, ServerNotReached, Time
from tests.unit.fake_server import JOB_ID, Answer, FakeServer, job, serving


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: FakeServer, clock: Clock) -> Iterator[Client]:
    with Client(server.url, time=Time(clock, clock.sleep)) as made:
        yield made


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


def test_an_uploaded_document_is_named_with_its_options(server: FakeServer, client: Client) -> None:
    server.job(job())
    client.submit_document("abc", overlap_chars=0, model=None)
    assert json.loads(server.asked[0].body) == {"document_id": "abc", "overlap_chars": 0}


def test_a_submission_whose_answer_was_lost_is_sent_again_under_the_same_key(
    server: FakeServer, client: Client
) -> None:
    lost = Answer(hang_up=True)
    server.on("POST", "/v1/analyze", lost, Answer({}, 503), Answer({"job_id": JOB_ID, "status": "PENDING"}, 202))
    assert client.submit(b"text", patience=30)["job_id"] == JOB_ID
    first, *others = (asked.headers["Idempotency-Key"] for asked in server.asked)
    assert others == [first, first]


def test_each_submission_has_a_key_of_its_own_unless_one_is_given(server: FakeServer, client: Client) -> None:
    server.job(job())
    for key in (None, None, "mine"):
        client.submit(b"text", idempotency_key=key)
    one, two, mine = (asked.headers["Idempotency-Key"] for asked in server.asked)
    assert one != two
    assert mine == "mine"


def test_nothing_is_sent_again_unless_it_was_asked_for(server: FakeServer, client: Client, clock: Clock) -> None:
    server.on("POST", "/v1/analyze", Answer(hang_up=True))
    with pytest.raises(ServerNotReached):
        client.submit(b"text")
    assert len(server.asked) == 1
    assert clock.slept == []


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


def test_watching_looks_soon_at_first_and_then_as_often_as_the_server_says(
    server: FakeServer, client: Client, clock: Clock
) -> None:
    running = [Answer(job("PROCESSING"), headers={"Retry-After": "60"}) for _ in range(20)]
    server.on("GET", f"/v1/analyze/{JOB_ID}", *running, Answer(job()))
    assert len(list(client.watch(JOB_ID))) == 21
    assert clock.slept[0] == 0.1
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[-1] == 60


def test_who_watches_can_have_it_looked_at_more_often(server: FakeServer, client: Client, clock: Clock) -> None:
    running = [Answer(job("PROCESSING"), headers={"Retry-After": "60"}) for _ in range(20)]
    server.on("GET", f"/v1/analyze/{JOB_ID}", *running, Answer(job()))
    assert len(list(client.watch(JOB_ID, longest_pause=5))) == 21
    assert max(clock.slept) == 5


def test_watching_a_server_that_wishes_nothing_is_done_every_second(
    server: FakeServer, client: Client, clock: Clock
) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}", *[Answer(job("PROCESSING")) for _ in range(20)], Answer(job()))
    list(client.watch(JOB_ID))
    assert clock.slept[-1] == 1


def test_a_job_that_has_not_changed_costs_no_body(server: FakeServer, client: Client) -> None:
    first = Answer(job("PROCESSING"), headers={"ETag": 'W/"1"', "Retry-After": "5"})
    server.on("GET", f"/v1/analyze/{JOB_ID}", first, Answer(b"", 304, {"Retry-After": "7"}), Answer(job()))
    before, same, after = client.watch(JOB_ID)
    assert same.job is before.job
    assert (before.retry_after, same.retry_after) == (5, 7)
    assert after.ended
    assert [asked.headers.get("If-None-Match") for asked in server.asked] == [None, 'W/"1"', 'W/"1"']


def test_watching_outlasts_a_server_that_is_away_for_a_moment(server: FakeServer, client: Client, clock: Clock) -> None:
    away = Answer({"title": "Service Unavailable"}, 503, {"Retry-After": "3"})
    server.on("GET", f"/v1/analyze/{JOB_ID}", away, Answer(hang_up=True), Answer(job()))
    assert [seen.job["status"] for seen in client.watch(JOB_ID)] == ["COMPLETED"]
    assert clock.slept == [3, 2]


def test_watching_gives_a_server_up_that_stays_away(server: FakeServer, client: Client, clock: Clock) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}", Answer({"message": "Service Unavailable"}, 503))
    with pytest.raises(Refused, match=r"Service Unavailable \(503\)"):
        list(client.watch(JOB_ID, patience=30))
    assert 20 < clock.now <= 30


def test_watching_does_not_wait_where_waiting_cannot_help(client: Client, clock: Clock) -> None:
    with pytest.raises(Refused):
        list(client.watch("unknown"))
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


def test_a_wrong_address_is_not_waited_for(clock: Clock) -> None:
    with serving() as gone:
        url = gone.url
    with Client(url, time=Time(clock, clock.sleep)) as client, pytest.raises(ServerNotReached):
        client.submit(b"text", patience=30)
    assert clock.slept == []


def test_a_token_goes_to_the_service_and_nowhere_else(server: FakeServer) -> None:
    with serving() as bucket:
        server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer(b"", 307, {"Location": f"{bucket.url}/signed"}))
        bucket.on("GET", "/signed", Answer(b"large"))
        with Client(server.url, token="secret") as client:
            assert "".join(client.result(JOB_ID)) == "large"
        assert server.asked[0].headers["Authorization"] == "Bearer secret"
        assert "Authorization" not in bucket.asked[0].headers


# -- pages


def page(*items: object, then: str | None = None) -> Answer:
    return Answer({"items": list(items), "next_cursor": then})


def test_pages_are_followed_to_the_last(server: FakeServer, client: Client) -> None:
    server.on("GET", "/v1/analyze", page(job(), job(), then="c/1"), page(job("FAILED")))
    assert [found["status"] for found in client.jobs(status="ANY")] == ["COMPLETED", "COMPLETED", "FAILED"]
    first, second = (parse_qs(asked.query) for asked in server.asked)
    assert first == {"status": ["ANY"], "limit": ["100"]}
    assert second == {**first, "after": ["c/1"]}


def test_chunks_and_spans_are_read_from_where_they_are_wanted(server: FakeServer, client: Client) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}/chunks", page({"chunk_index": 5}, then="b"), page({"chunk_index": 6}))
    server.on("GET", f"/v1/analyze/{JOB_ID}/coverage", page({"chunk_index": 0}, then="x"), page({"chunk_index": 1}))
    assert [chunk["chunk_index"] for chunk in client.chunks(JOB_ID, after="a", status="FAILED")] == [5, 6]
    assert [span["chunk_index"] for span in client.coverage(JOB_ID)] == [0, 1]
    assert [asked.query for asked in server.asked] == ["after=a&status=FAILED", "after=b&status=FAILED", "", "after=x"]


def test_a_page_of_something_else_is_none(server: FakeServer, client: Client) -> None:
    server.on("GET", "/v1/analyze", Answer({"hello": "world"}))
    with pytest.raises(Refused, match="not as Piecewise does"):
        client.job_page()


# -- results and control


def test_a_result_is_asked_for_as_text_or_as_records(server: FakeServer, client: Client) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer('{"result": "é"}\n'.encode()))
    assert "".join(client.result(JOB_ID, ndjson=True)) == '{"result": "é"}\n'
    "".join(client.result(JOB_ID))
    wanted = [asked.headers["Accept"].split(",")[0] for asked in server.asked]
    assert wanted == ["application/x-ndjson", "text/plain"]


def test_a_result_is_saved_byte_for_byte(server: FakeServer, client: Client) -> None:
    server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer("größer\r\n".encode() * 100_000))
    file = io.BytesIO()
    assert client.save(JOB_ID, file) == len(file.getvalue())
    assert file.getvalue() == "größer\r\n".encode() * 100_000


def test_control_is_a_call_each(server: FakeServer, client: Client) -> None:
    server.on("POST", f"/v1/analyze/{JOB_ID}/retry", Answer({"job_id": JOB_ID, "status": "PROCESSING", "run": 2}, 202))
    server.on("POST", f"/v1/analyze/{JOB_ID}/cancel", Answer(job("CANCELLED")))
    server.on("DELETE", f"/v1/analyze/{JOB_ID}", Answer(b"", 204))
    assert client.retry(JOB_ID)["run"] == 2
    assert client.cancel(JOB_ID)["status"] == "CANCELLED"
    client.delete(JOB_ID)
    assert [asked.method for asked in server.asked] == ["POST", "POST", "DELETE"]
