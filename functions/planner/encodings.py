"""What a document is written in, and its characters; or the byte at which it is no text that can be read. Pure.

Offsets are bytes from the start of the object, counted from 0. A byte order mark wins over what was announced, as in
https://encoding.spec.whatwg.org/#bom-sniff; UTF-16 without one is read where its byte order was announced.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from email.message import Message
from typing import NoReturn

from functions.core.errors import DocumentUnreadable

HEAD = 4  # bytes at the start of an upload that tell
UTF8 = "utf-8"
UTF16 = ("utf-16le", "utf-16be")

_MARKS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, UTF16[0]), (codecs.BOM_UTF16_BE, UTF16[1]))
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_WAY_OUT = "save it as UTF-8, or as UTF-16 with a byte order mark, and send it again"


@dataclass(frozen=True, slots=True)
class Encoding:
    """What an upload is written in: Python's name of it, and the bytes of the mark before its text."""

    name: str
    skip: int


def encoding_of(head: bytes, content_type: str | None) -> Encoding:
    """By the first `HEAD` bytes, and the type that was announced. Raises DocumentUnreadable."""
    if head.startswith(_UTF32):  # first: UTF-32's mark begins with UTF-16's
        raise DocumentUnreadable(f"the document is UTF-32, by the byte order mark at byte 0: {_WAY_OUT}")
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    charset = _charset(content_type)
    if charset == "utf-16":
        raise DocumentUnreadable(
            "the document was announced as utf-16 and has no byte order mark at byte 0: "
            "announce it as utf-16le or utf-16be, and send it again"
        )
    return Encoding(charset if charset in UTF16 else UTF8, 0)


class Characters:
    """The characters of a document that comes in blocks of any size, from the byte `offset` of its object on.

    What is left of a character at the end of a block waits for the next one.
    """

    def __init__(self, encoding: str, offset: int) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._offset = offset

    def decode(self, block: bytes, *, final: bool) -> str:
        """The next characters. Raises DocumentUnreadable, naming the first byte that is none, or a NUL."""
        begins = self._offset - len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            self._refuse_nul(error.object[: error.start].decode(self._encoding), begins)
            self._refuse(begins + error.start)
        self._refuse_nul(text, begins)
        self._offset += len(block)
        return text

    def _refuse_nul(self, text: str, begins: int) -> None:
        at = text.find("\0")
        if at >= 0:
            offset = begins + len(text[:at].encode(self._encoding))
            raise DocumentUnreadable(
                f"the document is no text: it has a NUL at byte {offset} (counted from 0); send one without"
            )

    def _refuse(self, offset: int) -> NoReturn:
        name = "UTF-8" if self._encoding == UTF8 else "UTF-16"
        raise DocumentUnreadable(f"the document is not {name} at byte {offset} (counted from 0): {_WAY_OUT}")


def opens_pair(unit: bytes, encoding: str) -> bool:
    """Whether these two bytes of UTF-16 are the first half of a surrogate pair."""
    return int.from_bytes(unit, "little" if encoding == UTF16[0] else "big") & 0xFC00 == 0xD800


def _charset(content_type: str | None) -> str | None:
    message = Message()
    message["content-type"] = content_type or "text/plain"
    return message.get_content_charset()
