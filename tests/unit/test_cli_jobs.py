"""The commands for jobs that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.cli import Cli
from tests.unit.fake_server import JOB_ID, Answer, FakeServer, job, serving

JOB = f"/v1/analyze/{JOB_ID}"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def page(*items: Any, then: str | None = None) -> Answer:
    return Answer({"items": list(items), "next_cursor": then})


def chunk(index: int, **more: Any) -> dict[str, Any]:
    return {
        "chunk_index": index, "status": "COMPLETED", "char_start": 0, "char_end": 4000, "attempts": 1,
        "result": "A summary\nof it. " * 10, "error": None, **more,
    }  # fmt: skip


# -- list, chunks, result


def test_jobs_are_listed_a_line_each(cli: Cli, server: FakeServer) -> None:
    server.on("GET", "/v1/analyze", page(job(), job("PENDING", 0, total=None, progress_pct=0)))
    result = cli("list", "--server", server.url)
    assert result.code == 0
    assert [line.split() for line in result.out.splitlines()] == [
        [JOB_ID, "COMPLETED", "100", "%", "2/2", "2026-11-22T06:00:00.000Z"],
        [JOB_ID, "PENDING", "0", "%", "0/?", "2026-11-22T06:00:00.000Z"],
    ]
    assert server.asked[0].query == "limit=20"


def test_more_jobs_than_a_page_are_fetched_and_more_than_asked_for_are_mentioned(cli: Cli, server: FakeServer) -> None:
    server.on("GET", "/v1/analyze", page(*[job()] * 100, then="a"), page(*[job()] * 20, then="b"))
    result = cli("list", "--server", server.url, "--limit", "120", "--status", "completed")
    assert len(result.out.splitlines()) == 120
    assert result.err == "there are more: --limit shows them\n"
    assert [asked.query for asked in server.asked] == [
        "status=COMPLETED&limit=100", "after=a&status=COMPLETED&limit=20",
    ]  # fmt: skip


def test_json_lists_are_the_answers_of_the_api(cli: Cli, server: FakeServer) -> None:
    server.on("GET", "/v1/analyze", page(job(), then=None))
    server.on("GET", f"{JOB}/chunks", page(chunk(0), then="a"), page(chunk(1)))
    (jobs,) = map(json.loads, cli("list", "--json", "--server", server.url).out.splitlines())
    assert jobs == {"items": [job()], "next_cursor": None}
    first, second = map(json.loads, cli("chunks", JOB_ID, "--json", "--server", server.url).out.splitlines())
    assert first == {"items": [chunk(0)], "next_cursor": "a"}
    assert second == {"items": [chunk(1)], "next_cursor": None}


def test_chunks_are_listed_a_line_each_with_how_they_begin(cli: Cli, server: FakeServer) -> None:
    error = {"code": "server_error", "message": "the model\nanswered 500\x1b[2J"}
    failed = chunk(1, status="FAILED", result=None, error=error, attempts=3, char_start=4000, char_end=4100)
    waiting = chunk(2, status="PENDING", result=None, attempts=0)
    server.on("GET", f"{JOB}/chunks", page(chunk(0), failed, waiting))
    result = cli("chunks", JOB_ID, "--server", server.url, "--status", "FAILED", "--after", "cursor")
    first, second, third = result.out.splitlines()
    assert first.split()[:5] == ["0", "COMPLETED", "0-4000", "1", "A"]
    assert first.endswith("…")
    assert second.endswith("3  the model answered 500\N{REPLACEMENT CHARACTER}[2J")
    assert third.split() == ["2", "PENDING", "0-4000", "0"]
    assert server.asked[0].query == "after=cursor&status=FAILED"


def test_a_result_is_text_or_records(cli: Cli, server: FakeServer) -> None:
    server.on("GET", f"{JOB}/result", Answer("größer\n".encode()), Answer(b'{"chunk_index": 0}\n'))
    assert cli("result", JOB_ID, "--server", server.url).out == "größer\n"
    assert cli("result", JOB_ID, "--ndjson", "--server", server.url).out == '{"chunk_index": 0}\n'
    assert [asked.headers["Accept"].split(",")[0] for asked in server.asked] == ["text/plain", "application/x-ndjson"]


def test_a_result_that_is_not_there_yet_is_one_line(cli: Cli, server: FakeServer) -> None:
    server.on("GET", f"{JOB}/result", Answer({"detail": "the job still runs"}, 409))
    result = cli("result", JOB_ID, "--server", server.url)
    assert (result.code, result.out, result.err) == (1, "", "piecewise: error: the job still runs (409)\n")


# -- retry, cancel, delete


def test_a_retry_is_followed_to_its_result(cli: Cli, server: FakeServer) -> None:
    answer = {"job_id": JOB_ID, "status": "PROCESSING", "run": 2, "total_chunks": 2}
    server.on("POST", f"{JOB}/retry", Answer(answer, 202))
    server.on("GET", JOB, Answer(job("PROCESSING", 1)), Answer(job("PARTIAL_SUCCESS", 1, 1, analysis_result="half\n")))
    result = cli("retry", JOB_ID, "--server", server.url)
    assert (result.code, result.out) == (3, "half\n")
    assert "1/2 chunks done" in result.err
    assert cli("retry", JOB_ID, "--no-wait", "--server", server.url).out == f"{JOB_ID}\n"
    assert json.loads(cli("retry", JOB_ID, "--no-wait", "--json", "--server", server.url).out) == answer


def test_a_job_that_cannot_be_retried_is_one_line(cli: Cli, server: FakeServer) -> None:
    server.on("POST", f"{JOB}/retry", Answer({"detail": "The job is COMPLETED"}, 409))
    result = cli("retry", JOB_ID, "--server", server.url)
    assert (result.code, result.out, result.err) == (1, "", "piecewise: error: The job is COMPLETED (409)\n")


def test_a_cancelled_job_is_shown_and_is_a_success_of_the_command(cli: Cli, server: FakeServer) -> None:
    server.on("POST", f"{JOB}/cancel", Answer(job("CANCELLED", 1)))
    result = cli("cancel", JOB_ID, "--server", server.url)
    assert result.code == 0
    assert result.out.startswith(f"{JOB_ID}  CANCELLED  100 %\n")
    assert json.loads(cli("cancel", JOB_ID, "--json", "--server", server.url).out) == job("CANCELLED", 1)


def test_a_job_is_deleted_only_when_that_was_said(cli: Cli, server: FakeServer) -> None:
    server.on("DELETE", JOB, Answer(b"", 204))
    assert "say --yes" in cli("delete", JOB_ID, "--server", server.url).err
    assert server.asked == []
    result = cli("delete", JOB_ID, "--yes", "--server", server.url)
    assert (result.code, result.out, result.err) == (0, "", f"job {JOB_ID} is deleted\n")


def test_a_token_of_the_environment_is_sent(cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIECEWISE_TOKEN", "secret")
    server.on("GET", "/v1/analyze", page())
    cli("list", "--server", server.url)
    assert server.asked[0].headers["Authorization"] == "Bearer secret"
