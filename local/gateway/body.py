"""Reading a request's body within API Gateway's limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.gateway.limits import MAX_BODY
from local.gateway.reply import TOO_LARGE, TOO_LARGE_UNREAD, ClientGone, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.gateway.asgi import Receive, Scope

# A client that has begun to send reads the answer only when it has sent everything: what is too large is read and
# dropped, up to here.
_DRAIN = 10 * MAX_BODY


async def read_body(scope: Scope, receive: Receive) -> list[bytes]:
    """The parts of the body, for the thread that works on it to join.

    Raises Refused when it is too large, ClientGone when the client went away in the middle.
    """
    if _announced(scope) > MAX_BODY and _waits(scope):
        raise Refused(TOO_LARGE_UNREAD)
    parts: list[bytes] = []
    size = 0
    async for part in _parts(receive):
        size += len(part)
        if size <= MAX_BODY:
            parts.append(part)
        elif size > _DRAIN:
            raise Refused(TOO_LARGE_UNREAD)
        else:
            parts.clear()
    if size > MAX_BODY:
        raise Refused(TOO_LARGE)
    return parts


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if message.get("body"):
            yield message["body"]
        more = message.get("more_body", False)


def _announced(scope: Scope) -> int:
    length = _header(scope, b"content-length")
    return int(length) if length.isdigit() else 0


def _waits(scope: Scope) -> bool:
    """Whether the client asks before it sends (curl does with bodies over 1 MB)."""
    return _header(scope, b"expect").lower() == b"100-continue"


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")
