"""From what a real model's client raises to a ProviderError: the code, and a message of our own."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelOverloadedError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
    UserError,
)

from functions.core.errors import ProviderError
from functions.core.outcomes import code_of_status
from functions.core.providers.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a provider's own code says more than the HTTP status it came with.
_CODE_OF_PROVIDER = {
    "content_filter": "refused_content",  # Azure OpenAI and servers like it: 400
    "content_policy_violation": "refused_content",  # OpenAI: 400
    "modelerrorexception": "server_error",  # Bedrock: 424, the model failed while it worked on the request
    "mpagreementbeingcreated": "unavailable",  # Bedrock: 403, the subscription is under way; try again later
}

# In this order: the first class that fits names the code.
_CODE_OF_CLASS: list[tuple[type[BaseException], str]] = [
    (ModelRequestTimeout, "timeout"),
    (ModelTimeoutError, "timeout"),
    (ModelRateLimitError, "rate_limited"),
    (ModelOverloadedError, "overloaded"),
    (ModelUnavailableError, "unavailable"),
    (ModelServerError, "server_error"),
    (ModelAPIError, "bad_response"),  # an answer that is not JSON, or lacks what it must have
    (UnexpectedModelBehavior, "bad_response"),
    (UserError, "invalid_request"),  # the client knows that this model cannot be asked so
    (NoCredentialsError, "bad_credentials"),
    (PartialCredentialsError, "bad_credentials"),
    (TokenRetrievalError, "bad_credentials"),
    (ResponseParserError, "bad_response"),
    (BotoCoreError, "invalid_request"),  # a setting or an address that botocore refuses
    (LookupError, "bad_response"),  # JSON of another shape, taken apart by the client
    (TypeError, "bad_response"),
    (ValueError, "bad_response"),
    (AttributeError, "bad_response"),
]

_MEANING = {
    "timeout": "gave no answer within {timeout:g} s",
    "connection_refused": "cannot be reached: nobody answers at its address",
    "connection_reset": "broke off the connection",
    "bad_response": "gave an answer that its API does not promise",
    "refused_content": "refused the content",
    "bad_credentials": "was asked without valid credentials",
    "rate_limited": "is rate limited",
    "overloaded": "is overloaded",
    "unavailable": "is unavailable",
    "server_error": "failed",
    "invalid_request": "cannot be asked this way",
    "provider_bug": "raised {kind}, which it never should",
}

# What a client itself says is for people in these alone; elsewhere it quotes the answer.
_SPOKEN = (BotoCoreError, UserError)


@contextmanager
def translated(model: str, *, timeout: float, secrets: tuple[str, ...], text: str) -> Iterator[None]:
    """Raise a ProviderError for whatever the block raises. Its message names `model`, never `text` or a secret."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:  # noqa: BLE001 - three SDKs raise what they like, and a provider raises ProviderError
        # `from None`: the original may quote the document, and a traceback is logged with its causes.
        raise _provider_error(error, model, timeout, secrets, text) from None


def _provider_error(error: Exception, model: str, timeout: float, secrets: tuple[str, ...], text: str) -> ProviderError:
    code = _code(error)
    meaning = _MEANING[code].format(timeout=timeout, kind=type(error).__name__)
    if isinstance(error, ModelHTTPError):
        meaning = f"answered {error.status_code}"
    words = scrub(_words(error), secrets=secrets, text=text)
    retry_after = error.retry_after if isinstance(error, ModelAPIError) else None
    return ProviderError(code, f"{model} {meaning}" + (f": {words}" if words else ""), retry_after=retry_after)


def _code(error: Exception) -> str:
    if isinstance(error, ModelHTTPError):
        return _CODE_OF_PROVIDER.get((error.provider_error_code or "").lower()) or code_of_status(error.status_code)
    if isinstance(error, ModelConnectionError) and not isinstance(error, ModelTimeoutError):
        return _code_of_connection(error)
    return next((code for kind, code in _CODE_OF_CLASS if isinstance(error, kind)), "provider_bug")


def _code_of_connection(error: ModelConnectionError) -> str:
    """Refused while no connection came about; a TLS failure is no outage that waiting would end."""
    if any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
        return "connection_refused"
    if error.phase == "connect" and not any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return "connection_refused"
    return "connection_reset"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        yield current
        current = current.__cause__ or current.__context__


def _words(error: Exception) -> str:
    """What the provider said, from the places where the three APIs put it; "" when nothing was said for people."""
    if isinstance(error, _SPOKEN):
        return str(error)
    body = error.body if isinstance(error, ModelHTTPError) else None
    if isinstance(body, dict):
        body = body.get("error") or body.get("Error") or body  # Anthropic's and botocore's envelopes
    if isinstance(body, dict):
        body = body.get("message") or body.get("Message")
    # A page of HTML is a proxy's, and no words.
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""
