"""What the request in work brings, reads and changes: moto has no place to say so."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from moto.s3.models import FakeKey

from local.moto.arriving import Checksum
from local.moto.held import Held, Piece
from local.moto.records import new_file


@dataclass(slots=True)
class Doing:
    """One request; those run on threads, each with its own context."""

    folder: Path
    arrived: Held | None = None  # what it brought, for whatever moto stores next
    checksum: Checksum | None = None
    read: Held | None = None  # whose bytes moto took last
    objects: set[tuple[str, str]] = field(default_factory=set)  # (bucket, key) that it touched
    uploads: set[tuple[str, str]] = field(default_factory=set)  # (bucket, upload id)
    parts: set[tuple[str, str, int]] = field(default_factory=set)  # and the number

    def take(self, bucket: str, value: bytes) -> Held:
        """What moto is about to store as `value`, in files of its own. Blocks while another object is copied."""
        if self.arrived is not None:
            held, self.arrived = self.arrived, None
            return held
        path = new_file(self.folder, bucket)
        with path.open("wb") as file:
            file.writelines(value.blocks() if isinstance(value, Held) else [value])
        return Held([Piece(path, 0, len(value))])


NOW: ContextVar[Doing] = ContextVar("doing")


class Buffer:
    """What moto's object has in place of its own buffer."""

    def __init__(self, held: Held) -> None:
        self.held = held

    def seek(self, offset: int) -> None:
        """Nothing to move: whoever reads takes all, without a byte of it."""

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002
        """What stands for the bytes."""
        doing = NOW.get(None)
        if doing is not None:
            doing.read = self.held
        return self.held

    def close(self) -> None:
        """Nothing is held open."""


def hold(key: FakeKey, held: Held) -> None:
    """From now on the object's bytes are these."""
    with key.lock:
        key._value_buffer.close()  # noqa: SLF001 - moto offers no other place to put it
        key._value_buffer = Buffer(held)  # type: ignore[assignment]  # noqa: SLF001
        key.contentsize = len(held)


def held_by(key: FakeKey) -> Held:
    """The object's bytes."""
    buffer = key._value_buffer  # noqa: SLF001
    assert isinstance(buffer, Buffer)
    return buffer.held
