"""The function as Lambda starts it: a process, an environment, events."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.api.app import VERSION, create_app
from functions.api.handler import respond
from tests.fakes.api_world import World
from tests.fakes.gateway import REQUEST_ID, FakeContext, event, post_json

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


def test_the_version_is_the_projects(pytestconfig: pytest.Config) -> None:
    assert f'version = "{VERSION}"' in (pytestconfig.rootpath / "pyproject.toml").read_text()
