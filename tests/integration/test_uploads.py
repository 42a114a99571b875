"""`S3Uploads` against S3 over HTTP; a client's part is played by httpx."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError

from functions.core.documents.s3 import PART, S3Documents, make_s3
from functions.core.documents.uploads import S3Uploads
from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable
from functions.core.model import Source
from functions.core.threads import inline, on_threads
from functions.core.uploads import Offer, PartSize, Stored

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

KEY = "uploads/0198"
TEXT = "text/plain; charset=utf-8"
BLOCKS = [b"a" * PART, "Größe".encode()]
SIZES = {number: PartSize(len(block), sha256(block).hexdigest()) for number, block in enumerate(BLOCKS, 1)}


@pytest.fixture
def uploads(s3: S3Client, bucket: str) -> S3Uploads:
    return S3Uploads(s3, on_threads(4, "uploads"), bucket=bucket)


@pytest.fixture
def documents(s3: S3Client, bucket: str) -> S3Documents:
    return S3Documents(s3, inline, bucket=bucket)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def offer_of(uploads: S3Uploads, data: bytes) -> Offer:
    return asyncio.run(
        uploads.offer(KEY, size=len(data), sha256=sha256(data).hexdigest(), content_type=TEXT, seconds=900)
    )


def put(client: httpx.Client, offer: Offer, data: bytes) -> int:
    return client.put(offer.url, content=data, headers=offer.headers).status_code


def begin(uploads: S3Uploads, *, from_client: bool = True) -> str:
    return asyncio.run(uploads.begin(KEY, content_type=TEXT, from_client=from_client))


def put_parts(uploads: S3Uploads, client: httpx.Client, upload_id: str, *numbers: int) -> list[int]:
    offers = asyncio.run(
        uploads.offer_parts(KEY, upload_id, {number: SIZES[number] for number in numbers}, seconds=900)
    )
    return [put(client, offers[number], BLOCKS[number - 1]) for number in numbers]


def complete(uploads: S3Uploads, upload_id: str, *, once: bool = True) -> None:
    async def listed_and_completed() -> None:
        parts = await uploads.parts(KEY, upload_id)
        assert parts is not None
        await uploads.complete(KEY, upload_id, parts, once=once)

    asyncio.run(listed_and_completed())


def stored(s3: S3Client, bucket: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=KEY)["Body"].read()


def tags(s3: S3Client, bucket: str) -> list[tuple[str, str]]:
    return [(tag["Key"], tag["Value"]) for tag in s3.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"]]


def under_way(s3: S3Client, bucket: str) -> int:
    return len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


# -- one PUT


def test_what_is_offered_can_be_put(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    assert put(client, offer_of(uploads, b"abc"), b"abc") == 200
    assert stored(s3, bucket) == b"abc"
    assert s3.head_object(Bucket=bucket, Key=KEY)["ContentType"] == TEXT
    assert tags(s3, bucket) == [("piecewise", "unclaimed")]


def test_an_offer_is_good_for_one_object(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    offer = offer_of(uploads, b"abc")
    assert put(client, offer, b"abc") == 200
    assert put(client, offer, b"abc") == 412
    assert put(client, offer_of(uploads, b"abd"), b"abd") == 412
    assert stored(s3, bucket) == b"abc"


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"abd", {}, 400),
        (b"abcd", {"content-length": "4"}, 403),
        (b"abc", {"content-type": "text/html"}, 403),
        (b"abc", {"x-amz-tagging": ""}, 403),
        (b"abd", {"x-amz-checksum-sha256": b64encode(sha256(b"abd").digest()).decode()}, 403),
    ],
    ids=["other bytes", "more bytes", "another type", "no tag", "another checksum"],
)
def test_nothing_else_than_what_was_offered_is_stored(
    uploads: S3Uploads, client: httpx.Client, data: bytes, headers: dict[str, str], status: int
) -> None:
    offer = offer_of(uploads, b"abc")
    assert put(client, Offer(offer.url, offer.headers | headers), data) == status
    assert asyncio.run(uploads.look(KEY)) is None


def test_a_part_of_other_bytes_is_not_stored(uploads: S3Uploads, client: httpx.Client) -> None:
    upload_id = begin(uploads)
    offer = asyncio.run(uploads.offer_parts(KEY, upload_id, {2: SIZES[2]}, seconds=900))[2]
    assert put(client, offer, BLOCKS[1][::-1]) == 400
    assert asyncio.run(uploads.parts(KEY, upload_id)) == {}


def test_an_offer_says_every_header_and_signs_it(uploads: S3Uploads) -> None:
    offer = offer_of(uploads, b"abc")
    assert offer.headers == {
        "content-length": "3",
        "content-type": TEXT,
        "if-none-match": "*",
        "x-amz-checksum-sha256": b64encode(sha256(b"abc").digest()).decode(),
        "x-amz-tagging": "piecewise=unclaimed",
    }
    assert signed_headers(offer) == {*offer.headers, "host"}
    assert "X-Amz-Expires=900" in offer.url
    assert "crc" not in offer.url.lower()


def test_the_offer_of_a_part_says_every_header_and_signs_it(uploads: S3Uploads) -> None:
    offer = asyncio.run(uploads.offer_parts(KEY, "u/+=", {7: SIZES[1]}, seconds=60))[7]
    digest = b64encode(sha256(BLOCKS[0]).digest()).decode()
    assert offer.headers == {"content-length": str(PART), "x-amz-checksum-sha256": digest}
    assert signed_headers(offer) == {*offer.headers, "host"}
    assert parse_qs(urlsplit(offer.url).query)["uploadId"] == ["u/+="]
    assert parse_qs(urlsplit(offer.url).query)["partNumber"] == ["7"]


@pytest.mark.parametrize(
    "name", ["content-length", "content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-tagging"]
)
def test_another_value_of_a_header_breaks_the_signature(uploads: S3Uploads, name: str) -> None:
    offer = offer_of(uploads, b"abc")
    assert signature_holds(offer.url, offer.headers)
    assert not signature_holds(offer.url, {**offer.headers, name: offer.headers[name] + "1"})
    assert not signature_holds(offer.url, {**offer.headers, name: ""})


def test_an_offer_names_the_public_address(aws_session: boto3.Session, s3: S3Client, bucket: str) -> None:
    public = make_s3(aws_session, endpoint_url="http://localhost:9000")
    offer = offer_of(S3Uploads(s3, inline, bucket=bucket, public=public), b"abc")
    assert offer.url.startswith(f"http://localhost:9000/{bucket}/{KEY}?")
    assert signature_holds(offer.url, offer.headers)


def test_on_aws_the_bucket_is_part_of_the_host_and_the_session_part_of_the_url() -> None:
    session = boto3.Session("testing", "testing", "a session's token", region_name="eu-central-1")
    offer = offer_of(S3Uploads(make_s3(session), inline, bucket="our-bucket"), b"abc")
    assert offer.url.startswith(f"https://our-bucket.s3.eu-central-1.amazonaws.com/{KEY}?")
    assert parse_qs(urlsplit(offer.url).query)["X-Amz-Security-Token"] == ["a session's token"]


# -- in parts


def test_an_upload_in_parts_is_one_object(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    upload_id = begin(uploads)
    assert put_parts(uploads, client, upload_id, 2, 1) == [200, 200]
    assert asyncio.run(uploads.look(KEY)) is None
    complete(uploads, upload_id)
    assert stored(s3, bucket) == b"".join(BLOCKS)
    assert s3.head_object(Bucket=bucket, Key=KEY)["ContentType"] == TEXT
    assert tags(s3, bucket) == [("piecewise", "unclaimed")]
    assert under_way(s3, bucket) == 0


def test_parts_say_what_is_still_missing(uploads: S3Uploads, client: httpx.Client) -> None:
    upload_id = begin(uploads)
    assert asyncio.run(uploads.parts(KEY, upload_id)) == {}
    put_parts(uploads, client, upload_id, 2)
    found = asyncio.run(uploads.parts(KEY, upload_id))
    assert found is not None
    assert {number: (part.size, part.sha256) for number, part in found.items()} == {2: (SIZES[2].size, SIZES[2].sha256)}


def test_a_part_sent_twice_is_there_once(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    upload_id = begin(uploads)
    put_parts(uploads, client, upload_id, 1, 1, 2, 2)
    complete(uploads, upload_id)
    assert stored(s3, bucket) == b"".join(BLOCKS)


def test_a_second_completion_changes_nothing(
    uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str
) -> None:
    upload_id = begin(uploads)
    put_parts(uploads, client, upload_id, 1, 2)
    parts = asyncio.run(uploads.parts(KEY, upload_id))
    assert parts is not None
    for once in (True, True, False):
        asyncio.run(uploads.complete(KEY, upload_id, parts, once=once))
    assert asyncio.run(uploads.parts(KEY, upload_id)) is None
    assert stored(s3, bucket) == b"".join(BLOCKS)


def test_once_an_object_is_there_none_takes_its_place(
    uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str
) -> None:
    upload_id = begin(uploads)
    put_parts(uploads, client, upload_id, 1, 2)
    put(client, offer_of(uploads, b"abc"), b"abc")
    complete(uploads, upload_id)
    assert stored(s3, bucket) == b"abc"
    complete(uploads, upload_id, once=False)
    assert stored(s3, bucket) == b"".join(BLOCKS)


def test_our_own_parts_are_not_tagged(uploads: S3Uploads, s3: S3Client, bucket: str) -> None:
    upload_id = begin(uploads, from_client=False)
    put = {
        number: asyncio.run(uploads.put_part(KEY, upload_id, number, block)) for number, block in enumerate(BLOCKS, 1)
    }
    assert asyncio.run(uploads.parts(KEY, upload_id)) == put
    complete(uploads, upload_id, once=False)
    assert stored(s3, bucket) == b"".join(BLOCKS)
    assert tags(s3, bucket) == []


def test_an_upload_that_was_aborted_is_gone(
    uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str
) -> None:
    upload_id = begin(uploads)
    put_parts(uploads, client, upload_id, 1)
    parts = asyncio.run(uploads.parts(KEY, upload_id))
    assert parts is not None
    for _ in range(2):
        asyncio.run(uploads.abort(KEY, upload_id))
    assert under_way(s3, bucket) == 0
    assert asyncio.run(uploads.parts(KEY, upload_id)) is None
    with pytest.raises(DocumentsUnavailable, match="S3 UploadPart: NoSuchUpload"):
        asyncio.run(uploads.put_part(KEY, upload_id, 1, b"late"))


def test_an_upload_that_is_gone_makes_nothing(uploads: S3Uploads) -> None:
    upload_id = begin(uploads, from_client=False)
    part = asyncio.run(uploads.put_part(KEY, upload_id, 1, b"abc"))
    asyncio.run(uploads.abort(KEY, upload_id))
    asyncio.run(uploads.complete(KEY, upload_id, {1: part}, once=True))
    assert asyncio.run(uploads.look(KEY)) is None


class TwoPages:
    """An S3 that lists a part a page, and notes what it is told to complete."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.completed: list[dict[str, Any]] = []

    def list_parts(self, *, PartNumberMarker: int, **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        number = PartNumberMarker + 1
        digest = b64encode(sha256(BLOCKS[number - 1]).digest()).decode()
        part = {"PartNumber": number, "ETag": f'"{number}"', "Size": number, "ChecksumSHA256": digest}
        return {"Parts": [part], "IsTruncated": number < 2, "NextPartNumberMarker": number}

    def complete_multipart_upload(self, **given: Any) -> dict[str, Any]:
        self.completed.append(given)
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal}}, "CompleteMultipartUpload")
        return {}


