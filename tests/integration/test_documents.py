"""`S3Documents` against S3 over HTTP, and `LegacyDocuments` over it."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import boto3
import pytest

from functions.core.documents.legacy import LegacyDocuments
from functions.core.documents.s3 import PART, S3Documents, make_s3
from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable, Permanent
from functions.core.model import Source
from functions.core.threads import inline, on_threads

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def documents(s3: S3Client, bucket: str) -> S3Documents:
    return S3Documents(s3, on_threads(4, "documents"), bucket=bucket)


async def blocks_of(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def stored(s3: S3Client, bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("span", [(0, 26), (0, 1), (5, 20), (25, 26)])
def test_a_span_is_read_exactly(documents: S3Documents, span: tuple[int, int]) -> None:
    alphabet = b"abcdefghijklmnopqrstuvwxyz"
    asyncio.run(documents.put("documents/a", alphabet, content_type=TEXT))
    assert asyncio.run(documents.read(Source("documents/a"), *span)) == alphabet[slice(*span)]


def test_an_empty_span_needs_no_call(documents: S3Documents) -> None:
    assert asyncio.run(documents.read(Source("documents/never-put"), 7, 7)) == b""


@pytest.mark.parametrize("span", [(20, 27), (26, 27), (1_000, 2_000)])
def test_a_span_beyond_the_end_is_unreadable(documents: S3Documents, span: tuple[int, int]) -> None:
    asyncio.run(documents.put("documents/a", b"abcdefghijklmnopqrstuvwxyz", content_type=TEXT))
    with pytest.raises(DocumentUnreadable):
        asyncio.run(documents.read(Source("documents/a"), *span))


def test_a_missing_document_is_missing(documents: S3Documents) -> None:
    with pytest.raises(DocumentMissing):
        asyncio.run(documents.read(Source("documents/none"), 0, 1))


def test_a_text_begins_behind_what_is_skipped(documents: S3Documents) -> None:
    asyncio.run(documents.put("uploads/a", b"\xef\xbb\xbfabc", content_type=TEXT))
    assert asyncio.run(documents.read(Source("uploads/a", skip=3), 0, 3)) == b"abc"
    assert asyncio.run(documents.read(Source("uploads/a", skip=3), 1, 2)) == b"b"
    with pytest.raises(DocumentUnreadable):
        asyncio.run(documents.read(Source("uploads/a", skip=3), 0, 4))


def test_an_object_that_was_replaced_is_unreadable(documents: S3Documents, s3: S3Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="uploads/a", Body=b"abc")["ETag"]
    assert asyncio.run(documents.read(Source("uploads/a", etag), 0, 3)) == b"abc"
    s3.put_object(Bucket=bucket, Key="uploads/a", Body=b"abd")
    with pytest.raises(DocumentUnreadable, match="not the one that was accepted"):
        asyncio.run(documents.read(Source("uploads/a", etag), 0, 3))


@pytest.fixture
def versioned(s3: S3Client, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_a_version_is_read_whatever_came_after_it(documents: S3Documents, s3: S3Client, versioned: str) -> None:
    put = s3.put_object(Bucket=versioned, Key="uploads/a", Body=b"abc")
    source = Source("uploads/a", put["ETag"], put["VersionId"])
    s3.put_object(Bucket=versioned, Key="uploads/a", Body=b"abd")
    assert asyncio.run(documents.read(source, 0, 3)) == b"abc"
    asyncio.run(documents.delete("uploads/a"))
    assert asyncio.run(documents.read(source, 0, 3)) == b"abc"


def test_a_version_is_deleted_for_good_and_alone(documents: S3Documents, s3: S3Client, versioned: str) -> None:
    old = s3.put_object(Bucket=versioned, Key="uploads/a", Body=b"abc")["VersionId"]
    s3.put_object(Bucket=versioned, Key="uploads/a", Body=b"abd")
    for _ in range(2):
        asyncio.run(documents.delete("uploads/a", version=old))
    with pytest.raises(DocumentMissing):
        asyncio.run(documents.read(Source("uploads/a", version=old), 0, 1))
    assert asyncio.run(documents.read(Source("uploads/a"), 0, 3)) == b"abd"


def test_delete_is_idempotent(documents: S3Documents) -> None:
    asyncio.run(documents.put("documents/a", b"a", content_type=TEXT))
    asyncio.run(documents.delete("documents/a"))
    asyncio.run(documents.delete("documents/a"))
    with pytest.raises(DocumentMissing):
        asyncio.run(documents.read(Source("documents/a"), 0, 1))


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [1],
        [PART - 1],
        [PART],
        [PART, 0],
        [PART + 1],
        [2 * PART + 3],
        [1_000_000] * 12,
    ],
    ids=str,
)
def test_a_stream_of_any_size_is_one_object(
    documents: S3Documents, s3: S3Client, bucket: str, sizes: list[int]
) -> None:
    blocks = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    size = asyncio.run(documents.put_stream("results/j/1", blocks_of(*blocks), content_type=TEXT))
    assert size == sum(sizes)
    assert stored(s3, bucket, "results/j/1") == b"".join(blocks)
    assert s3.head_object(Bucket=bucket, Key="results/j/1")["ContentType"] == TEXT


@pytest.mark.parametrize("before", [0, 10, PART, 2 * PART + 1])
def test_a_stream_that_breaks_leaves_nothing(documents: S3Documents, s3: S3Client, bucket: str, before: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * before
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        asyncio.run(documents.put_stream("results/j/1", broken(), content_type=TEXT))
    assert keys(s3, bucket) == []
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_stream_that_is_cancelled_leaves_nothing(documents: S3Documents, s3: S3Client, bucket: str) -> None:
    async def run() -> None:
        stuck = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * PART
            stuck.set()
            await asyncio.Event().wait()

        upload = asyncio.create_task(documents.put_stream("results/j/1", endless(), content_type=TEXT))
        await stuck.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

    asyncio.run(run())
    assert keys(s3, bucket) == []
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_presigned_url_reads_without_credentials(documents: S3Documents) -> None:
    asyncio.run(documents.put("results/ä ö/1", "Größe".encode(), content_type=TEXT))
    url = asyncio.run(documents.presign("results/ä ö/1", seconds=60))
    assert "X-Amz-Expires=60" in url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == "Größe".encode()
        assert answer.headers["Content-Type"] == TEXT


def test_a_presigned_url_names_the_public_address(aws_session: boto3.Session, s3: S3Client, bucket: str) -> None:
    public = make_s3(aws_session, endpoint_url="http://localhost:9000")
    documents = S3Documents(s3, inline, bucket=bucket, public=public)
    asyncio.run(documents.put("results/a", b"abc", content_type=TEXT))
    assert asyncio.run(documents.read(Source("results/a"), 0, 3)) == b"abc"
    assert asyncio.run(documents.presign("results/a", seconds=60)).startswith(f"http://localhost:9000/{bucket}/")


def test_a_missing_bucket_is_unavailable(s3: S3Client) -> None:
    nowhere = S3Documents(s3, inline, bucket="nobodys-bucket")
    with pytest.raises(DocumentsUnavailable, match="S3 PutObject: NoSuchBucket"):
        asyncio.run(nowhere.put("a", b"a", content_type=TEXT))
    with pytest.raises(DocumentsUnavailable, match="S3 GetObject: NoSuchBucket"):
        asyncio.run(nowhere.read(Source("a"), 0, 1))


def test_a_closed_port_is_unavailable(aws_session: boto3.Session, unused_port: int) -> None:
    client = make_s3(aws_session, endpoint_url=f"http://127.0.0.1:{unused_port}")
    client.meta.events.register("needs-retry.s3.*", lambda **_: None)
    with pytest.raises(DocumentsUnavailable, match="EndpointConnectionError"):
        asyncio.run(S3Documents(client, inline, bucket="b").read(Source("a"), 0, 1))


def test_on_aws_the_bucket_is_part_of_the_host(aws_session: boto3.Session) -> None:
    documents = S3Documents(make_s3(aws_session), inline, bucket="our-bucket")
    url = asyncio.run(documents.presign("results/j/1", seconds=60))
    assert url.startswith("https://our-bucket.s3.")


OLD_TEXTS = {1: "Größe: 🙂\r\n", 2: "", 3: None}


async def read_legacy(legacy_id: int, /) -> str | None:
    return OLD_TEXTS.get(legacy_id)


@pytest.fixture
def legacy(documents: S3Documents) -> LegacyDocuments:
    return LegacyDocuments(documents, read_legacy)


def test_old_texts_are_read_by_byte_spans(legacy: LegacyDocuments) -> None:
    data = "Größe: 🙂\r\n".encode()
    assert asyncio.run(legacy.read(Source("legacy/1"), 0, len(data))) == data
    assert asyncio.run(legacy.read(Source("legacy/1"), 2, 5)) == data[2:5]
    assert asyncio.run(legacy.read(Source("legacy/2"), 0, 0)) == b""
    assert asyncio.run(legacy.read(Source("legacy/3"), 0, 0)) == b""


def test_old_texts_that_are_gone_or_too_short_say_so(legacy: LegacyDocuments) -> None:
    with pytest.raises(DocumentMissing):
        asyncio.run(legacy.read(Source("legacy/3"), 0, 1))
    with pytest.raises(DocumentMissing):
        asyncio.run(legacy.read(Source("legacy/99"), 0, 1))
    with pytest.raises(DocumentUnreadable):
        asyncio.run(legacy.read(Source("legacy/1"), 0, 100))


def test_old_texts_are_read_only(legacy: LegacyDocuments) -> None:
    with pytest.raises(Permanent, match="read only"):
        asyncio.run(legacy.delete("legacy/1"))
    with pytest.raises(Permanent, match="read only"):
        asyncio.run(legacy.put("legacy/1", b"", content_type=TEXT))


def test_every_other_key_goes_to_the_bucket(legacy: LegacyDocuments, s3: S3Client, bucket: str) -> None:
    asyncio.run(legacy.put("documents/a", b"abc", content_type=TEXT))
    asyncio.run(legacy.put_stream("results/a", blocks_of(b"de", b"f"), content_type=TEXT))
    assert asyncio.run(legacy.read(Source("documents/a"), 1, 3)) == b"bc"
    assert stored(s3, bucket, "results/a") == b"def"
    assert "results/a" in asyncio.run(legacy.presign("results/a", seconds=60))
    asyncio.run(legacy.delete("documents/a"))
    assert keys(s3, bucket) == ["results/a"]
