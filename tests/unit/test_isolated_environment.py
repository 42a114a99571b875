"""What a function's process sees."""

from __future__ import annotations

from pathlib import Path

from local.isolated import Declared, environment
from local.templates.laptop import load_template

ROOT = Path("/var/task")
STACK = {
    "PIECEWISE_DATABASE_URL": "sqlite:////x.db",
    "PIECEWISE_AUTH": "none",
    "PIECEWISE_BUCKET": "bucket",
    "PIECEWISE_MODEL_API_KEY": "key",
    "PIECEWISE_LEASE": "5",
    "PIECEWISE_SIMULATE": "{}",
    "AWS_ACCESS_KEY_ID": "piecewise",
    "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4000",
    "AWS_MAX_ATTEMPTS": "9",
    "OPENAI_API_KEY": "key",
    "PATH": "/home/user/bin",
    "HTTPS_PROXY": "http://proxy",
}


OTHERS = frozenset(("PIECEWISE_BUCKET", "PIECEWISE_AUTH"))


def seen(*declared: str, handed: tuple[str, ...] = (), **values: str) -> dict[str, str]:
    room = Declared("room", 512, frozenset(declared), values, elsewhere=OTHERS)
    return environment(room, STACK, ROOT, handed=handed)


def test_a_variable_that_the_template_forgets_is_missing() -> None:
    assert not {"PIECEWISE_DATABASE_URL", "PIECEWISE_BUCKET", "PIECEWISE_AUTH"} & seen().keys()
    assert seen("PIECEWISE_DATABASE_URL")["PIECEWISE_DATABASE_URL"] == "sqlite:////x.db"
    assert seen("PIECEWISE_BUCKET")["PIECEWISE_BUCKET"] == "bucket"


def test_a_setting_that_the_template_has_nowhere_is_the_users() -> None:
    assert seen()["PIECEWISE_LEASE"] == "5"


def test_what_the_template_knows_is_the_templates() -> None:
    assert seen("PIECEWISE_LEASE", PIECEWISE_LEASE="60")["PIECEWISE_LEASE"] == "60"


def test_nothing_else_of_the_users_shell_gets_in() -> None:
    made = seen("PIECEWISE_AUTH")
    keys = {"OPENAI_API_KEY", "PIECEWISE_MODEL_API_KEY"}
    assert not {"AWS_MAX_ATTEMPTS", "HTTPS_PROXY", *keys} & made.keys()
    assert made["PATH"] == "/usr/local/bin:/usr/bin/:/bin:/opt/bin"


def test_what_the_program_hands_over_gets_in() -> None:
    assert seen(handed=("PIECEWISE_LEASE",), PIECEWISE_LEASE="60")["PIECEWISE_LEASE"] == "5"


def test_a_function_that_may_read_the_models_key_gets_it() -> None:
    made = seen("PIECEWISE_MODEL_API_KEY_SECRET")
    assert (made["OPENAI_API_KEY"], made["PIECEWISE_MODEL_API_KEY"]) == ("key", "key")


def test_moto_and_its_credentials_are_where_lambda_has_aws() -> None:
    made = seen()
    assert (made["AWS_ENDPOINT_URL_SQS"], made["AWS_ACCESS_KEY_ID"]) == ("http://127.0.0.1:4000", "piecewise")


def test_every_room_is_told_where_database_queues_and_bucket_are() -> None:
    for spec in load_template().functions.values():
        made = environment(Declared(spec.name, spec.memory, spec.declared, spec.environment), STACK, ROOT)
        assert "PIECEWISE_DATABASE_URL" in made
        assert spec.name == "migrate" or {"PIECEWISE_BUCKET", "PIECEWISE_CHUNK_QUEUE"} <= made.keys()
