"""S3: the bytes of objects go from the socket to files and back, a block at a time; moto sees everything else.

moto keeps objects in memory, copies the whole object for every GET, whatever its range, and believes every signature.
Here a body lies in a file before moto hears of the request, as one with an empty body; what moto says of the object
is sent with the file's bytes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from moto.s3.models import FakeKey, FakeMultipart, s3_backends

from local.moto import presigned, uploads
from local.moto.archive import Archive
from local.moto.arriving import Arriving, Checksum
from local.moto.doing import held_by
from local.moto.held import BLOCK, Held
from local.moto.http import Receive, Reply, Request, blocks, read_body
from local.moto.models import HeldUpload, WatchedS3
from local.moto.records import new_file
from local.moto.refusals import Refused, denied
from local.moto.stock import Stock

Clock = Callable[[], float]
"""Seconds of the epoch."""

_RANGE = re.compile(r"bytes=(\d+)-(\d+)", re.ASCII)
_SPAN = re.compile(r"bytes (\d+)-(\d+)/\d+", re.ASCII)
_CONDITIONS = {"if-none-match", "if-modified-since", "if-unmodified-since"}
_WRAPPING = {"x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm"}
_OF_A_PART = {"uploadId", "partNumber"}


class S3Front:
    """S3 over HTTP in moto's account `account`; objects live in the folder and are back after a restart.

    Without one they live in a temporary folder, which goes with `close`.
    """

    def __init__(
        self, account: str, folder: Path | None, *, secret_of: presigned.SecretOf, clock: Clock = time.time
    ) -> None:
        backends = s3_backends[account]
        backends.backend = WatchedS3
        self._backend: WatchedS3 = backends["aws"]  # type: ignore[assignment]
        self._stock = Stock("s3", account)
        self._own = Path(tempfile.mkdtemp(prefix="piecewise-s3-")) if folder is None else None
        self.folder = self._own or folder or Path()
        self._archive = Archive(self.folder, self._backend)
        self._secret_of = secret_of
        self._clock = clock

    async def answer(self, request: Request, receive: Receive) -> Reply:
        """The answer; an object that a PUT brought is on disk by then."""
        try:
            return await self._answer(request, receive)
        except Refused as refused:
            reply = refused.reply()
            return reply._replace(body=b"") if request.method == "HEAD" else reply

    def close(self) -> None:
        """Let go of the objects; their files stay. (moto's own reset would empty every account's buckets.)"""
        for bucket in self._backend.buckets.values():
            versions = [version for _, versions in bucket.keys.lists() for version in versions]
            for held in (*versions, *bucket.multiparts.values()):
                if isinstance(held, FakeKey | FakeMultipart):  # else a delete marker
                    held.dispose()
            s3_backends.bucket_accounts.pop(bucket.name, None)
        self._backend.buckets.clear()
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    async def _answer(self, request: Request, receive: Receive) -> Reply:
        by_url = presigned.check(request, self._secret_of, datetime.fromtimestamp(self._clock(), UTC))
        signed = by_url or "authorization" in request.headers
        query = _subresources(request.query)
        if request.method == "PUT" and _is_bytes(request, query):
            if not signed:
                raise denied("Access Denied")
            return await self._put(request, query, receive)
        if request.method == "GET" and signed and not query and (reply := self._ranged_read(request)):
            return reply
        whole = replace(request, body=await read_body(receive))
        return await asyncio.to_thread(self._by_moto, whole, query)

    # -- writing

    async def _put(self, request: Request, query: dict[str, str], receive: Receive) -> Reply:
        """An object or a part, from the socket into a file; moto hears of it when it is whole."""
        bucket, upload = request.path.lstrip("/").partition("/")[0], self._upload(request, query)
        if bucket not in self._backend.buckets:
            return await asyncio.to_thread(self._by_moto, request, query)  # which says what is wrong
        if "uploadId" in query:
            uploads.check_number(query["partNumber"])
            if upload is None:
                raise uploads.no_such_upload(query["uploadId"])
        arriving = Arriving(new_file(self.folder, bucket), request.headers)
        try:
            rest = await _receive(arriving, receive)
            return await asyncio.to_thread(self._keep, request, query, arriving, rest)
        finally:
            arriving.close()

    def _keep(self, request: Request, query: dict[str, str], arriving: Arriving, rest: bytes) -> Reply:
        arriving.write(rest)
        checksum = arriving.finish()
        if (upload := self._upload(request, query)) is not None:
            uploads.check_part(upload, checksum)
        with self._archive.following(alone=True) as doing:
            doing.arrived, doing.checksum = (held := arriving.keep()), checksum
            reply = self._stock(_without_body(request, checksum))
            if doing.arrived is not None:  # moto had no use for it
                held.pieces[0].path.unlink()
        return reply

    # -- everything else

    def _by_moto(self, request: Request, query: dict[str, str]) -> Reply:
        """With the object's bytes where moto has answered with them."""
        upload = self._upload(request, query)
        if upload is None and "uploadId" in query and self._is_wrong(request, query):
            raise uploads.no_such_upload(query["uploadId"])
        if upload is not None and request.method == "GET":
            return uploads.list_parts(upload.bucket_name, upload, query)
        if upload is not None and request.method == "POST":
            uploads.check_completion(upload, request.body)
        with self._archive.following(alone=request.method not in ("GET", "HEAD", "OPTIONS")) as doing:
            reply = self._stock(request)
        if request.method == "GET" and reply.status in (200, 206) and doing.read is not None:
            return _with_bytes(reply, doing.read)
        return reply

    def _upload(self, request: Request, query: dict[str, str]) -> HeldUpload | None:
        """The unfinished upload that the request is about."""
        bucket_name, _, key = request.path.lstrip("/").partition("/")
        bucket = self._backend.buckets.get(bucket_name)
        found = bucket.multiparts.get(query.get("uploadId", "")) if bucket is not None else None
        return found if isinstance(found, HeldUpload) and found.key_name == key else None

    def _is_wrong(self, request: Request, query: dict[str, str]) -> bool:
        """Whether an upload of that id is none of that key's. What was completed may be completed again, says moto."""
        bucket = self._backend.buckets.get(request.path.lstrip("/").partition("/")[0])
        return bucket is not None and (request.method != "POST" or query["uploadId"] in bucket.multiparts)

    # -- reading

    def _ranged_read(self, request: Request) -> Reply | None:
        """A plain `bytes=a-b` of an object that is there; None for anything else."""
        span = _span(request)
        key = self._find(request.path) if span is not None else None
        if span is None or key is None or not span or span.start >= key.size:
            return None
        if request.headers.get("if-match", key.etag) not in (key.etag, key.etag.strip('"')):
            return None
        first, last = span.start, min(span.stop, key.size) - 1
        if "x-amz-checksum-mode" in request.headers and last + 1 - first == key.size:
            return None  # only a range that is the whole object comes with its checksum
        body: Held = held_by(key)[first : last + 1]
        headers = {**key.response_dict, **key.metadata, "accept-ranges": "bytes"}
        headers["content-range"] = f"bytes {first}-{last}/{key.size}"
        headers["content-length"] = str(len(body))
        return Reply(206, list(headers.items()), body)

    def _find(self, path: str) -> FakeKey | None:
        bucket_name, _, key_name = path.lstrip("/").partition("/")
        bucket = self._backend.buckets.get(bucket_name)
        if bucket is None or bucket.policy or bucket.logging or bucket.is_versioned:
            return None
        key = bucket.keys.get(key_name)
        return key if isinstance(key, FakeKey) and key.storage_class == "STANDARD" else None


