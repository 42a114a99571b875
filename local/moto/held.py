"""An object's bytes where they lie: parts of files, one after the other, never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

BLOCK = 1 << 20
"""So many bytes of an object are in memory at a time."""


class Piece(NamedTuple):
    """`size` bytes of a file, from `start` on."""

    path: Path
    start: int
    size: int


class Held(bytes):
    """Stands for the bytes of its pieces where moto passes an object's value on: has their length, slices as they do.

    As `bytes` it is empty. moto measures values, slices them for a range or a copied part, and stores them again; all
    of that works on this, and costs nothing.
    """

    pieces: tuple[Piece, ...]

    def __new__(cls, pieces: Sequence[Piece]) -> Self:
        """Of pieces in order."""
        held = super().__new__(cls)
        held.pieces = tuple(pieces)
        return held

    def __len__(self) -> int:
        return sum(piece.size for piece in self.pieces)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __copy__(self) -> Self:
        return self

    def __getitem__(self, span: Any) -> Any:
        """A slice without a step, as another of its kind."""
        start, stop, _ = span.indices(len(self))
        cut, at = [], 0
        for piece in self.pieces:
            first, last = max(start, at), min(stop, at + piece.size)
            if first < last:
                cut.append(Piece(piece.path, piece.start + first - at, last - first))
            at += piece.size
        return type(self)(cut)

    def blocks(self) -> Iterator[bytes]:
        """The bytes, `BLOCK` at most at a time. Raises OSError when a file is gone or shorter than it was."""
        for path, start, size in self.pieces:
            with path.open("rb", buffering=0) as file:
                file.seek(start)
                left = size
                while left:
                    block = file.read(min(BLOCK, left))
                    if not block:
                        raise OSError(f"{path} has become shorter")
                    left -= len(block)
                    yield block

    def load(self) -> bytes:
        """All of them. Raises OSError as `blocks` does."""
        return b"".join(self.blocks())
