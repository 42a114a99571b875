"""What API Gateway's HTTP APIs and Lambda allow.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html and
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import base64
import json
from typing import Any

MAX_BODY = 10 * 1024 * 1024  # bytes of a request's body
MAX_HEAD = 10_240  # bytes of the request line and all header values
MAX_EVENT = 6 * 1024 * 1024  # bytes of the event as JSON ("must be smaller than 6291456 bytes")
MAX_ANSWER = 6 * 1024 * 1024 + 100  # bytes of the answer as JSON ("maximum allowed payload size (6291556 bytes)")
INTEGRATION_SECONDS = 30.0

# JSON writes a byte as six at most (\u0001), and what stands around the body comes from at most MAX_HEAD bytes,
# each of them up to four times: below this nothing needs to be counted.
_SURELY_FITS = 1_000_000
_ESCAPED = b'"\\' + bytes(range(0x20))
_ESCAPED_AS_SIX = bytes(set(range(0x20)) - set(b"\b\t\n\f\r"))  # the others become two


def escapes_within(text: bytes, room: int) -> bool:
    """Whether UTF-8 `text` inside a JSON string takes less than `room` bytes.

    Decided by one pass at the speed of C, but where there are so many escapes that their kinds matter.
    """
    if len(text) >= room:
        return False
    escapes = _count(text, _ESCAPED)
    if len(text) + 5 * escapes < room:
        return True
    return len(text) + escapes + 4 * _count(text, _ESCAPED_AS_SIX) < room


def base64_length(size: int) -> int:
    """Characters of `size` bytes in base 64."""
    return 4 * ((size + 2) // 3)


def fits(around: dict[str, Any], body: bytes, *, is_base64: bool, limit: int) -> bool:
    """Whether a payload of `around` (everything but the body) and the body is under `limit` bytes of JSON."""
    if len(body) <= _SURELY_FITS:
        return True
    room = limit - len(json.dumps({**around, "body": ""}, ensure_ascii=False).encode())
    if is_base64:
        return base64_length(len(body)) < room
    return escapes_within(body, room)


def to_base64(data: bytes) -> str:
    """`data` as the text that stands in an event."""
    return base64.b64encode(data).decode("ascii")


def _count(text: bytes, characters: bytes) -> int:
    """How many bytes of `text` are among `characters`."""
    return len(text) - len(text.translate(None, characters))
