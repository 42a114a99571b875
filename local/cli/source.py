"""The document of `analyze`: a file or stdin, looked at before anything is started for it."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from local.cli.exits import Ending

IN_BODY = 3_000_000  # bytes that go into a request; what is larger is uploaded

_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 8192  # bytes by which it is judged what a file may be
_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")  # of ASCII, those that file(1) finds in no text
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
        with readable(shown):
            file = sys.stdin.buffer if name == "-" else held.enter_context(Path(name).open("rb"))
            given = _given(shown, content_type, cast("BinaryIO", file), held)
        yield given


def _given(shown: str, content_type: str, file: BinaryIO, held: ExitStack) -> Given:
    from local.client.source import on_disk, spooled

    seekable = file is not sys.stdin.buffer and on_disk(file)
    before = os.fstat(file.fileno()) if seekable else None
    head = file.read(IN_BODY + 1)
    if head.startswith(_UTF_32):  # first: its mark begins with UTF-16's
        raise Ending(f"{shown} is UTF-32, which is not taken. Convert it first: iconv -f UTF-32 -t UTF-8 FILE")
    if len(head) > IN_BODY:
        return Given(shown, content_type, None, file if seekable else held.enter_context(spooled(file, head)))
    if before and (before.st_size, before.st_mtime_ns) != _stamp(file):
        raise Ending(f"{shown} was written to while it was being read: copy it first, and give the copy")
    if head.startswith(_UTF_16):
        return Given(shown, content_type, None, io.BytesIO(head))
    check_text(head, shown)
    return Given(shown, content_type, head, io.BytesIO(head))


def _stamp(file: BinaryIO) -> tuple[int, int]:
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns


@contextmanager
def readable(shown: str) -> Iterator[None]:
    """What cannot be read in the block is an Ending that names it."""
    try:
        yield
    except OSError as error:
        raise Ending(f"cannot read {shown}: {error.strerror or error}") from None


def check_text(data: bytes, shown: str) -> None:
    """Raises Ending, with a way out, for what a request cannot carry: nothing, a NUL, what is not UTF-8."""
    if not data:
        raise Ending(f"{shown} is empty: there is nothing to analyze")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise Ending(
            f"{shown} is not UTF-8 text: byte 0x{byte:02x} at offset {error.start:,}. {_way_out(data)}"
        ) from None
    if (at := data.find(0)) >= 0:
        way_out = _way_out(data) if at < _HEAD else "Remove it"
        raise Ending(f"{shown} is no text that can be taken: NUL at offset {at:,}. {way_out}")


def _way_out(data: bytes) -> str:
    head = data[:_HEAD]
    if b"\0" in head:
        return (
            "It looks binary, or like UTF-16 without a byte order mark: that is converted with "
            "iconv -f UTF-16LE -t UTF-8 FILE (or UTF-16BE)"
        )
    if _CONTROLS.search(head):
        return "It looks binary: it has control characters"
    return "Convert it first, for example with: iconv -f LATIN1 -t UTF-8 FILE"
