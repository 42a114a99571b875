"""Documents and large results in S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

from functions.core.aws import ANY_FAILURE, client_config, reason
from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectRequestTypeDef

    from functions.core.model import Source
    from functions.core.ports import Runner

PART = 5 * 1024 * 1024  # S3's smallest part of a multipart upload; so many bytes of a stream are in memory

T = TypeVar("T")


def make_s3(session: boto3.Session, *, endpoint_url: str | None = None, connections: int = 10) -> S3Client:
    """A client for `S3Documents`; `connections`: how many threads may use it at once.

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
        self._runner = runner
        self._bucket = bucket

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store `data`, whole or not at all."""
        await self._call(
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
        data = await self._call("GetObject", lambda: self._read(source, byte_start, byte_end))
        if len(data) != byte_end - byte_start:
            raise DocumentUnreadable(f"the stored document ends before byte {byte_end}")
        return data

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Delete the object; one that is gone already is fine."""
        which: dict[str, str] = {"VersionId": version} if version else {}
        await self._call("DeleteObject", lambda: self._client.delete_object(Bucket=self._bucket, Key=key, **which))

    async def presign(self, key: str, *, seconds: int) -> str:
        """A URL under which anyone may read the object for so long, or until our own credentials end."""
        return await self._call(
            "presigning",
            lambda: self._public.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
            ),
        )

    async def _put_parts(self, key: str, first: bytes, parts: AsyncIterator[bytes], content_type: str) -> int:
        upload_id = await self._call("CreateMultipartUpload", lambda: self._begin(key, content_type))
        try:
            return await self._upload(key, upload_id, first, parts)
        except BaseException:
            with suppress(DocumentsUnavailable):  # the bucket's lifecycle rule ends what we cannot
                await self._call("AbortMultipartUpload", lambda: self._abort(key, upload_id))
            raise

    async def _upload(self, key: str, upload_id: str, part: bytes, parts: AsyncIterator[bytes]) -> int:
        done: list[CompletedPartTypeDef] = []
        size = 0
        while part:
            number = len(done) + 1
            tag = await self._call("UploadPart", partial(self._put_part, key, upload_id, number, part))
            done.append({"PartNumber": number, "ETag": tag})
            size += len(part)
            part = await anext(parts, b"")
        await self._call("CompleteMultipartUpload", lambda: self._complete(key, upload_id, done))
        return size

    async def _call(self, operation: str, call: Callable[[], T]) -> T:
        try:
            return await self._runner(call)
        except ClientError as error:
            if reason(error) == "NoSuchKey":
                raise DocumentMissing("the stored document is not there any more") from error
            if reason(error) == "InvalidRange":
                raise DocumentUnreadable("the stored document is shorter than its plan says") from error
            if reason(error) == "PreconditionFailed":
                raise DocumentUnreadable("the stored document is not the one that was accepted") from error
            raise DocumentsUnavailable(f"S3 {operation}: {reason(error)}") from error
        except ANY_FAILURE as error:
            raise DocumentsUnavailable(f"S3 {operation}: {reason(error)}") from error

    # -- on the runner's threads

    def _read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        wanted = f"bytes={source.skip + byte_start}-{source.skip + byte_end - 1}"
        asked: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": source.key, "Range": wanted}
        if source.etag:
            asked["IfMatch"] = source.etag
        if source.version:
            asked["VersionId"] = source.version
        return self._client.get_object(**asked)["Body"].read()

    def _begin(self, key: str, content_type: str) -> str:
        answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        return answer["UploadId"]

    def _put_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data
        )
        return answer["ETag"]

    def _complete(self, key: str, upload_id: str, parts: list[CompletedPartTypeDef]) -> None:
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )

    def _abort(self, key: str, upload_id: str) -> None:
        self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)


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