def on(client: Any) -> S3Uploads:
    return S3Uploads(client, inline, bucket="b")


def test_parts_are_listed_to_the_last_page_and_completed_with_their_checksums() -> None:
    client = TwoPages()
    complete(on(client), "u")
    digests = [b64encode(sha256(block).digest()).decode() for block in BLOCKS]
    assert client.completed == [
        {
            "Bucket": "b",
            "Key": KEY,
            "UploadId": "u",
            "IfNoneMatch": "*",
            "MultipartUpload": {
                "Parts": [
                    {"PartNumber": 1, "ETag": '"1"', "ChecksumSHA256": digests[0]},
                    {"PartNumber": 2, "ETag": '"2"', "ChecksumSHA256": digests[1]},
                ]
            },
        }
    ]
    parts = asyncio.run(on(client).parts(KEY, "u"))
    assert parts is not None
    assert [part.sha256 for part in parts.values()] == [SIZES[1].sha256, SIZES[2].sha256]


@pytest.mark.parametrize("refusal", ["NoSuchUpload", "PreconditionFailed"])
def test_a_completion_that_another_was_faster_with_is_none(refusal: str) -> None:
    complete(on(TwoPages(refusal)), "u")


@pytest.mark.parametrize("refusal", ["ConditionalRequestConflict", "InvalidPart", "InternalError"])
def test_a_completion_that_may_work_the_next_time_is_unavailable(refusal: str) -> None:
    with pytest.raises(DocumentsUnavailable, match=f"S3 CompleteMultipartUpload: {refusal}"):
        complete(on(TwoPages(refusal)), "u")


