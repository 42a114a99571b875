"""Ranged reads answered directly; everything else by moto, with the objects written through to disk when asked for.

moto copies the whole object for every GET, whatever its range: 3.4 MB for a chunk of 4 KB.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from moto.s3.models import FakeKey, S3Backend, s3_backends

from local.moto.archive import Archive, WatchedS3
from local.moto.http import Reply, Request
from local.moto.stock import Stock

_RANGE = re.compile(r"bytes=(\d+)-(\d+)", re.ASCII)
_CONDITIONS = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}


class S3Front:
    """S3 over HTTP in moto's account `account`; with a folder, objects live there and are back after a restart."""

    def __init__(self, account: str, folder: Path | None) -> None:
        backends = s3_backends[account]
        backends.backend = WatchedS3
        self._backend: S3Backend = backends["aws"]
        self._stock = Stock("s3", account)
        self._archive = Archive(folder, self._backend) if folder is not None else None

    async def answer(self, request: Request) -> Reply:
        """The answer; an object that a PUT brought is on disk by then."""
        reply = self._ranged_read(request)
        if reply is None:
            reply = await asyncio.to_thread(self._by_moto, request)
        return reply

    def close(self) -> None:
        """Let go of the objects' memory; their files stay. (moto's own reset would empty every account's buckets.)"""
        for bucket in self._backend.buckets.values():
            for held in (*bucket.keys.values(), *bucket.multiparts.values()):
                held.dispose()
            s3_backends.bucket_accounts.pop(bucket.name, None)
        self._backend.buckets.clear()

    def _by_moto(self, request: Request) -> Reply:
        if self._archive is None:
            return self._stock(request)
        with self._archive.following():
            return self._stock(request)

    def _ranged_read(self, request: Request) -> Reply | None:
        """A signed, unconditional `bytes=a-b` of an object that is there; None for anything else."""
        span = _span(request)
        key = self._find(request.path) if span is not None else None
        if span is None or key is None or not span or span.start >= key.size:
            return None
        first, last = span.start, min(span.stop, key.size) - 1
        if "x-amz-checksum-mode" in request.headers and last + 1 - first == key.size:
            return None  # only a range that is the whole object comes with its checksum
        body = _read(key, first, last + 1 - first)
        if body is None:
            return None
        headers = {**key.response_dict, **key.metadata, "accept-ranges": "bytes"}
        headers["content-range"] = f"bytes {first}-{last}/{key.size}"
        headers["content-length"] = str(len(body))
        return Reply(206, list(headers.items()), body)

    def _find(self, path: str) -> FakeKey | None:
        bucket_name, _, key_name = path.lstrip("/").partition("/")
        bucket = self._backend.buckets.get(bucket_name)
        if bucket is None or bucket.policy or bucket.logging:
            return None
        key = bucket.keys.get(key_name)
        return key if isinstance(key, FakeKey) and key.storage_class == "STANDARD" else None


def _span(request: Request) -> range | None:
    """The bytes that a plain ranged read asks for."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.method != "GET" or request.query or "authorization" not in request.headers:
        return None
    return range(int(match[1]), int(match[2]) + 1) if _CONDITIONS.isdisjoint(request.headers) else None


def _read(key: FakeKey, start: int, length: int) -> bytes | None:
    """None when the object went away under the reader."""
    try:
        with key.lock:
            key._value_buffer.seek(start)  # noqa: SLF001 - moto's own accessor reads all of it
            body = key._value_buffer.read(length)  # noqa: SLF001
    except (OSError, ValueError):
        return None
    return body if len(body) == length else None
