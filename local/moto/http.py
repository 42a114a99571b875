"""One HTTP request and its answer, as ASGI carries them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from local.moto.held import BLOCK, Held

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGoneError(Exception):
    """The caller hung up: nobody reads an answer, so nothing may be handed out."""


class IdleError(Exception):
    """The caller began a body and does not go on with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is percent-decoded, `raw_path` as it came; header names are lower case, of doubles the last counts.

    `body` is empty until somebody has read it.
    """

    method: str
    path: str
    raw_path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """What goes back; the front adds nothing but a date."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Body:
    """A request's `Receive` that knows whether somebody has begun to read: a client may wait for that to send it.

    It waits for each block, and for the first, no longer than `patience` seconds.
    """

    def __init__(self, receive: Receive, patience: float) -> None:
        self.begun = False
        self._receive = receive
        self._patience = patience

    async def __call__(self) -> MutableMapping[str, Any]:
        """As ASGI's. Raises IdleError."""
        self.begun = True
        try:
            async with asyncio.timeout(self._patience):
                return await self._receive()
        except TimeoutError:
            raise IdleError from None


def read_head(scope: Scope) -> Request:
    """The request without its body."""
    return Request(
        method=scope["method"],
        path=scope["path"],
        raw_path=scope["raw_path"].decode("ascii"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )


async def blocks(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes, little by little. Raises ClientGoneError when it ends early."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def read_body(receive: Receive) -> bytes:
    """The whole body in memory. Raises ClientGoneError when it ends early."""
    return b"".join([block async for block in blocks(receive)])


async def send_reply(reply: Reply, receive: Receive, send: Send) -> None:
    """Answer the request. Raises OSError when an object's file goes away meanwhile."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    small = reply.body
    if isinstance(small, Held) and len(small) <= BLOCK:
        small = small.load()
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if isinstance(small, Held):
        await _send_blocks(small, receive, send)
    else:
        await send({"type": "http.response.body", "body": small})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_blocks(held: Held, receive: Receive, send: Send) -> None:
    """As fast as the caller takes them, and no longer than the caller is there."""
    gone = asyncio.ensure_future(_hung_up(receive))
    remaining = held.blocks()
    while not gone.done() and (block := await asyncio.to_thread(next, remaining, b"")):
        await send({"type": "http.response.body", "body": block, "more_body": True})
    if gone.done():
        return
    gone.cancel()
    await send({"type": "http.response.body"})
