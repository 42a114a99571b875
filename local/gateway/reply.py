"""What goes back to the client, and API Gateway's own words where it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.gateway.asgi import Scope, Send

_NO_LENGTH = frozenset({204, 304})


@dataclass(frozen=True)
class Reply:
    """Status, headers (names in lower case, no `content-length` but a HEAD's own) and body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    async def send(self, scope: Scope, send: Send, request_id: str) -> None:
        """Write the response; its length is ours to say."""
        headers = [*self.headers, (b"apigw-requestid", request_id.encode())]
        if self._length_is_missing(scope):
            headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if self.status in _NO_LENGTH else self.body
        await send({"type": "http.response.body", "body": body})

    def _length_is_missing(self, scope: Scope) -> bool:
        if self.status in _NO_LENGTH:
            return False
        return scope["method"] != "HEAD" or all(name != b"content-length" for name, _ in self.headers)


def refusal(status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
    """An answer of API Gateway itself."""
    body = f'{{"message":"{message}"}}'.encode()
    return Reply(status, ((b"content-type", b"application/json"), *headers), body)


TOO_LARGE = refusal(413, "Request Entity Too Large")
TOO_LARGE_UNREAD = refusal(413, "Request Entity Too Large", (b"connection", b"close"))
HEAD_TOO_LARGE = refusal(431, "Request Header Fields Too Large", (b"connection", b"close"))
SERVER_ERROR = refusal(500, "Internal Server Error")
UNAVAILABLE = refusal(503, "Service Unavailable")


class Refused(Exception):
    """The request ends here, with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class ClientGone(Exception):
    """Nobody is there to answer to."""
