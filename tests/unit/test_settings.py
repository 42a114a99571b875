"""Settings: read once, and refused at start when one contradicts another, in one line that names it."""

from __future__ import annotations

from typing import Any

import pytest

from functions.core.errors import Misconfigured
from functions.core.settings import Settings

PLACES = {
    "database_url": "sqlite://", "bucket": "b", "plan_queue": "p", "chunk_queue": "c", "finalize_queue": "f",
}  # fmt: skip


def test_the_numbers_of_the_protocol_are_the_defaults() -> None:
    settings = Settings.load(**PLACES)
    assert (settings.call_timeout, settings.function_timeout, settings.queue_visibility) == (120, 300, 1_860)
    assert (settings.lease, settings.renew_every, settings.crash_limit) == (60, 20, 3)
    assert (settings.max_receive_count, settings.max_chunks, settings.plan_inline_chunks) == (5, 100_000, 20)
    assert (settings.max_park, settings.max_body_bytes, settings.auth) == (86_400, 4_000_000, "jwt")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"call_timeout": 290}, "PIECEWISE_CALL_TIMEOUT"),
        ({"call_timeout": 285, "call_margin": 15}, "PIECEWISE_FUNCTION_TIMEOUT"),
        ({"queue_visibility": 1_799}, "PIECEWISE_QUEUE_VISIBILITY"),
        ({"queue_visibility": 43_201}, "PIECEWISE_QUEUE_VISIBILITY"),
        ({"max_receive_count": 4}, "PIECEWISE_MAX_RECEIVE_COUNT"),
        ({"lease": 30}, "PIECEWISE_LEASE"),
        ({"auth": "maybe"}, "PIECEWISE_AUTH"),
        ({"bucket": None}, "PIECEWISE_BUCKET"),
        *(
            ({name: 0}, f"PIECEWISE_{name.upper()}")
            for name in (
                "crash_limit", "plan_block", "finalize_tries", "resend_limit", "database_pool", "threads", "hint_after",
                "finalize_after", "plan_lease", "lease", "call_timeout", "max_chunks", "reconciler_passes",
            )
        ),
        ({"call_timeout": float("nan")}, "PIECEWISE_CALL_TIMEOUT"),
        ({"max_park": float("inf")}, "PIECEWISE_MAX_PARK"),
        ({"backoff_base": -1}, "PIECEWISE_BACKOFF_BASE"),
    ],
)  # fmt: skip
def test_a_setting_that_is_wrong_or_contradicts_another_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Settings.load(**{**PLACES, **given})

    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PLACES:
        monkeypatch.delenv(f"PIECEWISE_{name.upper()}", raising=False)
    with pytest.raises(Misconfigured, match="PIECEWISE_DATABASE_URL is not set; PIECEWISE_BUCKET is not set"):
        Settings.load()


def test_the_environment_is_read_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLACES.items():
        monkeypatch.setenv(f"PIECEWISE_{name.upper()}", value)
    monkeypatch.setenv("PIECEWISE_ALLOWED_MODELS", '["local", "openai:*"]')
    monkeypatch.setenv("PIECEWISE_SIMULATE", '{"latency": "2"}')
    monkeypatch.setenv("PIECEWISE_SCRATCH_DIR", "/tmp")

    settings = Settings.load()

    assert settings.allowed_models == ("local", "openai:*")
    assert settings.simulate == {"latency": "2"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("local,bedrock:*", ("local", "bedrock:*")),
        (" local , openai:gpt-9,", ("local", "openai:gpt-9")),
        ('["local", "openai:*"]', ("local", "openai:*")),
        ("local", ("local",)),
    ],
)
def test_models_are_listed_with_commas_or_as_json(
    monkeypatch: pytest.MonkeyPatch, given: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PIECEWISE_ALLOWED_MODELS", given)

    assert Settings.load(**PLACES).allowed_models == names


def test_a_list_of_models_that_is_no_list_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIECEWISE_ALLOWED_MODELS", "[local]")

    with pytest.raises(Misconfigured, match="PIECEWISE_ALLOWED_MODELS is neither names separated by commas nor"):
        Settings.load(**PLACES)


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template's parameter that may be left out is an empty text."""
    monkeypatch.setenv("PIECEWISE_MODEL_API_KEY_SECRET", "")
    monkeypatch.setenv("PIECEWISE_BUCKET", "")

    assert Settings.load(**PLACES).model_api_key_secret is None
    with pytest.raises(Misconfigured, match="PIECEWISE_BUCKET is not set"):
        Settings.load(**{name: value for name, value in PLACES.items() if name != "bucket"})


@pytest.mark.parametrize(
    "given",
    [{"allowed_models": ("local", "simulated")}, {"default_model": "simulated"}, {"simulate": {"latency": "1"}}],
    ids=str,
)
def test_the_simulated_model_is_for_one_machine_only(given: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="never allowed on AWS"):
        Settings.load(**PLACES, **given)

    assert Settings.load(**PLACES, **given, scratch_dir="/tmp")


SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:piecewise/model-AbCdEf"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"model_api_key": "k-e-y", "model_api_key_secret": SECRET},
            "MODEL_API_KEY and PIECEWISE_MODEL_API_KEY_SECRET",
        ),
        ({"model_api_key_secret": "k-e-y"}, "MODEL_API_KEY_SECRET is not the ARN"),
        ({"model_api_key_secret": SECRET, "scratch_dir": "/tmp"}, "MODEL_API_KEY_SECRET is for AWS"),
    ],
)
def test_a_key_has_one_place_and_is_not_repeated(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as refused:
        Settings.load(**PLACES, **given)

    assert "k-e-y" not in str(refused.value)
