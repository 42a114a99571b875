"""How long cutting takes: ordinary text, and text that is quadratic for others."""

from __future__ import annotations

import time
from collections.abc import Callable

from functions.core.chunking import split
from local.bench.figures import Figure, Goal, times
from local.bench.texts import kinds

_SIZE = 10_000_000
_CHUNK = 4000
_LIMIT = 0.2


def chunking(book: str, *, say: Callable[[str], None], size: int = _SIZE) -> list[Figure]:
    """Seconds for `size` bytes of each kind, beside one pass of `str.encode` over the same text."""
    say(f"chunking: {size / 1e6:g} MB of each kind of text")
    return [_figure(kind, text, size) for kind, text in kinds(book, size).items()]


def _figure(kind: str, text: str, size: int) -> Figure:
    seconds = best_of(lambda: split(text, _CHUNK))
    beside = best_of(text.encode)
    return times(
        f"chunking.{kind.replace(' ', '_')}",
        f"cutting {size / 1e6:g} MB: {kind}",
        seconds,
        "s",
        (beside, "encoding it"),
        goal=Goal("value", _LIMIT),
        more={"chunks": len(split(text, _CHUNK))},
    )


def best_of(call: Callable[[], object], runs: int = 3) -> float:
    """Seconds of the fastest run: what the machine's other work adds is left out."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took)
