"""The SDK clients behind real models: one connection pool each, no retries of their own, nothing read but their keys.

Imported only when a real model is opened; each SDK only when its kind is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from functions.core.errors import ProviderError
from functions.core.settings import PREFIX, Settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from botocore.loaders import Loader
    from pydantic_ai.models import Model

_NO_KEY = "unused"  # what a server of one's own gets when it was given no key to ask for


@dataclass(frozen=True, slots=True)
class Client:
    """A model ready to be asked; `secrets` are the keys that no message may show."""

    model: Model
    close: Callable[[], Awaitable[None]]
    secrets: tuple[str, ...]


def open_client(kind: str, name: str, settings: Settings, api_key: str | None) -> Client:
    """The client for `kind` (openai, anthropic, bedrock); without `api_key` the SDK looks for its own.

    Raises ProviderError bad_credentials when there is none.
    """
    return _OPEN[kind](name, settings, api_key)


@cache
def _tls() -> ssl.SSLContext:
    """The TLS settings of every client: 70 ms to make, 1 ms to share, and bound to no event loop."""
    from httpx2 import create_ssl_context

    return create_ssl_context()


def _open_openai(name: str, settings: Settings, api_key: str | None) -> Client:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    def connect(key: str | None) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key=key,
            base_url=settings.model_base_url,
            timeout=settings.call_timeout,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(verify=_tls()),
        )

    try:
        sdk = connect(api_key)
    except OpenAIError:  # neither given nor in its environment
        if settings.model_base_url is None:
            raise _no_key(f"openai:{name}", "OPENAI_API_KEY") from None
        sdk = connect(_NO_KEY)
    return Client(OpenAIChatModel(name, provider=OpenAIProvider(openai_client=sdk)), sdk.close, _secrets(sdk.api_key))


def _open_anthropic(name: str, settings: Settings, api_key: str | None) -> Client:
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(
        api_key=api_key,
        base_url=settings.model_base_url,
        timeout=settings.call_timeout,
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(verify=_tls()),
    )
    if sdk.api_key is None and sdk.auth_token is None and sdk.credentials is None:
        if settings.model_base_url is None:
            raise _no_key(f"anthropic:{name}", "ANTHROPIC_API_KEY")
        sdk.api_key = _NO_KEY
    model = AnthropicModel(name, provider=AnthropicProvider(anthropic_client=sdk))
    return Client(model, sdk.close, _secrets(sdk.api_key, sdk.auth_token))


@cache
def _descriptions() -> Loader:
    """botocore's descriptions of AWS's APIs: 100 ms to read, so they are read once."""
    from botocore.loaders import create_loader

    return create_loader()


def _open_bedrock(name: str, settings: Settings, api_key: str | None) -> Client:
    from botocore.config import Config
    from botocore.exceptions import NoRegionError
    from botocore.session import Session
    from botocore.tokens import FrozenAuthToken
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider

    key, url = api_key, settings.model_base_url

    class KeySession(Session):
        """Hands out the configured Bedrock API key, which botocore itself takes from the environment only."""

        def get_auth_token(self, **_: object) -> FrozenAuthToken:
            return FrozenAuthToken(key or "")

    session = KeySession() if key else Session()
    session.register_component("data_loader", _descriptions())
    config = Config(
        connect_timeout=settings.call_timeout,
        read_timeout=settings.call_timeout,
        retries={"total_max_attempts": 1},
        signature_version="bearer" if key else None,
        # On a laptop AWS_ENDPOINT_URL is our own SQS and S3, which answer for no model.
        ignore_configured_endpoint_urls=url is None,  # type: ignore[call-arg]  # the stubs lack it
    )
    # A server of one's own is in no region; signing wants a name all the same.
    region = session.get_config_variable("region") or ("us-east-1" if url else None)
    try:
        sdk = session.create_client("bedrock-runtime", region_name=region, endpoint_url=url, config=config)
    except NoRegionError:
        message = f"bedrock:{name} needs a region: set AWS_DEFAULT_REGION, or {PREFIX}MODEL_BASE_URL"
        raise ProviderError("bad_credentials", message) from None

    async def close() -> None:
        sdk.close()

    return Client(BedrockConverseModel(name, provider=BedrockProvider(bedrock_client=sdk)), close, _secrets(key))


def _no_key(model: str, variable: str) -> ProviderError:
    return ProviderError(
        "bad_credentials",
        f"{model} needs a key: set {PREFIX}MODEL_API_KEY or {variable}, or {PREFIX}MODEL_BASE_URL for a server that "
        "asks for none",
    )


def _secrets(*keys: str | None) -> tuple[str, ...]:
    return tuple(key for key in keys if key and key != _NO_KEY)


_OPEN: dict[str, Callable[[str, Settings, str | None], Client]] = {
    "openai": _open_openai,
    "anthropic": _open_anthropic,
    "bedrock": _open_bedrock,
}
