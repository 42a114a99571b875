"""What follows from a failed model call: the one table of codes, and the arithmetic of waiting. Pure."""

from __future__ import annotations

from enum import StrEnum
from random import Random


class Outcome(StrEnum):
    """The three things a failed call can mean."""

    OUTAGE = "outage"  # the provider is busy or away: wait, no attempt used
    ERROR = "error"  # this call failed: an attempt is used, try again after a backoff
    PERMANENT = "permanent"  # no retry can mend it: the chunk fails now


OUTCOMES: dict[str, Outcome] = {
    "rate_limited": Outcome.OUTAGE,  # 429
    "unavailable": Outcome.OUTAGE,  # 503
    "overloaded": Outcome.OUTAGE,  # 529
    "connection_refused": Outcome.OUTAGE,  # nobody listens there now
    "server_error": Outcome.ERROR,  # 500, 502, 504 and every other 5xx
    "timeout": Outcome.ERROR,  # no answer within the call timeout
    "connection_reset": Outcome.ERROR,  # the answer broke off
    "bad_response": Outcome.ERROR,  # an answer that is not what the API promises
    "invalid_request": Outcome.PERMANENT,  # 400, 404, 413, 422 and every other 4xx
    "bad_credentials": Outcome.PERMANENT,  # 401, 403
    "refused_content": Outcome.PERMANENT,  # the model's own filter said no
    "provider_bug": Outcome.PERMANENT,  # the adapter raised what it never should
}

_CODE_OF_STATUS = {
    429: "rate_limited",
    503: "unavailable",
    529: "overloaded",
    401: "bad_credentials",
    403: "bad_credentials",
    408: "timeout",
}


def code_of_status(status: int) -> str:
    """The code for an HTTP status that a model's API answered with."""
    if status in _CODE_OF_STATUS:
        return _CODE_OF_STATUS[status]
    return "server_error" if status >= 500 else "invalid_request"


def full_jitter(attempt: int, *, base: float, cap: float, random: Random) -> float:
    """Seconds to wait after failed attempt number `attempt` (1, 2, …): uniform in 0 to min(cap, base · 2^(attempt-1)).

    The rule is AWS's "Exponential Backoff And Jitter" (Brooker, 2015), variant full jitter.
    """
    return random.uniform(0, min(cap, base * 2.0 ** min(attempt - 1, 30)))


def park_seconds(parked_for: float, retry_after: float | None, *, random: Random) -> int:
    """Whole seconds (1 to 900, SQS's longest delay) until a throttled chunk is tried again.

    Grows with how long the chunk has been parked already, so that an outage of hours costs few messages; never
    earlier than the provider asked for, with up to a quarter on top so that chunks do not come back as one crowd.
    """
    wish = max(1.0, retry_after or 0.0, min(300.0, parked_for / 4))
    return max(1, min(900, round(wish * random.uniform(1.0, 1.25))))
