"""What is uploaded: a file, cut into parts that are read only as they are sent."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from local.client.errors import SourceChanged

PART = 8 * 1024 * 1024  # 5 GiB, the most that S3 takes in one piece, are 640 of them; our service takes 1,000
LARGEST = 5 * 1024**3
_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the file; `number` counts from 1, `sha256` is in hex."""

    number: int
    start: int
    size: int
    sha256: str


class Source:
    """An open file as it was when it was opened. Every method may raise SourceChanged or OSError."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        self._stamp = self._now()
        self.size = os.fstat(self._descriptor).st_size
        self.parts = tuple(self._part(start) for start in range(0, max(self.size, 1), PART))
        self.check()

    def blocks(self, part: Part) -> Iterator[bytes]:
        """The part's bytes, a block at a time."""
        at, end = part.start, part.start + part.size
        while at < end:
            block = os.pread(self._descriptor, min(_BLOCK, end - at), at)
            if not block:
                raise _changed()
            yield block
            at += len(block)

    def check(self) -> None:
        """Raise SourceChanged if it was written to since it was opened."""
        if self._now() != self._stamp:
            raise _changed()

    def _part(self, start: int) -> Part:
        digest = hashlib.sha256()
        plain = Part(start // PART + 1, start, min(PART, self.size - start), "")
        for block in self.blocks(plain):
            digest.update(block)
        return Part(plain.number, plain.start, plain.size, digest.hexdigest())

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self._descriptor)
        return found.st_size, found.st_mtime_ns


@contextmanager
def opened(given: str | Path | BinaryIO) -> Iterator[Source]:
    """A file by its name, or an open one as a whole; what is no file on a disk is copied to one, from where it is.

    A stream is copied up to a little more than the service takes: it refuses that. Raises OSError, SourceChanged.
    """
    with ExitStack() as held:
        file = cast("BinaryIO", held.enter_context(Path(given).open("rb"))) if isinstance(given, str | Path) else given
        yield Source(file if on_disk(file) else held.enter_context(spooled(file)))


def on_disk(file: BinaryIO) -> bool:
    """Whether it can be read at any place, by its descriptor."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:  # io.UnsupportedOperation among them
        return False


@contextmanager
def spooled(stream: BinaryIO, head: bytes = b"") -> Iterator[BinaryIO]:
    """`head` and the rest of the stream in a temporary file without a name."""
    with tempfile.TemporaryFile(prefix="piecewise-") as file:
        file.write(head)
        while file.tell() <= LARGEST and (block := stream.read(_BLOCK)):
            file.write(block)
        file.flush()
        yield cast("BinaryIO", file)


def _changed() -> SourceChanged:
    return SourceChanged("the file was written to while it was being read: copy it first, and give the copy")
