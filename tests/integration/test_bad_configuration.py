"""A configuration that cannot work: one clear line naming the variable, and 503 to whoever asks meanwhile."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from local.options import Options
from local.stack import Stack, StackError
from migrations.upgrade import upgrade
from tests.fakes.gateway import event, post_json
from tests.integration.test_api_handler import _CONFIGURED, function

# -- the api function

_NOBODY = "postgresql+psycopg://u:secret@127.0.0.1:1/x"


@pytest.fixture
def configured(
    aws_endpoint: str, queue_names: dict[str, str], bucket: str, s3: S3Client, fresh_sqlite: str
) -> dict[str, str]:
    """The environment of a deployment in which all is well."""
    upgrade(fresh_sqlite)
    return {
        **_CONFIGURED,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SQS": aws_endpoint,
        "AWS_ENDPOINT_URL_S3": aws_endpoint,
        "PIECEWISE_AUTH": "none",
        "PIECEWISE_DATABASE_URL": fresh_sqlite,
        "PIECEWISE_BUCKET": bucket,
        **{f"PIECEWISE_{kind.upper()}": name for kind, name in queue_names.items()},
    }


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("PIECEWISE_DATABASE_URL", None, "misconfigured"),
        ("PIECEWISE_BUCKET", None, "misconfigured"),
        ("PIECEWISE_CHUNK_QUEUE", None, "misconfigured"),
        ("PIECEWISE_DATABASE_URL", "nonsense", "misconfigured"),
        ("PIECEWISE_DATABASE_URL", "mysql://u:secret@127.0.0.1/x", "misconfigured"),
        ("PIECEWISE_PLAN_QUEUE", "no-such-queue", "misconfigured"),
        ("PIECEWISE_CHUNK_QUEUE", "no-such-queue", "misconfigured"),
        ("PIECEWISE_DEFAULT_MODEL", "oracle", "misconfigured"),
        ("PIECEWISE_LEASE", "soon", "misconfigured"),
        ("PIECEWISE_DATABASE_URL", _NOBODY, "unavailable"),
        ("PIECEWISE_DATABASE_URL", "sqlite:////no/such/directory/file.db", "unavailable"),
        ("PIECEWISE_BUCKET", "no-such-bucket", "unavailable"),
    ],
)
def test_a_document_gets_503_with_a_time_to_come_back_and_the_log_names_the_variable(
    configured: dict[str, str], name: str, value: str | None, kind: str
) -> None:
    environment = {**configured, name: value or ""}
    if value is None:
        del environment[name]
    [answer], log = function([post_json({"raw_text": "a"})], environment)
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (503, f"urn:piecewise:problem:{kind}")
    assert int(answer["headers"]["retry-after"]) > 0
    lines = log.splitlines()
    assert any(name in line for line in lines)
    assert all(json.loads(line) for line in lines)
    assert "Traceback" not in log + answer["body"]
    assert "secret" not in log + answer["body"]


def test_in_a_deployment_in_which_all_is_well_it_is_accepted(configured: dict[str, str]) -> None:
    answers, _ = function([post_json({"raw_text": "a"}), event("GET", "/health")], configured)
    assert [answer["statusCode"] for answer in answers] == [202, 200]


def test_queues_that_cannot_be_asked_are_no_reason_to_refuse(configured: dict[str, str]) -> None:
    environment = {**configured, "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"}
    [answer], log = function([post_json({"raw_text": "a"})], environment)
    assert answer["statusCode"] == 202, "the reconciler sends the messages when the queue is back"
    assert "the queues were not checked" in log


# -- a stack


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(database_url="nonsense"), "PIECEWISE_DATABASE_URL is not a database URL"),
        (Options(database_url=_NOBODY), f"PIECEWISE_DATABASE_URL ({_NOBODY.replace('secret', '***')}): connection"),
        (Options(database_url="sqlite:////no/such/x.db"), "PIECEWISE_DATABASE_URL (sqlite:////no/such/x.db): unable"),
        (Options(database_url="sqlite://"), "PIECEWISE_DATABASE_URL must name a file"),
        (Options(database_url="sqlite:///x.db", postgres=True), "leave out either that or --database-url"),
        (Options(model="oracle"), "the model 'oracle' is not allowed here"),
        (Options(env={"PIECEWISE_PLAN_QUEUE": "none"}), "PIECEWISE_PLAN_QUEUE: there is no queue 'none'"),
        (Options(env={"PIECEWISE_CHUNK_QUEUE": "none"}), "PIECEWISE_CHUNK_QUEUE: there is no queue 'none'"),
        (Options(env={"PIECEWISE_BUCKET": "no-such"}), "PIECEWISE_BUCKET: there is no bucket 'no-such'"),
        (Options(env={"PIECEWISE_LEASE": "soon"}), "PIECEWISE_LEASE"),
    ],
    ids=lambda given: "" if isinstance(given, str) else None,
)  # fmt: skip
def test_a_stack_does_not_start_and_says_why_in_one_line(tmp_path: Path, options: Options, words: str) -> None:
    with (
        pytest.raises(StackError) as refused,
        Stack(dataclasses.replace(options, port=0, state_dir=tmp_path), say=lambda _: None),
    ):
        pass
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_that_lives_on_needs_a_state_directory_that_does() -> None:
    stack = Stack(Options(port=0, database_url="sqlite:///x.db"), say=lambda _: None)
    with pytest.raises(StackError, match=r"name one with --state-dir$"), stack:
        pass
