"""What can go wrong between a client and its server.

::

    ClientError
    ├── ServerNotReached    nobody answers there, or the answer broke off
    ├── Refused             an answer that is not 2xx: a problem detail, AWS's own words, or a foreign server's page
    └── SourceChanged       a file that was written to while it was being read
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PASSING = frozenset({429, 502, 503, 504})  # worth another look later


class ClientError(Exception):
    """The root; its text is one line for people."""

    retry_after: float | None = None
    passing = False


class ServerNotReached(ClientError):
    """No answer: refused, timed out, or broken off. `passing` is False where nobody has ever answered."""

    def __init__(self, message: str, *, passing: bool = True) -> None:
        self.passing = passing
        super().__init__(message)


class Refused(ClientError):
    """An answer that says no. `problem` has the fields of RFC 9457 as far as the server gave them."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.retry_after = retry_after
        self.passing = status in _PASSING
        super().__init__(_in_words(status, problem))


class SourceChanged(ClientError):
    """The bytes that were announced are not there any more."""


def _in_words(status: int, problem: Mapping[str, Any]) -> str:
    """One line: the detail and the fields to blame, or AWS's `message`, or the bare status."""
    said = problem.get("detail") or problem.get("title") or problem.get("message")
    if not said:
        return f"the server answered {status} without saying why"
    listed = problem.get("errors")
    fields = [
        f"{item.get('field')}: {item.get('message')}"
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and str(item.get("message")) not in str(said)
    ]
    return f"{said} ({status})" + (f" [{'; '.join(fields)}]" if fields else "")
