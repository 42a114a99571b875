"""`aws-chunked` bodies: what the SDKs wrap around bytes whose checksum they send behind them.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html; the signatures
of chunks are not looked at.
"""

from __future__ import annotations

import re

from local.moto.refusals import Refused

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;[^\r\n]*)?")
_LONGEST_LINE = 8192


class Unwrapped:
    """Takes a body in pieces of any size and gives back the bytes of the object."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self.ended = False
        self._rest = bytearray()
        self._left = 0  # bytes of the chunk that are still to come
        self._within = False  # a chunk's bytes are over, its line is not
        self._behind = False  # the last chunk is over: trailers

    def feed(self, data: bytes) -> bytes:
        """The object's bytes among the next of the body. Raises Refused for what is not in this form."""
        self._rest += data
        plain = bytearray()
        while self._rest:
            if self._left:
                plain += self._taken()
            elif (line := self._line()) is None:
                break
            elif self._behind:
                self._trailer(line)
            elif self._within:
                self._within = False
            else:
                self._begin(line)
        return bytes(plain)

    def _taken(self) -> bytes:
        """What is there of the chunk."""
        taken = bytes(self._rest[: self._left])
        del self._rest[: len(taken)]
        self._left -= len(taken)
        return taken

    def _line(self) -> bytes | None:
        end = self._rest.find(b"\r\n")
        if end < 0:
            if len(self._rest) > _LONGEST_LINE:
                raise _malformed()
            return None
        line = bytes(self._rest[:end])
        del self._rest[: end + 2]
        return line

    def _begin(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None or self.ended:
            raise _malformed()
        self._left = int(size[1], 16)
        self._within, self._behind = self._left > 0, self._left == 0
        self.ended = self._left == 0

    def _trailer(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.trailers[name.strip().lower()] = value.strip()


def _malformed() -> Refused:
    return Refused(400, "InvalidRequest", "The body is not in the aws-chunked form that its headers announce.")
