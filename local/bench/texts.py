"""Documents to measure with, made from one book or from nothing."""

from __future__ import annotations

import json
from pathlib import Path


def prose(book: str, size: int) -> str:
    """Text of `size` bytes in UTF-8, give or take a character: the book, over and over."""
    data = book.encode()
    return (data * (size // len(data) + 1))[:size].decode(errors="ignore")


def write_prose(book: bytes, size: int, path: Path) -> None:
    """A file of exactly `size` bytes of UTF-8: the book, over and over, and spaces for a character that was cut."""
    with path.open("wb") as file:
        for _ in range(size // len(book)):
            file.write(book)
        file.write(book[: size % len(book)].decode(errors="ignore").encode().ljust(size % len(book)))


def json_body(book: str, size: int) -> bytes:
    """A request's body of nearly `size` bytes: the book, over and over, as `raw_text`."""
    text = prose(book, size)
    for _ in range(3):  # escapes make it longer than its text: three steps come near enough
        body = json.dumps({"raw_text": text}, ensure_ascii=False).encode()
        text = prose(book, max(1, len(text.encode()) * size // len(body)))
    return json.dumps({"raw_text": text}, ensure_ascii=False).encode()


def kinds(book: str, size: int) -> dict[str, str]:
    """Ordinary and hostile texts of `size` bytes in UTF-8."""
    return {
        "prose": prose(book, size),
        "one letter": "a" * size,
        "newlines": "\n" * size,
        "emoji": "\N{GRINNING FACE}" * (size // 4),
        "combining marks": "e" + "\N{COMBINING ACUTE ACCENT}" * (size // 2),
    }
