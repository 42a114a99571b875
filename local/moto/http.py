"""One HTTP request and its answer, as ASGI carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGoneError(Exception):
    """The caller hung up: nobody reads an answer, so nothing may be handed out."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is percent-decoded, `raw_path` as it came; header names are lower case, of doubles the last counts."""

    method: str
    path: str
    raw_path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What goes back; the front adds nothing but a date."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The whole request in memory. Raises ClientGoneError when it ends before its body does."""
    blocks = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        blocks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["path"],
        raw_path=scope["raw_path"].decode("ascii"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=blocks[0] if len(blocks) == 1 else b"".join(blocks),
    )


async def send_reply(reply: Reply, send: Send) -> None:
    """Answer the request."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
