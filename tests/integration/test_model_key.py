"""The models' key in Secrets Manager: read late, kept for a while, replaced while we run, and never shown."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.core.errors import ProviderError
from functions.core.model import ModelAnswer, ModelCall
from functions.core.outcomes import OUTCOMES, Outcome
from functions.core.providers.catalogue import Catalogue
from functions.core.secret import KEPT, ModelKey, make_secrets
from functions.core.settings import Settings
from functions.core.threads import inline, on_threads
from tests.fixtures.logs import LogLines
from tests.fixtures.model_server import Answer, ModelServer, Request

OLD, NEW = "old-horse-battery-staple", "new-horse-battery-staple"
CALL = ModelCall("job", 0, 1, "It was the best of times.", 0, None)
every_kind = pytest.mark.parametrize("model", ["openai:gpt-9", "anthropic:claude-x"])

pytest_plugins = ["tests.fixtures.stock_moto"]


class Guarded(ModelServer):
    """Takes one key and refuses every other, quoting it."""

    takes = OLD

    def take(self, request: Request) -> Answer:
        """401 for another key."""
        answer = super().take(request)
        return answer if self.takes in str(request.headers) else Answer(401, echo=True)

    def keys(self) -> list[str]:
        """Those that were tried, in order."""
        return [key for request in self.requests for key in (OLD, NEW) if key in str(request.headers)]


@pytest.fixture
def server() -> Iterator[Guarded]:
    with Guarded() as running:
        yield running


@dataclass
class Vault:
    """`SecretsClient` over one secret, or over what is raised instead."""

    text: str = OLD
    broken: Exception | None = None
    reads: int = 0
    now: float = 1_000_000.0
    opened: list[str] = field(default_factory=list)

    def get_secret_value(self, *, SecretId: str) -> dict[str, object]:  # noqa: N803
        """The current version."""
        self.reads += 1
        if self.broken:
            raise self.broken
        return {"SecretString": self.text}

    def key(self) -> ModelKey:
        """A key in it."""

        def opened() -> Vault:
            self.opened.append("client")
            return self

        return ModelKey(opened, inline, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s", clock=self.clock)

    def clock(self) -> float:
        """A clock that the test moves."""
        return self.now


def denied() -> ClientError:
    words = f"not authorized to perform secretsmanager:GetSecretValue for {OLD}"
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": words}}, "GetSecretValue")


def catalogue(server: ModelServer, model: str, key: ModelKey) -> Catalogue:
    url = f"{server.url}/v1" if model.startswith("openai") else server.url
    settings = Settings(
        database_url="x", bucket="b", plan_queue="p", chunk_queue="c", finalize_queue="f", model_base_url=url,
        allowed_models=("*",),
    )  # fmt: skip
    return Catalogue(settings, key=key)


def ask(models: Catalogue, model: str, calls: int = 1) -> list[ModelAnswer | BaseException]:
    """So many calls at once, in an invocation of their own."""

    async def invocation() -> list[ModelAnswer | BaseException]:
        provider = models.open(model)
        try:
            return await asyncio.gather(*(provider.analyse(CALL) for _ in range(calls)), return_exceptions=True)
        finally:
            await provider.aclose()

    return asyncio.run(invocation())


def failure(models: Catalogue, model: str) -> ProviderError:
    [error] = ask(models, model)
    assert isinstance(error, ProviderError)
    assert error.__suppress_context__ or error.__context__ is None
    return error


@every_kind
def test_the_key_is_read_when_a_model_is_first_asked_and_then_kept(server: Guarded, model: str) -> None:
    vault = Vault()
    models = catalogue(server, model, vault.key())
    assert (vault.opened, vault.reads) == ([], 0)

    for _ in range(3):
        assert ask(models, model, calls=4) == [ModelAnswer("the answer")] * 4

    assert (vault.opened, vault.reads) == (["client"], 1)
    assert server.keys() == [OLD] * 12


def test_a_key_that_was_read_long_ago_is_read_anew() -> None:
    vault = Vault()
    key = vault.key()
    assert asyncio.run(key.text()) == OLD
    vault.text, vault.now = NEW, vault.now + KEPT - 1
    assert asyncio.run(key.text()) == OLD

    vault.now += 2

    assert asyncio.run(key.text()) == NEW


@every_kind
def test_a_key_that_was_replaced_while_we_run_is_read_anew_and_no_call_fails(server: Guarded, model: str) -> None:
    vault = Vault()
    models = catalogue(server, model, vault.key())
    ask(models, model)
    vault.text = server.takes = NEW

    assert ask(models, model) == [ModelAnswer("the answer")]

    assert server.keys() == [OLD, OLD, NEW]
    assert ask(models, model) == [ModelAnswer("the answer")]
    assert server.keys()[3:] == [NEW]


def test_calls_under_way_together_all_get_the_new_key(server: Guarded) -> None:
    vault = Vault()
    models = catalogue(server, "openai:gpt-9", vault.key())
    ask(models, "openai:gpt-9")
    vault.text = server.takes = NEW

    assert ask(models, "openai:gpt-9", calls=8) == [ModelAnswer("the answer")] * 8

    assert vault.reads == 2


@every_kind
def test_a_key_that_the_provider_refuses_and_that_is_still_the_one_is_bad_credentials(
    server: Guarded, model: str, log_lines: LogLines
) -> None:
    server.takes = NEW

    error = failure(catalogue(server, model, Vault().key()), model)

    assert error.code == "bad_credentials"
    assert server.keys() == [OLD], "asked once: no other key is there"
    assert OLD not in f"{error}{log_lines()}"


@pytest.mark.parametrize(
    "broken",
    [denied(), EndpointConnectionError(endpoint_url="https://secretsmanager.eu-central-1.amazonaws.com"), None],
    ids=["no right", "nobody answers", "an empty secret"],
)
def test_a_secret_that_cannot_be_read_is_an_outage_which_shows_nothing(
    server: Guarded, log_lines: LogLines, broken: Exception | None
) -> None:
    error = failure(catalogue(server, "openai:gpt-9", Vault(text=" ", broken=broken).key()), "openai:gpt-9")

    assert OUTCOMES[error.code] is Outcome.OUTAGE
    assert "arn:" not in error.message
    assert "123456789012" not in error.message
    assert server.requests == []
    [line] = log_lines()
    assert line["level"] == "ERROR"
    assert OLD not in f"{error}{line}"


def test_a_batch_that_cannot_read_the_secret_asks_for_it_once(server: Guarded) -> None:
    vault = Vault(broken=denied())
    models = catalogue(server, "openai:gpt-9", vault.key())

    ask(models, "openai:gpt-9", calls=8)
    assert vault.reads == 1

    vault.broken, vault.now = None, vault.now + 11
    assert ask(models, "openai:gpt-9") == [ModelAnswer("the answer")]


def test_while_the_secret_cannot_be_read_the_old_key_is_used_on(server: Guarded) -> None:
    vault = Vault()
    models = catalogue(server, "openai:gpt-9", vault.key())
    ask(models, "openai:gpt-9")
    vault.broken, vault.now = denied(), vault.now + KEPT + 1

    assert ask(models, "openai:gpt-9") == [ModelAnswer("the answer")]


def test_a_key_that_is_refused_and_cannot_be_read_anew_waits(server: Guarded) -> None:
    vault = Vault()
    models = catalogue(server, "openai:gpt-9", vault.key())
    ask(models, "openai:gpt-9")
    vault.broken, server.takes = denied(), NEW

    assert OUTCOMES[failure(models, "openai:gpt-9").code] is Outcome.OUTAGE


@pytest.fixture
def secrets(aws_session: boto3.Session, stock_endpoint: str) -> Any:
    """Secrets Manager as moto has it."""
    return aws_session.client("secretsmanager", endpoint_url=stock_endpoint, region_name="eu-central-1")


@pytest.fixture
def real_key(aws_session: boto3.Session, stock_endpoint: str) -> Callable[[str], ModelKey]:
    """The key as wiring makes it."""

    def key(arn: str) -> ModelKey:
        client = lambda: make_secrets(aws_session, arn, endpoint_url=stock_endpoint)  # noqa: E731
        return ModelKey(client, on_threads(2, "key"), arn)

    return key


def test_secrets_manager_itself_gives_the_key_and_the_rotated_one(
    server: Guarded, secrets: Any, real_key: Callable[[str], ModelKey]
) -> None:
    arn = secrets.create_secret(Name=f"model-{uuid.uuid4().hex}", SecretString=f"{OLD}\n")["ARN"]
    models = catalogue(server, "openai:gpt-9", real_key(arn))
    assert ask(models, "openai:gpt-9", calls=2) == [ModelAnswer("the answer")] * 2

    secrets.put_secret_value(SecretId=arn, SecretString=NEW)
    server.takes = NEW

    assert ask(models, "openai:gpt-9") == [ModelAnswer("the answer")]


def test_secrets_manager_without_the_secret_is_an_outage(server: Guarded, real_key: Callable[[str], ModelKey]) -> None:
    key = real_key("arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere-AbCdEf")

    error = failure(catalogue(server, "openai:gpt-9", key), "openai:gpt-9")

    assert OUTCOMES[error.code] is Outcome.OUTAGE
    assert "ResourceNotFoundException" in error.message
