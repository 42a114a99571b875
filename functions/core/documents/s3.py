"""Documents and large results in S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from functions.core.aws import client_config
from functions.core.documents.bucket import Requests
from functions.core.documents.uploads import S3Uploads
from functions.core.errors import DocumentsUnavailable, DocumentUnreadable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

    from functions.core.model import Source
    from functions.core.ports import Runner
    from functions.core.uploads import StoredPart

PART = 5 * 1024 * 1024  # S3's smallest part of a multipart upload; so many bytes of a stream are in memory


def make_s3(session: boto3.Session, *, endpoint_url: str | None = None, connections: int = 10) -> S3Client:
    """A client for `S3Documents` and `S3Uploads`; `connections`: how many threads may use it at once.

    Behind an endpoint of its own (a laptop) the bucket goes into the path, for there `bucket.host` is nobody's name.
    """
    s3 = Config(
        s3={"addressing_style": "path" if endpoint_url else "virtual", "payload_signing_enabled": False},
        signature_version="s3v4",
    )
    config = client_config(connections=connections, read_timeout=8).merge(s3)
    return session.client("s3", endpoint_url=endpoint_url, config=config)


class S3Documents:
    """`ports.Documents` over boto3: one bucket. Every method may raise DocumentsUnavailable."""

    def __init__(self, client: S3Client, runner: Runner, *, bucket: str, public: S3Client | None = None) -> None:
        """`public`: a client at the address under which those who are handed a URL reach S3; None: the same."""
        self._client = client
        self._public = public or client
        self._requests = Requests(runner)
        self._uploads = S3Uploads(client, runner, bucket=bucket)
        self._bucket = bucket

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store `data`, whole or not at all."""
        await self._requests.send(
            "PutObject",
            lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type),
        )

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """Store the blocks as one object, `PART` bytes in memory and no more; its size in bytes.

        Nothing is stored, and nothing is kept half-way, when a block cannot be had.
        """
        async with aclosing(_parts(blocks)) as parts:
            first = await anext(parts)
            if len(first) == PART:
                return await self._put_parts(key, first, parts, content_type)
        await self.put(key, first, content_type=content_type)
        return len(first)

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """The bytes `byte_start` to `byte_end` (half-open), exactly. Raises DocumentMissing, DocumentUnreadable."""
        if byte_start == byte_end:
            return b""  # no Range header can say it
        data = await self._requests.send("GetObject", lambda: self._read(source, byte_start, byte_end))
        if len(data) != byte_end - byte_start:
            raise DocumentUnreadable(f"the stored document ends before byte {byte_end}")
        return data

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Delete the object, or one version of it for good; one that is gone already is fine."""
        which: dict[str, Any] = {"VersionId": version} if version else {}
        await self._requests.send(
            "DeleteObject", lambda: self._client.delete_object(Bucket=self._bucket, Key=key, **which)
        )

    async def presign(self, key: str, *, seconds: int) -> str:
        """A URL under which anyone may read the object for so long, or until our own credentials end."""
        return await self._requests.send(
            "presigning",
            lambda: self._public.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
            ),
        )

    async def _put_parts(self, key: str, first: bytes, parts: AsyncIterator[bytes], content_type: str) -> int:
        upload_id = await self._uploads.begin(key, content_type=content_type, from_client=False)
        try:
            return await self._upload(key, upload_id, first, parts)
        except BaseException:
            with suppress(DocumentsUnavailable):  # the bucket's lifecycle rule ends what we cannot
                await self._uploads.abort(key, upload_id)
            raise

    async def _upload(self, key: str, upload_id: str, part: bytes, parts: AsyncIterator[bytes]) -> int:
        done: dict[int, StoredPart] = {}
        while part:
            number = len(done) + 1
            done[number] = await self._uploads.put_part(key, upload_id, number, part)
            part = await anext(parts, b"")
        await self._uploads.complete(key, upload_id, done, once=False)
        return sum(each.size for each in done.values())

    def _read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        wanted = f"bytes={source.skip + byte_start}-{source.skip + byte_end - 1}"
        asked: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": source.key, "Range": wanted}
        if source.etag:
            asked["IfMatch"] = source.etag
        if source.version:
            asked["VersionId"] = source.version
        return self._client.get_object(**asked)["Body"].read()


async def _parts(blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in parts of `PART` bytes and a rest; at least one part, if an empty one."""
    buffer = bytearray()
    empty = True
    async for block in blocks:
        buffer += block
        while len(buffer) >= PART:
            yield bytes(buffer[:PART])
            del buffer[:PART]
            empty = False
    if buffer or empty:
        yield bytes(buffer)
