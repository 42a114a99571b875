"""The HTTP front: a request becomes an event for one function, its answer a response."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from typing import TYPE_CHECKING

from local.daemon_pool import DaemonPool
from local.gateway.answer import Malformed, to_reply
from local.gateway.body import read_body
from local.gateway.cors import dressed, preflight
from local.gateway.limits import INTEGRATION_SECONDS, MAX_HEAD
from local.gateway.reply import HEAD_TOO_LARGE, SERVER_ERROR, UNAVAILABLE, ClientGone, Refused
from local.gateway.request import build_event
from local.invoke import InvocationFailed

if TYPE_CHECKING:
    from local.gateway.asgi import Receive, Scope, Send
    from local.gateway.reply import Reply
    from local.invoke import Invocable
    from local.templates.deployment import CorsSpec

logger = logging.getLogger(__name__)


class Gateway:
    """An ASGI app that is API Gateway's HTTP API with one route, `$default`, to one function.

    `timeout` is the integration's, in seconds; `threads` is how many invocations may run at once (more wait). Without
    `cors` the function's own headers go out as they are, and OPTIONS is a request like any other.
    """

    def __init__(
        self,
        function: Invocable,
        *,
        timeout: float = INTEGRATION_SECONDS,
        threads: int = 32,
        cors: CorsSpec | None = None,
    ) -> None:
        self._function = function
        self._timeout = timeout
        self._cors = cors
        self._pool = DaemonPool(threads, f"invoke-{function.name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request_id = base64.urlsafe_b64encode(os.urandom(12)).decode("ascii")
        try:
            reply = await self._reply(scope, receive, request_id)
        except Refused as refused:
            reply = refused.reply
        except ClientGone:
            return
        except asyncio.CancelledError:
            # The server is past its grace: the client learns that, the handler's answer is dropped.
            reply = UNAVAILABLE
        await reply.send(scope, send, request_id)

    def close(self) -> None:
        """Let the threads go; one whose handler still runs ends with it, or with the process."""
        self._pool.close()

    async def _reply(self, scope: Scope, receive: Receive, request_id: str) -> Reply:
        if _head_size(scope) > MAX_HEAD:
            raise Refused(HEAD_TOO_LARGE)
        if self._cors and (answered := preflight(self._cors, scope)):
            return answered
        parts = await read_body(scope, receive)
        work = asyncio.wrap_future(self._pool.submit(lambda: self._invoke(scope, parts, request_id)))
        # A function's own timeout is a failure of the function; the integration's is API Gateway's patience.
        try:
            ended, _ = await asyncio.wait({work}, timeout=min(self._timeout, self._function.timeout))
        finally:
            work.cancel()  # takes back what still waits for a thread; nothing, when it has ended
        if ended:
            return work.result()
        return UNAVAILABLE if self._timeout <= self._function.timeout else SERVER_ERROR

    def _invoke(self, scope: Scope, parts: list[bytes], request_id: str) -> Reply:
        """Runs on a thread, with all that is heavy: joining, decoding, counting, the handler.

        Empties `parts`: while the handler works the body exists once, in the event.
        """
        body = b"".join(parts)
        parts.clear()
        try:
            event = build_event(scope, body, request_id)
            del body
            reply = to_reply(self._function.invoke(event), is_head=scope["method"] == "HEAD")
            return dressed(self._cors, scope, reply) if self._cors else reply
        except Refused as refused:
            return refused.reply
        except InvocationFailed:
            return SERVER_ERROR
        except Malformed as error:
            logger.error("[ERROR] %s: %s (%s)", type(error).__name__, error, self._function.name)
            return SERVER_ERROR


def _head_size(scope: Scope) -> int:
    """Bytes of the request line and the header values, as the quota counts them."""
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(value) for _, value in scope["headers"])
