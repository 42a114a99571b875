"""The api function: an API Gateway HTTP API event (payload format 2.0) in, its answer out."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from functions.api.app import create_app
from functions.api.edge import Edge
from functions.api.fitting import fitted
from functions.api.problems import misconfigured, refusal
from functions.core.errors import Misconfigured, Rejected
from functions.core.logs import invocation, logger
from functions.core.settings import PREFIX
from functions.core.wiring import parts

if TYPE_CHECKING:
    from mangum.types import ASGI, LambdaContext

# Every other body leaves as base64.
_TEXT_TYPES = ["text/", "application/json", "application/problem+json", "application/x-ndjson"]


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return respond(_app(), event, context)


def respond(app: ASGI, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The app's answer to an event, on an event loop of its own, whatever thread this is."""
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        answer = Mangum(app, lifespan="off", text_mime_types=_TEXT_TYPES)(event, context)
    return fitted(answer)


def _app() -> ASGI:
    """The app; while the configuration is wrong, one that says so and tries again at the next event."""
    try:
        return _configured_app()
    except Misconfigured as error:
        logger.error(str(error))
        return Edge(refusal(misconfigured()))


@cache
def _configured_app() -> ASGI:
    made = parts()
    try:
        made.providers.check(made.settings.default_model)
    except Rejected as error:  # or it would be refused to a caller who has named none
        raise Misconfigured(f"{PREFIX}DEFAULT_MODEL, {PREFIX}ALLOWED_MODELS: {error.errors[0]['message']}") from None
    return create_app(made)
