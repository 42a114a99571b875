"""The document of `analyze`: a file or stdin, looked at before anything is started for it."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from local.cli.exits import Ending

IN_BODY = 3_000_000  # bytes that go into a request; what is larger is uploaded
LIMIT = 4_000_000  # of a request body (`max_body_bytes` of the settings)

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Given:
    """A document: `text` if it is small and UTF-8, and else None; `file`: the same to upload."""

    shown: str  # its name for people
    content_type: str
    text: bytes | None
    file: BinaryIO


@contextmanager
def reading(name: str) -> Iterator[Given]:
    """The document in FILE, or on stdin for `-`; what is large and no file yet is copied to one. Raises Ending."""
    shown = "standard input" if name == "-" else name
    content_type = "text/markdown" if name.lower().endswith(_MARKDOWN) else "text/plain"
    with ExitStack() as held:
        with _readable(shown):
            file = sys.stdin.buffer if name == "-" else held.enter_context(Path(name).open("rb"))
            given = _given(shown, content_type, cast("BinaryIO", file), held)
        yield given


def read(name: str) -> bytes:
    """The bytes of FILE, which are to go into a request: not empty, UTF-8, not too large. Raises Ending."""
    with _readable(name), Path(name).open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Ending(f"{name} is too large: at most {LIMIT:,} bytes are taken here")
    _check_text(data, name)
    return data


def _given(shown: str, content_type: str, file: BinaryIO, held: ExitStack) -> Given:
    from local.client.source import on_disk, spooled

    seekable = file is not sys.stdin.buffer and on_disk(file)
    before = os.fstat(file.fileno()) if seekable else None
    head = file.read(IN_BODY + 1)
    if len(head) > IN_BODY:
        return Given(shown, content_type, None, file if seekable else held.enter_context(spooled(file, head)))
    if before and (before.st_size, before.st_mtime_ns) != _stamp(file):
        raise Ending(f"{shown} was written to while it was being read: copy it first, and give the copy")
    if head.startswith(_UTF_16):
        return Given(shown, content_type, None, io.BytesIO(head))
    _check_text(head, shown)
    return Given(shown, content_type, head, io.BytesIO(head))


def _stamp(file: BinaryIO) -> tuple[int, int]:
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Ending(f"cannot read {shown}: {error.strerror or error}") from None


def _check_text(data: bytes, shown: str) -> None:
    if not data.strip():
        raise Ending(f"{shown} is empty: there is nothing to analyze")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise Ending(
            f"{shown} is not UTF-8 text: byte 0x{byte:02x} at offset {error.start:,}. "
            "Convert it first, for example with: iconv -f LATIN1 -t UTF-8 FILE"
        ) from None
