"""The function as Lambda starts it: a process, an environment, events."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.api.version import VERSION
from functions.core.errors import QueueUnavailable
from functions.core.logs import invocation, logger
from functions.core.threads import on_threads
from tests.fakes.api_world import World
from tests.fakes.caller import Caller
from tests.fakes.gateway import REQUEST_ID, FakeContext, event, post_json
from tests.fakes.shelf import MemoryDocuments
from tests.fakes.stage import Stage
from tests.fixtures.logs import LogLines

_SCRIPT = """
import json, sys
from functions.api.handler import handler
from tests.fakes.gateway import FakeContext
for made in json.loads(sys.stdin.read()):
    print(json.dumps(handler(made, FakeContext())))
"""
_CONFIGURED = {
    "PIECEWISE_DATABASE_URL": "sqlite:////nowhere/at/all.db",
    "PIECEWISE_BUCKET": "b",
    "PIECEWISE_PLAN_QUEUE": "p",
    "PIECEWISE_CHUNK_QUEUE": "c",
    "PIECEWISE_FINALIZE_QUEUE": "f",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def function(events: list[dict[str, Any]], environment: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    """The answers of a fresh process to some events, and what it logged."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps(events),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_wrong_configuration_is_503_and_one_clear_line_for_each_event() -> None:
    environment = {name: value for name, value in _CONFIGURED.items() if name != "PIECEWISE_BUCKET"}
    answers, log = function([event("GET", "/health"), post_json({"raw_text": "a"})], environment)
    for answer in answers:
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "60")
        assert answer["headers"]["content-type"] == "application/problem+json"
        assert answer["headers"]["x-request-id"] == REQUEST_ID
        assert json.loads(answer["body"])["type"] == "urn:piecewise:problem:misconfigured"
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["message"] for line in lines] == ["bad configuration: PIECEWISE_BUCKET is not set"] * 2
    assert [line["request_id"] for line in lines] == [REQUEST_ID] * 2


def test_a_right_configuration_answers_without_connecting_to_anything() -> None:
    answers, log = function([event("GET", "/health")], _CONFIGURED)
    assert json.loads(answers[0]["body"]) == {"service": "piecewise", "version": VERSION, "status": "ok"}
    assert log == ""


def test_events_may_come_on_many_threads_at_once() -> None:
    world = World()
    app = create_app(world.parts())
    made = post_json({"raw_text": "text"})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: respond(app, made, FakeContext()), range(64)))  # type: ignore[arg-type]
    assert {answer["statusCode"] for answer in answers} == {202}
    assert len({json.loads(answer["body"])["job_id"] for answer in answers}) == len(world.jobs) == 64


def test_every_line_of_a_request_names_it_and_no_other_requests(log_lines: LogLines) -> None:
    world = World(broken={"send chunks": QueueUnavailable("away")})
    app = create_app(world.parts())
    start = Barrier(8)

    def ask(number: int) -> tuple[str, str]:
        start.wait()
        made, context = post_json({"raw_text": "text"}), FakeContext(aws_request_id=f"r{number}")
        answer = respond(app, made, context)  # type: ignore[arg-type]
        return json.loads(answer["body"])["job_id"], answer["headers"]["x-request-id"]

    with ThreadPoolExecutor(8) as pool:
        asked = dict(pool.map(ask, range(8)))
    lines = log_lines()
    assert len(lines) == 16  # accepted, and its messages not sent
    assert all(asked[line["job_id"]] == line["request_id"] for line in lines)
    logger.info("nobody's")
    assert "request_id" not in log_lines()[-1]


def test_what_a_thread_of_the_store_logs_names_the_request(stage: Stage, log_lines: LogLines) -> None:
    class Talkative(MemoryDocuments):
        async def put(self, key: str, data: bytes, *, content_type: str) -> None:
            await on_threads(1, "t")(lambda: logger.info("from a thread"))
            await super().put(key, data, content_type=content_type)

    app = create_app(replace(stage.parts, documents=Talkative()))
    respond(app, post_json({"raw_text": "text"}), FakeContext())  # type: ignore[arg-type]
    assert {line["request_id"] for line in log_lines()} == {REQUEST_ID}


def test_every_line_of_a_queues_function_names_its_invocation(log_lines: LogLines) -> None:
    @invocation
    def handler(event: dict[str, Any], _context: Any) -> int:
        logger.info("at work")
        return len(event)

    assert handler({"a": 1}, FakeContext(aws_request_id="r1")) == 1
    logger.info("after it")
    assert [line.get("request_id") for line in log_lines()] == ["r1", None]


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/analyze/", "/v1/analyze/a/b", "/V1/analyze", "//", "/docs/"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_path_that_is_not_there_is_a_problem(method: str, path: str) -> None:
    answer = Caller(World().parts())(method, path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    if method != "HEAD":
        assert answer.problem == (404, "path-not-found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/analyze", "GET, POST, HEAD"),
        ("PATCH", "/v1/analyze/a", "GET, DELETE, HEAD"),
        ("POST", "/v1/analyze/a", "GET, DELETE, HEAD"),
        ("GET", "/v1/analyze/a/retry", "POST"),
        ("HEAD", "/v1/analyze/a/cancel", "POST"),
        ("DELETE", "/v1/analyze/a/chunks", "GET, HEAD"),
        ("POST", "/v1/analyze/a/result", "GET, HEAD"),
        ("GET", "/v1/documents", "POST"),
        ("DELETE", "/v1/documents/a", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
        ("TRACE", "/docs", "GET, HEAD"),
        ("BREW", "/openapi.json", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_there_is_405_and_says_which_are(method: str, path: str, allow: str) -> None:
    answer = Caller(World().parts())(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_bug_is_a_500_that_tells_nothing_and_a_log_line_that_names_the_request(log_lines: LogLines) -> None:
    world = World(broken={"read job": ValueError("secret")})
    answer = Caller(world.parts()).get("/v1/analyze/a")
    assert answer.problem == (500, "internal-error")
    assert b"secret" not in answer.body
    (line,) = log_lines()
    assert (line["request_id"], line["method"], line["exception"]) == (REQUEST_ID, "GET", "ValueError")


def test_the_version_is_the_projects(pytestconfig: pytest.Config) -> None:
    assert f'version = "{VERSION}"' in (pytestconfig.rootpath / "pyproject.toml").read_text()
