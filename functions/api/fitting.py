"""The function's answer as Lambda takes it: at most 6 MB of JSON, in which the body is a string. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: "6 MB each for request and response" (6,291,556
bytes). Quotes and control characters of a text body take two to six bytes there, in base 64 any byte takes 4/3.
"""

from __future__ import annotations

import base64
import json
from typing import Any

MOST_BYTES = 4_600_000
"""A body of so many bytes fits whatever it is made of; no answer may have more."""
_MOST = 6_200_000  # bytes of the body inside the answer; the headers need the rest
_BODILESS = (204, 304, 307)
_TYPE = "content-type"
_SURELY_FITS = 1_000_000  # characters: each takes at most 6 bytes


def fitted(answer: dict[str, Any]) -> dict[str, Any]:
    """The same answer, its body in base 64 where escapes would make it too large.

    An answer that has no body by its status says no type of one:
    Mangum adds one to all, and a cache would take that of a 304 for the type of what it has (RFC 9111, 3.2).
    """
    body = answer["body"]
    if answer["statusCode"] in _BODILESS:
        return {**answer, "headers": {name: answer["headers"][name] for name in answer["headers"] if name != _TYPE}}
    if answer["isBase64Encoded"] or len(body) <= _SURELY_FITS:
        return answer
    if len(json.dumps(body, ensure_ascii=False).encode()) <= _MOST:
        return answer
    return {**answer, "body": base64.b64encode(body.encode()).decode(), "isBase64Encoded": True}