# -- what lies there


def test_a_look_says_size_and_etag(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    assert asyncio.run(uploads.look(KEY)) is None
    put(client, offer_of(uploads, b"abc"), b"abc")
    etag = s3.head_object(Bucket=bucket, Key=KEY)["ETag"]
    assert asyncio.run(uploads.look(KEY)) == Stored(3, etag, None)


def test_an_empty_object_can_be_put(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    offer = offer_of(uploads, b"")
    assert "content-length" in signed_headers(offer)
    assert put(client, offer, b"") == 200
    found = asyncio.run(uploads.look(KEY))
    assert found is not None
    assert (found.size, stored(s3, bucket)) == (0, b"")


def test_in_a_bucket_with_versions_a_look_says_which(uploads: S3Uploads, s3: S3Client, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket=bucket, Key=KEY, Body=b"abc")
    assert asyncio.run(uploads.look(KEY)) == Stored(3, put["ETag"], put["VersionId"])
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert asyncio.run(uploads.look(KEY)) is None


def test_a_forbidden_look_is_not_an_answer() -> None:
    class Forbidding:
        def head_object(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    with pytest.raises(DocumentsUnavailable, match="S3 HeadObject: 403"):
        asyncio.run(on(Forbidding()).look(KEY))


def test_what_was_looked_at_is_what_is_read(
    uploads: S3Uploads, documents: S3Documents, client: httpx.Client, s3: S3Client, bucket: str
) -> None:
    upload_id = begin(uploads)
    put_parts(uploads, client, upload_id, 1, 2)
    complete(uploads, upload_id)
    found = asyncio.run(uploads.look(KEY))
    assert found is not None
    source = Source(KEY, found.etag, found.version)
    assert asyncio.run(documents.read(source, PART, found.size)) == BLOCKS[1]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"x" * found.size)
    with pytest.raises(DocumentUnreadable, match="not the one that was accepted"):
        asyncio.run(documents.read(source, PART, found.size))


def test_what_is_kept_bears_no_tag(uploads: S3Uploads, client: httpx.Client, s3: S3Client, bucket: str) -> None:
    put(client, offer_of(uploads, b"abc"), b"abc")
    for _ in range(2):
        asyncio.run(uploads.keep(Source(KEY)))
    assert tags(s3, bucket) == []
    assert stored(s3, bucket) == b"abc"


def test_what_is_gone_cannot_be_kept(uploads: S3Uploads, s3: S3Client, bucket: str) -> None:
    with pytest.raises(DocumentMissing):
        asyncio.run(uploads.keep(Source(KEY)))


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion", "MethodNotAllowed"])
def test_what_is_gone_cannot_be_kept_whatever_s3_calls_it(code: str) -> None:
    class Without:
        def delete_object_tagging(self, *, VersionId: str, **_: Any) -> dict[str, Any]:  # noqa: N803
            raise ClientError({"Error": {"Code": code}}, f"DeleteObjectTagging of {VersionId}")

    with pytest.raises(DocumentMissing):
        asyncio.run(on(Without()).keep(Source(KEY, version="3")))


# -- S3 is away

OF_EACH: dict[str, Callable[[S3Uploads], Any]] = {
    "CreateMultipartUpload": lambda uploads: uploads.begin(KEY, content_type=TEXT, from_client=True),
    "UploadPart": lambda uploads: uploads.put_part(KEY, "u", 1, b""),
    "ListParts": lambda uploads: uploads.parts(KEY, "u"),
    "CompleteMultipartUpload": lambda uploads: uploads.complete(KEY, "u", {}, once=True),
    "AbortMultipartUpload": lambda uploads: uploads.abort(KEY, "u"),
    "HeadObject": lambda uploads: uploads.look(KEY),
    "DeleteObjectTagging": lambda uploads: uploads.keep(Source(KEY)),
}


@pytest.mark.parametrize("operation", OF_EACH)
def test_a_closed_port_is_unavailable(aws_session: boto3.Session, unused_port: int, operation: str) -> None:
    client = make_s3(aws_session, endpoint_url=f"http://127.0.0.1:{unused_port}")
    client.meta.events.register("needs-retry.s3.*", lambda **_: None)
    with pytest.raises(DocumentsUnavailable, match=f"S3 {operation}: EndpointConnectionError"):
        asyncio.run(OF_EACH[operation](S3Uploads(client, inline, bucket="b")))


def test_without_credentials_nothing_is_offered() -> None:
    class Nobody:
        def generate_presigned_url(self, *_: Any, **__: Any) -> str:
            raise NoCredentialsError

    with pytest.raises(DocumentsUnavailable, match="presigning: NoCredentialsError"):
        offer_of(on(Nobody()), b"abc")


# -- SigV4 as S3 checks it: over the headers that came


def signed_headers(offer: Offer) -> set[str]:
    return set(parse_qs(urlsplit(offer.url).query)["X-Amz-SignedHeaders"][0].split(";"))


def signature_holds(url: str, headers: dict[str, str]) -> bool:
    url, _, said = url.partition("&X-Amz-Signature=")
    request = AWSRequest("PUT", url, headers=headers)
    request.context["timestamp"] = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    auth = S3SigV4QueryAuth(Credentials("testing", "testing"), "s3", "us-east-1")
    return said == auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
