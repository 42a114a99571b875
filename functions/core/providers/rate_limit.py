"""A token bucket: so many calls a second, counted for one process or for all that share a directory."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Bucket(Protocol):
    """Where the tokens are kept between calls."""

    @contextmanager
    def level(self) -> Iterator[list[float]]:
        """[tokens, when they were counted], for one caller at a time; what it puts into the list is kept."""
        ...


class ProcessBucket:
    """Tokens that the threads of one process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level: list[float] = []

    @contextmanager
    def level(self) -> Iterator[list[float]]:
        """[tokens, when they were counted]; empty before the first call."""
        with self._lock:
            yield self._level


class FileBucket:
    """Tokens that all processes of a machine share: one small file under an exclusive lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def level(self) -> Iterator[list[float]]:
        """[tokens, when they were counted]; empty before the first call.

        Each caller opens the file anew: `flock` belongs to the open file, so it keeps threads apart as well.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            level = _parse(os.pread(handle, 100, 0))
            yield level
            # A fixed width: a process killed in mid-write leaves no tail of an older, longer line.
            os.pwrite(handle, "".join(f"{number:<30.9f}" for number in level).encode(), 0)
        finally:
            os.close(handle)


def _parse(raw: bytes) -> list[float]:
    try:
        level = [float(word) for word in raw.split()]
    except ValueError:
        return []
    return level if len(level) == 2 else []


class RateLimit:
    """`rate` calls a second, and at most one second's worth (at least one call) at once."""

    def __init__(self, rate: float, bucket: Bucket) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._bucket = bucket

    def wait(self, now: float) -> float:
        """0 when a call may start at `now` (unix seconds), and it is counted; else the seconds until one may."""
        with self._bucket.level() as level:
            tokens, counted = level or (self._burst, now)
            tokens = min(self._burst, tokens + max(0.0, now - counted) * self._rate)
            allowed = tokens >= 1.0
            level[:] = [tokens - 1.0 if allowed else tokens, now]
        return 0.0 if allowed else (1.0 - tokens) / self._rate