def _subresources(query: str) -> dict[str, str]:
    """What the query asks for, without what signs it, and the SDK's name for the operation."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return {name: value for name, value in pairs if name != "x-id" and not name.lower().startswith("x-amz-")}


def _is_bytes(request: Request, query: dict[str, str]) -> bool:
    """Whether a PUT brings an object or a part."""
    key = request.path.lstrip("/").partition("/")[2]
    return bool(key) and query.keys() in (set(), _OF_A_PART) and "x-amz-copy-source" not in request.headers


async def _receive(arriving: Arriving, receive: Receive) -> bytes:
    """All but the last bytes of the body go into the file; those, at most a block and a bit, come back."""
    waiting = bytearray()
    async for block in blocks(receive):
        waiting += block
        if len(waiting) >= BLOCK:
            await asyncio.to_thread(arriving.write, bytes(waiting))
            waiting.clear()
    return bytes(waiting)


def _without_body(request: Request, checksum: Checksum | None) -> Request:
    """What moto is told: that the object is empty, and which checksum it has."""
    headers = {name: value for name, value in request.headers.items() if name not in _WRAPPING}
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        del headers["x-amz-content-sha256"]
    if checksum is not None:
        headers["x-amz-sdk-checksum-algorithm"] = checksum.algorithm.upper()
        headers[f"x-amz-checksum-{checksum.algorithm}"] = checksum.value
    return replace(request, headers=headers, body=b"")


def _with_bytes(reply: Reply, held: Held) -> Reply:
    headers = {name.lower(): value for name, value in reply.headers}
    span = _SPAN.fullmatch(headers.get("content-range", ""))
    body: Held = held[int(span[1]) : int(span[2]) + 1] if span and reply.status == 206 else held
    headers["content-length"] = str(len(body))
    return Reply(reply.status, list(headers.items()), body)


def _span(request: Request) -> range | None:
    """The bytes that a plain ranged read asks for."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or not _CONDITIONS.isdisjoint(request.headers) or "origin" in request.headers:
        return None
    return range(int(match[1]), int(match[2]) + 1)
