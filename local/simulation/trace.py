"""What happened, line by line; the same seed gives the same lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_LONGEST = 240  # characters of a detail


class Trace:
    """The history of one seed. `clock`: its virtual seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events: list[tuple[float, str, str, object]] = []

    def note(self, who: str, what: str, detail: object = "") -> None:
        """One event; `detail` must not change any more."""
        self._events.append((self._clock(), who, what, detail))

    def lines(self) -> list[str]:
        """The events as text."""
        return [f"{at:10.3f}  {who:<18} {what}  {_brief(detail)}".rstrip() for at, who, what, detail in self._events]

    def digest(self) -> str:
        """A fingerprint of the whole history."""
        whole = "\n".join(f"{at!r} {who} {what} {_whole(detail)}" for at, who, what, detail in self._events)
        return hashlib.sha256(whole.encode()).hexdigest()


def _brief(detail: object) -> str:
    words = _whole(detail)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _whole(detail: object) -> str:
    return str(sorted(detail) if isinstance(detail, frozenset) else detail)
