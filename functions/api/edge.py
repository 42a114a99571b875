"""The outermost layer of the app: request ids, HEAD, the stage in the path, and the last resort for a bug."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.problems import internal_error, problem
from functions.core.logs import bug, logger, name_request

REQUEST_ID = "x-request-id"
_HEAD = "piecewise.head"


class Edge:
    """ASGI middleware. Adds `x-request-id` (Lambda's request id) to every answer, and to every line that the request
    logs; runs a HEAD as a GET whose body stays here; a bug becomes a 500 problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = getattr(scope.get("aws.context"), "aws_request_id", None) or str(uuid4())
        name_request(request_id)  # in this task's context, which ends with it
        await self._serve(scope, receive, _with_id(request_id, send))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["method"]
        scope["root_path"] = scope.get("root_path") or stage_prefix(scope)
        if asked == "HEAD":
            scope["method"], scope[_HEAD], send = "GET", True, _without_body(send)
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            logger.error("a request met a bug", extra={"method": asked, **bug(error)})
            if started:
                raise
            await problem(scope, internal_error())(scope, receive, send)


def _with_id(request_id: str, send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[REQUEST_ID] = request_id
        await send(message)

    return sent


def _without_body(send: Send) -> Send:
    """Everything about the body, its length too, but not the body (RFC 9110, 9.3.2)."""

    async def sent(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent


def stage_prefix(scope: Mapping[str, Any]) -> str:
    """`/STAGE` where the path of the event begins with it: an HTTP API puts a named stage there, `$default` not."""
    prefix = f"/{_gateway(scope).get('stage', '$default')}"
    path = str(scope["path"])
    return prefix if path == prefix or path.startswith(f"{prefix}/") else ""


def is_head(scope: Mapping[str, Any]) -> bool:
    """Whether a GET was asked as HEAD."""
    return bool(scope.get(_HEAD))


def link(scope: Mapping[str, Any], path: str) -> str:
    """A path of ours as the client must write it.

    A named stage is part of the client's path on the API's own domain only: on a custom domain the mapping chooses the
    stage, though the event's path still begins with it.
    """
    domain = str(_gateway(scope).get("domainName") or "")
    own = not domain or ".execute-api." in domain
    return str(scope.get("root_path", "")) + path if own else path


def _gateway(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    context = scope.get("aws.event", {}).get("requestContext", {})
    return context if isinstance(context, Mapping) else {}
