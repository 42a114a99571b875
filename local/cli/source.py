"""The document of `analyze`: a file or stdin, read whole and checked before anything is started for it."""

from __future__ import annotations

import sys
from pathlib import Path

from local.cli.exits import Ending

# A request body's limit (`max_body_bytes` of the settings), which the server holds; here it saves a start.
LIMIT = 4_000_000


def read(name: str) -> bytes:
    """The bytes of FILE, or of stdin for `-`: not empty, UTF-8, not too large. Raises Ending."""
    shown = "standard input" if name == "-" else name
    try:
        data = _bytes(name)
    except OSError as error:
        raise Ending(f"cannot read {shown}: {error.strerror or error}") from None
    if len(data) > LIMIT:
        raise Ending(
            f"{shown} is too large: at most {LIMIT:,} bytes are taken. "
            "Split it first, for example with: split -C 3900000 FILE part-"
        )
    _check_text(data, shown)
    return data


def _bytes(name: str) -> bytes:
    """At most one byte more than the limit: a device or a huge file is not read to its end."""
    if name == "-":
        return sys.stdin.buffer.read(LIMIT + 1)
    with Path(name).open("rb") as file:
        return file.read(LIMIT + 1)


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
