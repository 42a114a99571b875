from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.options import Options
from local.stack.environment import environment
from local.state_dir import StateDir
from local.templates.laptop import load_template


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    made = StateDir.open(tmp_path)
    yield made
    made.close()


def env(state: StateDir, options: Options | None = None, given: Mapping[str, str] | None = None) -> dict[str, str]:
    return environment(options or Options(), state, load_template(), given or {})


def test_every_process_knows_where_things_are(state: StateDir) -> None:
    made = env(state)
    assert made["PIECEWISE_DATABASE_URL"] == state.database_url
    assert made["PIECEWISE_AUTH"] == "none"
    assert {
        "PIECEWISE_BUCKET",
        "PIECEWISE_PLAN_QUEUE",
        "PIECEWISE_CHUNK_QUEUE",
        "PIECEWISE_FINALIZE_QUEUE",
    } <= made.keys()


def test_what_the_user_has_set_passes_through(state: StateDir) -> None:
    given = {"PIECEWISE_LEASE": "5", "PIECEWISE_ALLOWED_MODELS": '["local"]', "OPENAI_API_KEY": "k", "PATH": "/bin"}
    assert given.items() <= env(state, given=given).items()


def test_how_long_jobs_are_kept_and_how_many_is_the_users_own_choice(state: StateDir) -> None:
    given = {"PIECEWISE_RETENTION_DAYS": "7", "PIECEWISE_MAX_LIVE_JOBS": "3", "PIECEWISE_MAX_LIVE_CHUNKS": "90"}
    assert given.items() <= env(state, given=given).items()
    assert not given.keys() & env(state).keys()  # the settings' own defaults: kept for ever


@pytest.mark.parametrize("name", ["DATABASE_URL", "BUCKET", "CHUNK_QUEUE", "PLAN_QUEUE", "FINALIZE_QUEUE", "AUTH"])
def test_a_deployments_places_in_the_users_environment_are_never_touched(state: StateDir, name: str) -> None:
    assert env(state, given={f"PIECEWISE_{name}": "somewhere-real"})[f"PIECEWISE_{name}"] != "somewhere-real"


def test_a_database_that_is_elsewhere_is_where_it_is(state: StateDir) -> None:
    made = environment(Options(), state, load_template(), {}, "postgresql+psycopg://elsewhere/x")
    assert made["PIECEWISE_DATABASE_URL"] == "postgresql+psycopg://elsewhere/x"


def test_a_test_may_override_anything(state: StateDir) -> None:
    options = Options(env={"PIECEWISE_DATABASE_URL": "postgresql+psycopg://test"})
    assert env(state, options)["PIECEWISE_DATABASE_URL"] == "postgresql+psycopg://test"


def test_there_is_no_way_into_an_aws_account(state: StateDir) -> None:
    given = {"AWS_ACCESS_KEY_ID": "real", "AWS_SESSION_TOKEN": "real", "AWS_PROFILE": "real", "AWS_REGION": "eu-west-1"}
    made = env(state, given=given)
    assert "real" not in made.values()
    assert made["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert made["AWS_REGION"] == made["AWS_DEFAULT_REGION"] == "us-east-1"


def test_with_a_bedrock_model_the_users_account_stays(state: StateDir) -> None:
    given = {"AWS_PROFILE": "real", "AWS_DEFAULT_REGION": "eu-west-1"}
    made = env(state, Options(model="bedrock:any"), given)
    assert made["AWS_PROFILE"] == "real"
    assert made["AWS_REGION"] == made["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_SHARED_CREDENTIALS_FILE" not in made


def test_this_machine_is_reached_without_a_proxy(state: StateDir) -> None:
    made = env(state, given={"HTTPS_PROXY": "http://proxy", "NO_PROXY": "intern"})
    assert made["NO_PROXY"] == made["no_proxy"] == "intern,127.0.0.1,localhost"


def test_model_and_simulation_are_settings_of_the_functions(state: StateDir) -> None:
    made = env(state, Options(model="simulated", simulate={"latency": "2"}))
    assert made["PIECEWISE_DEFAULT_MODEL"] == "simulated"
    assert json.loads(made["PIECEWISE_SIMULATE"]) == {"latency": "2"}
