"""Which models a deployment allows, and what a refusal says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.core.errors import Misconfigured, ProviderError, Rejected
from functions.core.providers.catalogue import Catalogue
from functions.core.providers.local import LocalProvider
from functions.core.providers.simulated import SimulatedProvider
from functions.core.settings import Settings


def catalogue(*allowed: str, **settings: Any) -> Catalogue:
    return Catalogue(
        Settings(
            database_url="sqlite://", bucket="b", plan_queue="p", chunk_queue="c", finalize_queue="f",
            allowed_models=allowed, **settings,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [
        "local", "openai:gpt-9", "anthropic:claude-x", "openai:org/model@v1:free",
        "bedrock:us.anthropic.claude-x-v1:0",
    ],
)  # fmt: skip
def test_an_allowed_model_of_a_known_kind_passes(model: str) -> None:
    catalogue(model).check(model)
    catalogue("local", "*").check(model)


def test_a_prefix_allows_what_begins_with_it() -> None:
    models = catalogue("local", "openai:gpt-9*")
    models.check("openai:gpt-9-mini")
    with pytest.raises(Rejected):
        models.check("openai:gpt-8")


@pytest.mark.parametrize("model", ["simulated", "openai:gpt-9", "LOCAL", "local ", "", "locale", "*"])
def test_what_is_not_allowed_is_refused_with_what_is_and_what_to_do(model: str) -> None:
    with pytest.raises(Rejected) as refused:
        catalogue("local", "anthropic:*").check(model)
    assert (refused.value.status, refused.value.slug) == (422, "unknown-model")
    assert "local, anthropic:*" in refused.value.detail
    assert "PIECEWISE_ALLOWED_MODELS" in refused.value.detail
    assert refused.value.errors[0]["field"] == "model"


def test_the_default_is_offered_unless_it_is_what_was_refused() -> None:
    models = catalogue("local", "openai:*", default_model="openai:gpt-9")
    with pytest.raises(Rejected) as refused:
        models.check("oracle")
    assert "Name one of these as `model`, or leave it out for openai:gpt-9; " in refused.value.detail
    with pytest.raises(Rejected) as refused:
        catalogue("local", default_model="oracle").check("oracle")
    assert "Name one of these as `model`; " in refused.value.detail


@pytest.mark.parametrize(
    "model", ["gpt-9", "openai:", "openai", "google:gemini", "openai:a b", "openai:a\n", "bedrock:é", "local:x"]
)
def test_an_allowed_name_of_no_known_kind_is_refused_and_cannot_be_opened(model: str) -> None:
    with pytest.raises(Rejected) as refused:
        catalogue("*").check(model)
    assert "openai:, anthropic: or bedrock:" in refused.value.detail
    with pytest.raises(ProviderError) as failed:
        catalogue("*").open(model)
    assert failed.value.code == "invalid_request"


def test_a_refusal_does_not_repeat_a_long_name() -> None:
    with pytest.raises(Rejected) as refused:
        catalogue("local").check("x" * 100_000)
    assert len(refused.value.detail) < 500


def test_models_that_need_nothing_open() -> None:
    models = catalogue("*", scratch_dir="/nowhere")
    models.check("simulated")
    assert isinstance(models.open("local"), LocalProvider)
    assert isinstance(models.open("simulated"), SimulatedProvider)


def test_the_simulated_model_is_none_on_aws_whatever_is_allowed() -> None:
    """Where there is no `scratch_dir`. That it is not allowed by name the settings see to."""
    with pytest.raises(Rejected):
        catalogue("*").check("simulated")
    with pytest.raises(ProviderError, match="there is no model"):
        catalogue("*").open("simulated")


def test_a_simulated_rate_limit_outlives_the_provider_of_one_invocation() -> None:
    models = catalogue("simulated", simulate={"rate_limit": "1"}, scratch_dir="/nowhere")
    assert models.open("simulated") is models.open("simulated")


def test_bad_simulate_options_are_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="error_rate"):
        catalogue("local", simulate={"error_rate": "2"}, scratch_dir="/nowhere")


def test_no_sdk_is_imported_before_a_real_model_is_opened() -> None:
    code = (
        "import sys; from functions.core.providers import catalogue, local, simulated;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pydantic_ai', 'openai', 'anthropic', 'boto3'}))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
