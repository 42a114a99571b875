"""What the provider `local` takes for a chunk."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from statistics import median

from functions.core.model import ModelCall
from functions.core.providers.local import LocalProvider
from local.bench.chunking import best_of
from local.bench.figures import Figure, Goal, times

_CHARS = 10_000
_WORD = re.compile(r"\w+")
_LIMIT_MS = 2.0  # "about a millisecond", and no more than two


def provider(book: str, *, say: Callable[[str], None]) -> list[Figure]:
    """Milliseconds for 10,000 characters (the median chunk), beside finding their words with one expression."""
    say("provider: the local analysis of the whole document")
    texts = [book[start : start + _CHARS] for start in range(0, max(1, len(book) - _CHARS + 1), _CHARS)]
    took = asyncio.run(_analyse(texts))
    beside = [best_of(lambda text=text: _WORD.findall(text)) for text in texts]  # type: ignore[misc]
    return [
        times(
            "provider.local",
            f"provider local, {len(texts[0]):,} characters",
            1000 * median(took),
            "ms",
            (1000 * median(beside), "re.findall of its words"),
            goal=Goal("value", _LIMIT_MS),
            more={"chunks": len(texts), "slowest_ms": round(1000 * max(took), 3)},
        )
    ]


async def _analyse(texts: list[str]) -> list[float]:
    """Seconds for each text, the fastest of three runs."""
    analyst = LocalProvider()
    took = [math.inf] * len(texts)
    for _ in range(3):
        for index, text in enumerate(texts):
            call = ModelCall("bench", index, 1, text, index * _CHARS, None)
            began = time.perf_counter()
            await analyst.analyse(call)
            took[index] = min(took[index], time.perf_counter() - began)
    return took
