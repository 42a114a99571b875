"""What a function's process sees."""

from __future__ import annotations

from pathlib import Path

from local.isolated import Declared, environment
from local.template import load_template

ROOT = Path("/var/task")
STACK = {
    "PIECEWISE_DATABASE_URL": "sqlite:////x.db",
    "PIECEWISE_AUTH": "none",
    "PIECEWISE_LEASE": "5",
    "PIECEWISE_SIMULATE": "{}",
    "AWS_ACCESS_KEY_ID": "piecewise",
    "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4000",
    "AWS_MAX_ATTEMPTS": "9",
    "OPENAI_API_KEY": "key",
    "PATH": "/home/user/bin",
    "HTTPS_PROXY": "http://proxy",
}


def seen(*declared: str, handed: tuple[str, ...] = (), **values: str) -> dict[str, str]:
    return environment(Declared("room", 512, frozenset(declared), values), STACK, ROOT, handed=handed)


def test_a_variable_that_the_template_forgets_is_missing() -> None:
    assert "PIECEWISE_DATABASE_URL" not in seen()
    assert seen("PIECEWISE_DATABASE_URL")["PIECEWISE_DATABASE_URL"] == "sqlite:////x.db"


def test_what_the_template_knows_is_the_templates() -> None:
    assert seen("PIECEWISE_LEASE", PIECEWISE_LEASE="60")["PIECEWISE_LEASE"] == "60"


def test_nothing_of_the_users_shell_gets_in() -> None:
    made = seen("PIECEWISE_AUTH")
    assert not {"PIECEWISE_LEASE", "AWS_MAX_ATTEMPTS", "OPENAI_API_KEY", "HTTPS_PROXY"} & made.keys()
    assert made["PATH"] == "/usr/local/bin:/usr/bin/:/bin:/opt/bin"


def test_what_the_program_hands_over_gets_in() -> None:
    assert seen(handed=("PIECEWISE_LEASE",))["PIECEWISE_LEASE"] == "5"


def test_a_function_that_may_read_the_models_key_gets_it() -> None:
    assert seen("PIECEWISE_MODEL_API_KEY_SECRET")["OPENAI_API_KEY"] == "key"


def test_moto_and_its_credentials_are_where_lambda_has_aws() -> None:
    made = seen()
    assert (made["AWS_ENDPOINT_URL_SQS"], made["AWS_ACCESS_KEY_ID"]) == ("http://127.0.0.1:4000", "piecewise")


def test_every_room_is_told_where_database_queues_and_bucket_are() -> None:
    for spec in load_template().functions.values():
        made = environment(Declared(spec.name, spec.memory, spec.declared, spec.environment), STACK, ROOT)
        assert "PIECEWISE_DATABASE_URL" in made
        assert spec.name == "migrate" or {"PIECEWISE_BUCKET", "PIECEWISE_CHUNK_QUEUE"} <= made.keys()
