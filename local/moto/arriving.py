"""The bytes of an object on their way in: into a file block by block, counted and hashed as they come."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.moto.chunked import Unwrapped
from local.moto.held import Held, Piece
from local.moto.refusals import Refused, bad_digest, incomplete, invalid

_CHECKSUM = "x-amz-checksum-"
_ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
_HEX_DIGITS = 64


class Hash(Protocol):
    """As hashlib's."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc32:
    """zlib's, as a hash."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Count `data` in."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes, the highest first."""
        return self._value.to_bytes(4, "big")


KNOWN: dict[str, Callable[[], Hash]] = {
    "crc32": Crc32,
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
}  # of the others S3 knows, no library is here


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a request says about its body: `value` in base64."""

    algorithm: str
    value: str


class Arriving:
    """One body. Nothing of it stays unless `finish` was reached and `keep` called."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        """Raises Refused for headers that promise nonsense."""
        self._path = path
        self._headers = headers
        self._unwrapped = Unwrapped() if headers.get("x-amz-content-sha256", "").startswith("STREAMING-") else None
        self._size = _announced(headers, wrapped=self._unwrapped is not None)
        self._got = 0
        self._hashes: dict[str, Hash] = {name: KNOWN[name]() for name in self._asked()}
        self._file = path.open("wb", buffering=0)
        self._kept = False

    def write(self, data: bytes) -> None:
        """The next bytes. Blocks."""
        plain = self._unwrapped.feed(data) if self._unwrapped else data
        self._got += len(plain)
        for each in self._hashes.values():
            each.update(plain)
        self._file.write(plain)

    def finish(self) -> Checksum | None:
        """All is there, and is what it was said to be: the checksum that came with it. Raises Refused."""
        self._file.close()
        if self._got != self._size or (self._unwrapped and not self._unwrapped.ended):
            raise incomplete()
        self._check_digests()
        checksum = self.checksum()
        if checksum and checksum.algorithm in self._hashes:
            self._check(checksum.algorithm.upper(), checksum.algorithm, checksum.value)
        return checksum

    def checksum(self) -> Checksum | None:
        """What headers or trailers say."""
        said = {**self._headers, **(self._unwrapped.trailers if self._unwrapped else {})}
        found = [Checksum(name, said[_CHECKSUM + name]) for name in _ALGORITHMS if said.get(_CHECKSUM + name)]
        if len(found) > 1:
            raise invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
        return found[0] if found else None

    def keep(self) -> Held:
        """The bytes, now somebody's."""
        self._kept = True
        return Held([Piece(self._path, 0, self._got)])

    def close(self) -> None:
        """Forget the bytes unless they were kept."""
        self._file.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)

    def _asked(self) -> set[str]:
        """The hashes that somebody will ask for."""
        asked = {name for name in KNOWN if _CHECKSUM + name in self._headers}
        asked |= {name for name in KNOWN if self._headers.get("x-amz-trailer", "").strip() == _CHECKSUM + name}
        return asked | ({"sha256"} if len(self._headers.get("x-amz-content-sha256", "")) == _HEX_DIGITS else set())

    def _check_digests(self) -> None:
        claimed = self._headers.get("x-amz-content-sha256", "")
        if len(claimed) == _HEX_DIGITS and self._hashes["sha256"].digest().hex() != claimed:
            raise Refused(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )

    def _check(self, spelled: str, name: str, value: str) -> None:
        digest = self._hashes[name].digest()
        try:
            claimed = base64.b64decode(value, validate=True)
        except binascii.Error:
            claimed = b""
        if len(claimed) != len(digest):
            raise invalid(f"Value for {_CHECKSUM}{name} header is invalid.")
        if claimed != digest:
            raise bad_digest(spelled)


def _announced(headers: Mapping[str, str], *, wrapped: bool) -> int:
    """The object's size in bytes, which S3 wants to know beforehand."""
    text = headers.get("x-amz-decoded-content-length" if wrapped else "content-length", "")
    if not (text.isascii() and text.isdigit()):
        raise Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    return int(text)
