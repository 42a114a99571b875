"""The laptop's S3 takes what S3 would take from the holder of a presigned URL, and refuses what S3 would refuse."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.core.documents.s3 import make_s3
from local.moto.chunked import Unwrapped
from local.moto.http import Body, IdleError, read_body
from local.moto.refusals import Refused
from local.moto.server import MotoServer, start_in_thread
from tests.fixtures.virtual_time import run_virtual

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client

BUCKET = "uploads"
KEY = "uploads/one ü.txt"
BODY = "Größe und Maß".encode() * 1000
MB = 1_000_000
PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[MotoServer]:
    with start_in_thread() as server:
        yield server


@pytest.fixture
def folder(server: MotoServer, name: str) -> Path:
    """Where the files of the test's bucket lie."""
    return server.objects / name


@pytest.fixture
def name(client: S3Client, request: pytest.FixtureRequest) -> str:
    """Of a bucket of the test's own."""
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def client(aws_session: boto3.Session, server: MotoServer) -> Iterator[S3Client]:
    with closing(make_s3(aws_session, endpoint_url=server.endpoint_url, connections=12)) as client:
        yield client


@pytest.fixture(scope="module")
def anyone() -> Iterator[httpx.Client]:
    """Who holds nothing but a URL."""
    with httpx.Client() as client:
        yield client


def digest(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def headers_of(body: bytes) -> dict[str, str]:
    return {
        "content-length": str(len(body)),
        "content-type": "text/plain; charset=utf-8",
        "if-none-match": "*",
        "x-amz-checksum-sha256": digest(body),
        "x-amz-tagging": "piecewise=unclaimed",
    }


def sign(client: S3Client, bucket: str, body: bytes = BODY, **over: Any) -> str:
    """A URL that binds all of `headers_of`."""
    params = {
        "Bucket": bucket, "Key": KEY, "ContentLength": len(body), "ContentType": "text/plain; charset=utf-8",
        "IfNoneMatch": "*", "ChecksumSHA256": digest(body), "Tagging": "piecewise=unclaimed",
    }  # fmt: skip
    return client.generate_presigned_url("put_object", Params={**params, **over}, ExpiresIn=900)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status, and the code in the error."""
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def is_there(client: S3Client, bucket: str) -> bool:
    return "Contents" in client.list_objects_v2(Bucket=bucket)


def test_what_was_signed_is_stored_as_it_was_signed(client: S3Client, name: str, anyone: httpx.Client) -> None:
    assert anyone.put(sign(client, name), content=BODY, headers=headers_of(BODY)).status_code == 200
    found = client.get_object(Bucket=name, Key=KEY, ChecksumMode="ENABLED")
    assert found["Body"].read() == BODY
    assert (found["ContentType"], found["ChecksumSHA256"]) == ("text/plain; charset=utf-8", digest(BODY))
    tags = client.get_object_tagging(Bucket=name, Key=KEY)["TagSet"]
    assert tags == [{"Key": "piecewise", "Value": "unclaimed"}]


OTHERWISE: dict[str, tuple[Callable[[dict[str, str]], dict[str, str]], str]] = {
    "another type": (lambda given: {**given, "content-type": "text/html"}, "SignatureDoesNotMatch"),
    "another checksum": (lambda given: {**given, "x-amz-checksum-sha256": digest(b"")}, "SignatureDoesNotMatch"),
    "another tag": (lambda given: {**given, "x-amz-tagging": "piecewise=claimed"}, "SignatureDoesNotMatch"),
    "no tag": (lambda given: without(given, "x-amz-tagging"), "SignatureDoesNotMatch"),
    "no condition": (lambda given: without(given, "if-none-match"), "SignatureDoesNotMatch"),
    "a right more": (lambda given: {**given, "x-amz-acl": "public-read"}, "AccessDenied"),
    "a class of its own": (lambda given: {**given, "x-amz-storage-class": "GLACIER"}, "AccessDenied"),
}


def without(given: dict[str, str], header: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name != header}


@pytest.mark.parametrize("case", OTHERWISE)
def test_headers_other_than_those_signed_are_refused(
    client: S3Client, name: str, anyone: httpx.Client, case: str
) -> None:
    change, error = OTHERWISE[case]
    answer = anyone.put(sign(client, name), content=BODY, headers=change(headers_of(BODY)))
    assert code(answer) == (403, error)
    assert not is_there(client, name)


@pytest.mark.parametrize("size", [0, 1, len(BODY) - 1, len(BODY) + 1, 3 * MB])
def test_another_size_than_the_one_signed_is_refused(
    client: S3Client, name: str, anyone: httpx.Client, size: int
) -> None:
    sent = {**headers_of(BODY), "content-length": str(size)}
    assert code(anyone.put(sign(client, name), content=b"x" * size, headers=sent)) == (403, "SignatureDoesNotMatch")
    chunked = without(headers_of(BODY), "content-length")
    answer = anyone.put(sign(client, name), content=iter([BODY]), headers=chunked)
    assert code(answer) == (403, "SignatureDoesNotMatch")
    assert not is_there(client, name)


def test_a_url_is_for_one_method_one_key_and_its_own_parameters(
    client: S3Client, name: str, anyone: httpx.Client
) -> None:
    url, sent = sign(client, name), headers_of(BODY)
    changed = [
        ("POST", url), ("DELETE", url), ("PUT", url.replace("/uploads/", "/results/")),
        ("PUT", url.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")),
        ("PUT", url.replace("X-Amz-Signature=", "X-Amz-Signature=0")),
        ("PUT", url + "&tagging"), ("PUT", url + "&partNumber=1&uploadId=x"),
    ]  # fmt: skip
    for method, each in changed:
        answer = anyone.request(method, each, content=BODY, headers=sent)
        assert code(answer) == (403, "SignatureDoesNotMatch"), each


BROKEN = {
    "X-Amz-Expires=900": ("X-Amz-Expires=604801", (400, "AuthorizationQueryParametersError")),
    "&X-Amz-Expires=900": ("", (400, "AuthorizationQueryParametersError")),
    "X-Amz-Algorithm=AWS4-HMAC-SHA256": ("X-Amz-Algorithm=none", (400, "AuthorizationQueryParametersError")),
    "%2Fs3%2Faws4_request": ("%2Fsqs%2Faws4_request", (400, "AuthorizationQueryParametersError")),
    "%3Bhost": ("", (403, "AccessDenied")),
}


@pytest.mark.parametrize("part", BROKEN)
def test_a_url_without_its_parts_is_refused(client: S3Client, name: str, anyone: httpx.Client, part: str) -> None:
    url = sign(client, name)
    assert part in url
    answer = anyone.put(url.replace(part, BROKEN[part][0]), content=BODY, headers=headers_of(BODY))
    assert code(answer) == BROKEN[part][1]


def test_a_url_of_the_former_kind_of_signature_is_refused(
    aws_session: boto3.Session, server: MotoServer, name: str, anyone: httpx.Client
) -> None:
    former = Config(signature_version="s3")
    with closing(aws_session.client("s3", endpoint_url=server.endpoint_url, config=former)) as client:
        url = client.generate_presigned_url("put_object", Params={"Bucket": name, "Key": KEY}, ExpiresIn=900)
    assert code(anyone.put(url, content=BODY)) == (400, "InvalidRequest")


def test_nobody_stores_without_a_signature(client: S3Client, name: str, anyone: httpx.Client) -> None:
    url = sign(client, name).partition("?")[0]
    assert code(anyone.put(url, content=BODY)) == (403, "AccessDenied")
    assert not is_there(client, name)


@contextmanager
def server_in(seconds: float, session: boto3.Session) -> Iterator[S3Client]:
    """A client of a server whose clock is ahead by so much."""
    with (
        start_in_thread(clock=lambda: time.time() + seconds) as server,
        closing(make_s3(session, endpoint_url=server.endpoint_url)) as client,
    ):
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.mark.parametrize(("seconds", "error"), [(901, "Request has expired"), (-1000, "Request is not valid yet")])
def test_a_url_is_good_for_its_time(
    aws_session: boto3.Session, anyone: httpx.Client, seconds: float, error: str
) -> None:
    with server_in(seconds, aws_session) as client:
        answer = anyone.put(sign(client, BUCKET), content=BODY, headers=headers_of(BODY))
        assert code(answer) == (403, "AccessDenied")
        assert error in answer.text
        assert not is_there(client, BUCKET)


@pytest.mark.parametrize("seconds", [800, -600])
def test_a_url_is_good_until_then(aws_session: boto3.Session, anyone: httpx.Client, seconds: float) -> None:
    with server_in(seconds, aws_session) as client:
        assert anyone.put(sign(client, BUCKET), content=BODY, headers=headers_of(BODY)).status_code == 200


@pytest.mark.parametrize("body", [BODY, bytes(range(256)) * 20_000], ids=["small", "of many blocks"])
def test_bytes_other_than_those_signed_are_refused(
    client: S3Client, name: str, folder: Path, anyone: httpx.Client, body: bytes
) -> None:
    other = body[:-1] + b"!"
    assert code(anyone.put(sign(client, name, body), content=other, headers=headers_of(body))) == (400, "BadDigest")
    assert not is_there(client, name)
    assert list(folder.iterdir()) == []
    assert anyone.put(sign(client, name, body), content=body, headers=headers_of(body)).status_code == 200


def test_a_checksum_that_is_none_is_refused(client: S3Client, name: str, anyone: httpx.Client) -> None:
    url = sign(client, name, ChecksumSHA256="no checksum")
    answer = anyone.put(url, content=BODY, headers={**headers_of(BODY), "x-amz-checksum-sha256": "no checksum"})
    assert code(answer) == (400, "InvalidRequest")


def test_what_lies_there_is_not_replaced(client: S3Client, name: str, folder: Path, anyone: httpx.Client) -> None:
    client.put_object(Bucket=name, Key=KEY, Body=b"first")
    before = set(folder.iterdir())
    assert code(anyone.put(sign(client, name), content=BODY, headers=headers_of(BODY))) == (412, "PreconditionFailed")
    assert client.get_object(Bucket=name, Key=KEY)["Body"].read() == b"first"
    assert set(folder.iterdir()) == before


def test_of_many_at_once_one_is_stored(client: S3Client, name: str, anyone: httpx.Client) -> None:
    bodies = [bytes([n]) * 300_000 for n in range(10)]
    requests = [(sign(client, name, body), body) for body in bodies]
    with ThreadPoolExecutor(10) as pool:
        seen = list(pool.map(lambda each: anyone.put(each[0], content=each[1], headers=headers_of(each[1])), requests))
    assert sorted(answer.status_code for answer in seen) == [200] + [412] * 9
    stored = [body for body, answer in zip(bodies, seen, strict=True) if answer.status_code == 200]
    assert [client.get_object(Bucket=name, Key=KEY)["Body"].read()] == stored


def test_a_bucket_that_is_not_there_is_said_to_be(client: S3Client, anyone: httpx.Client) -> None:
    answer = anyone.put(sign(client, "no-such-bucket"), content=BODY, headers=headers_of(BODY))
    assert code(answer) == (404, "NoSuchBucket")


def test_a_connection_on_which_a_body_was_refused_unread_serves_the_next_request(
    aws_session: boto3.Session, server: MotoServer, name: str, anyone: httpx.Client
) -> None:
    """boto3 waits for `100 Continue`, and sends no body when it is refused; others send it whatever comes."""
    with closing(make_s3(aws_session, endpoint_url=server.endpoint_url, connections=1)) as client:
        for _ in range(3):
            assert refused(lambda: client.put_object(Bucket="no-such-bucket", Key=KEY, Body=BODY)) == "NoSuchBucket"
            assert client.head_bucket(Bucket=name)["ResponseMetadata"]["RetryAttempts"] == 0
    for _ in range(3):
        assert anyone.put(f"{server.endpoint_url}/{name}/{KEY}", content=bytes(3 * MB)).status_code == 403
        assert anyone.head(f"{server.endpoint_url}/{name}").status_code == 200


def test_reading_by_url_is_checked_too(client: S3Client, name: str, anyone: httpx.Client) -> None:
    client.put_object(Bucket=name, Key=KEY, Body=BODY, ContentType="text/x")
    url = client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": KEY}, ExpiresIn=900)
    assert anyone.get(url).content == BODY
    part = anyone.get(url, headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, BODY[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(BODY)}"
    assert code(anyone.get(url.replace("uploads/", "results/"))) == (403, "SignatureDoesNotMatch")
    assert anyone.head(url).status_code == 403
    assert anyone.get(url.partition("?")[0]).status_code == 403


def test_a_page_of_another_origin_may_do_what_the_bucket_allows(
    client: S3Client, name: str, anyone: httpx.Client
) -> None:
    rule: Any = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    url, origin = sign(client, name), {"origin": "https://app.example.com"}
    asked = anyone.options(url, headers={**origin, "access-control-request-method": "PUT"})
    stored = anyone.put(url, content=BODY, headers={**headers_of(BODY), **origin})
    get = client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": KEY}, ExpiresIn=900)
    read = anyone.get(get, headers={**origin, "range": "bytes=0-4"})
    assert [answer.status_code for answer in (asked, stored, read)] == [200, 200, 206]
    for answer in (asked, stored, read):
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert read.content == BODY[:5]


# -- in parts

PARTS = [bytes([n]) * PART for n in range(2)] + [b"the end"]


def begin(client: S3Client, bucket: str, **more: Any) -> str:
    made = client.create_multipart_upload(Bucket=bucket, Key=KEY, ContentType="text/markdown", **more)
    return made["UploadId"]


def send_part(client: S3Client, bucket: str, upload: str, number: int, body: bytes, anyone: httpx.Client) -> Any:
    """By presigned URL, with its SHA-256."""
    params = {"Bucket": bucket, "Key": KEY, "UploadId": upload, "PartNumber": number}
    params |= {"ContentLength": len(body), "ChecksumSHA256": digest(body)}
    url = client.generate_presigned_url("upload_part", Params=params, ExpiresIn=900)
    return anyone.put(url, content=body, headers={"x-amz-checksum-sha256": digest(body)})


def listed(client: S3Client, bucket: str, upload: str) -> list[dict[str, Any]]:
    answer = client.list_parts(Bucket=bucket, Key=KEY, UploadId=upload)
    return [dict(part) for part in answer.get("Parts", [])]


def complete(client: S3Client, bucket: str, upload: str, parts: list[dict[str, Any]], **more: Any) -> Any:
    names = ("PartNumber", "ETag", "ChecksumSHA256")
    chosen: Any = [{name: part[name] for name in names if name in part} for part in parts]
    return client.complete_multipart_upload(
        Bucket=bucket, Key=KEY, UploadId=upload, MultipartUpload={"Parts": chosen}, **more
    )


def refused(call: Callable[[], Any]) -> str:
    """The code of the error."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def upload(client: S3Client, name: str, anyone: httpx.Client) -> str:
    """The id of an upload whose parts are there."""
    made = begin(client, name, ChecksumAlgorithm="SHA256", Tagging="piecewise=unclaimed")
    for number, body in reversed(list(enumerate(PARTS, 1))):
        assert send_part(client, name, made, number, body, anyone).status_code == 200
    return made


def test_parts_are_listed_with_size_and_checksum(client: S3Client, name: str, upload: str) -> None:
    found = [(part["PartNumber"], part["Size"], part["ChecksumSHA256"]) for part in listed(client, name, upload)]
    assert found == [(n, len(body), digest(body)) for n, body in enumerate(PARTS, 1)]


def test_parts_are_listed_page_by_page(client: S3Client, name: str, upload: str) -> None:
    pages = list(client.get_paginator("list_parts").paginate(
        Bucket=name, Key=KEY, UploadId=upload, PaginationConfig={"PageSize": 2}
    ))  # fmt: skip
    assert [[part["PartNumber"] for part in page["Parts"]] for page in pages] == [[1, 2], [3]]
    assert [page["IsTruncated"] for page in pages] == [True, False]


def test_the_object_is_made_of_its_parts_without_copying_them(
    client: S3Client, name: str, folder: Path, upload: str
) -> None:
    before = {path.stat().st_ino for path in folder.glob("*.data")}
    complete(client, name, upload, listed(client, name, upload), IfNoneMatch="*")
    assert {path.stat().st_ino for path in folder.glob("*.data")} == before
    found = client.get_object(Bucket=name, Key=KEY)
    assert found["Body"].read() == b"".join(PARTS)
    assert found["ContentType"] == "text/markdown"
    assert client.get_object_tagging(Bucket=name, Key=KEY)["TagSet"][0]["Value"] == "unclaimed"
    seam = client.get_object(Bucket=name, Key=KEY, Range=f"bytes={PART - 3}-{PART + 2}", IfMatch=found["ETag"])
    assert seam["Body"].read() == b"\0\0\0\1\1\1"
    long = client.get_object(Bucket=name, Key=KEY, Range=f"bytes=7-{2 * PART}")
    assert long["Body"].read() == b"".join(PARTS)[7 : 2 * PART + 1]
    assert {path.suffix for path in folder.iterdir()} == {".data", ".object"}


def test_an_object_that_is_made_again_is_the_same(client: S3Client, name: str, upload: str) -> None:
    parts = listed(client, name, upload)
    made = complete(client, name, upload, parts)["ETag"]
    assert complete(client, name, upload, parts)["ETag"] == made
    assert refused(lambda: listed(client, name, upload)) == "NoSuchUpload"


def test_an_upload_does_not_replace_what_lies_there(client: S3Client, name: str, upload: str) -> None:
    client.put_object(Bucket=name, Key=KEY, Body=b"first")
    parts = listed(client, name, upload)
    assert refused(lambda: complete(client, name, upload, parts, IfNoneMatch="*")) == "PreconditionFailed"
    assert client.get_object(Bucket=name, Key=KEY)["Body"].read() == b"first"
    assert listed(client, name, upload) == parts


def test_parts_that_are_not_what_is_there_make_no_object(client: S3Client, name: str, upload: str) -> None:
    parts = listed(client, name, upload)
    plain = [{key: part[key] for key in ("PartNumber", "ETag")} for part in parts]
    swapped = [{**part, "ChecksumSHA256": digest(b"")} for part in parts]
    assert refused(lambda: complete(client, name, upload, plain)) == "InvalidRequest"
    assert refused(lambda: complete(client, name, upload, swapped)) == "InvalidPart"
    assert refused(lambda: complete(client, name, upload, [{**parts[0], "ETag": "other"}])) == "InvalidPart"
    assert refused(lambda: complete(client, name, upload, [{**parts[0], "PartNumber": 9}])) == "InvalidPart"
    assert refused(lambda: complete(client, name, upload, [parts[2], {**parts[0], "PartNumber": 3}])) in (
        "InvalidPartOrder",
        "InvalidPart",
    )
    assert refused(lambda: complete(client, name, upload, [])) == "MalformedXML"
    assert not is_there(client, name)
    complete(client, name, upload, parts)


def test_a_small_part_can_only_be_the_last(client: S3Client, name: str, anyone: httpx.Client) -> None:
    upload = begin(client, name, ChecksumAlgorithm="SHA256")
    for number in (1, 2):
        send_part(client, name, upload, number, b"small", anyone)
    assert refused(lambda: complete(client, name, upload, listed(client, name, upload))) == "EntityTooSmall"


def test_a_part_sent_again_replaces_the_first(client: S3Client, name: str, folder: Path, anyone: httpx.Client) -> None:
    upload = begin(client, name, ChecksumAlgorithm="SHA256")
    for body in (b"first", b"second"):
        send_part(client, name, upload, 1, body, anyone)
    assert [path.read_bytes() for path in folder.glob("*.data")] == [b"second"]
    complete(client, name, upload, listed(client, name, upload))
    assert client.get_object(Bucket=name, Key=KEY)["Body"].read() == b"second"


def test_parts_with_other_checksums_than_announced_are_refused(
    client: S3Client, name: str, folder: Path, anyone: httpx.Client
) -> None:
    with_sha, without_any = begin(client, name, ChecksumAlgorithm="SHA256"), begin(client, name)
    assert code(send_part(client, name, without_any, 1, BODY, anyone)) == (400, "InvalidRequest")
    part: Any = {"Bucket": name, "Key": KEY, "PartNumber": 1, "Body": BODY}
    assert refused(lambda: client.upload_part(UploadId=with_sha, **part)) == "InvalidRequest"
    client.upload_part(UploadId=without_any, **part)
    assert len(list(folder.glob("*.data"))) == 1


def test_what_was_aborted_is_gone(client: S3Client, name: str, folder: Path, upload: str, anyone: httpx.Client) -> None:
    client.abort_multipart_upload(Bucket=name, Key=KEY, UploadId=upload)
    assert list(folder.iterdir()) == []
    assert code(send_part(client, name, upload, 1, BODY, anyone)) == (404, "NoSuchUpload")
    assert refused(lambda: listed(client, name, upload)) == "NoSuchUpload"
    assert refused(lambda: complete(client, name, upload, [{"PartNumber": 1, "ETag": "e"}])) in (
        "NoSuchUpload",
        "InvalidRequest",
    )
    assert refused(lambda: client.abort_multipart_upload(Bucket=name, Key=KEY, UploadId=upload)) == "NoSuchUpload"


def test_an_upload_belongs_to_its_key(client: S3Client, name: str, upload: str) -> None:
    other: Any = {"Bucket": name, "Key": "another", "UploadId": upload}
    assert refused(lambda: client.list_parts(**other)) == "NoSuchUpload"
    assert refused(lambda: client.upload_part(PartNumber=1, Body=b"", **other)) == "NoSuchUpload"


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_has_a_number_that_s3_counts_to(client: S3Client, name: str, upload: str, number: int) -> None:
    part: Any = {"Bucket": name, "Key": KEY, "UploadId": upload, "PartNumber": number, "Body": b""}
    assert refused(lambda: client.upload_part(**part)) == "InvalidArgument"


def test_a_part_can_be_a_range_of_an_object(client: S3Client, name: str) -> None:
    client.put_object(Bucket=name, Key="source", Body=b"0123456789")
    upload = begin(client, name)
    client.upload_part_copy(
        Bucket=name, Key=KEY, UploadId=upload, PartNumber=1, CopySource=f"{name}/source", CopySourceRange="bytes=2-5"
    )
    complete(client, name, upload, listed(client, name, upload))
    assert client.get_object(Bucket=name, Key=KEY)["Body"].read() == b"2345"


def test_uploads_and_parts_are_there_after_a_restart(
    aws_session: boto3.Session, tmp_path: Path, anyone: httpx.Client
) -> None:
    with restarted(aws_session, tmp_path) as client:
        first, second = (begin(client, BUCKET, ChecksumAlgorithm="SHA256", Tagging="a=b") for _ in range(2))
        send_part(client, BUCKET, first, 1, PARTS[0], anyone)
        send_part(client, BUCKET, second, 1, b"other", anyone)
        before = listed(client, BUCKET, first)
    with restarted(aws_session, tmp_path) as client:
        assert listed(client, BUCKET, first) == before
        send_part(client, BUCKET, first, 2, b"the end", anyone)
        made = complete(client, BUCKET, first, listed(client, BUCKET, first))["ETag"]
    with restarted(aws_session, tmp_path) as client:
        found = client.get_object(Bucket=BUCKET, Key=KEY)
        assert (found["ETag"], found["Body"].read()) == (made, PARTS[0] + b"the end")
        assert client.get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"] == [{"Key": "a", "Value": "b"}]
        assert [part["Size"] for part in listed(client, BUCKET, second)] == [5]
        client.abort_multipart_upload(Bucket=BUCKET, Key=KEY, UploadId=second)
        client.delete_object(Bucket=BUCKET, Key=KEY)
    assert list((tmp_path / "objects" / BUCKET).iterdir()) == []


@contextmanager
def restarted(session: boto3.Session, state: Path) -> Iterator[S3Client]:
    with (
        start_in_thread(state_dir=state) as server,
        closing(make_s3(session, endpoint_url=server.endpoint_url)) as client,
    ):
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_an_object_whose_upload_was_not_cleared_away_is_kept(
    aws_session: boto3.Session, tmp_path: Path, anyone: httpx.Client
) -> None:
    """Killed after the object's record was written, before the upload's was taken away."""
    folder = tmp_path / "objects" / BUCKET
    with restarted(aws_session, tmp_path) as client:
        upload = begin(client, BUCKET, ChecksumAlgorithm="SHA256")
        send_part(client, BUCKET, upload, 1, BODY, anyone)
        records = {path: path.read_bytes() for path in folder.iterdir() if path.suffix in (".upload", ".part")}
        complete(client, BUCKET, upload, listed(client, BUCKET, upload))
    for path, record in records.items():
        path.write_bytes(record)
    with restarted(aws_session, tmp_path) as client:
        assert client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
        assert refused(lambda: listed(client, BUCKET, upload)) == "NoSuchUpload"
    assert {path.suffix for path in folder.iterdir()} == {".data", ".object"}


# -- cut short


def begin_to_send(url: str, headers: dict[str, str], body: bytes) -> socket.socket:
    """A PUT whose body has not ended yet."""
    parts = urlsplit(url)
    sending = socket.create_connection((parts.hostname, parts.port))
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    sending.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return sending


def test_of_a_caller_that_hung_up_nothing_is_left(client: S3Client, name: str, folder: Path) -> None:
    with begin_to_send(sign(client, name), headers_of(BODY), BODY[:-1]):
        client.list_buckets()  # its head has been read by now: requests are taken up in the order of their arrival
    while list(folder.iterdir()):  # the server's threads end in their own time
        client.list_buckets()
    assert not is_there(client, name)


def test_a_body_that_does_not_go_on_is_not_waited_for(aws_session: boto3.Session) -> None:
    with start_in_thread(patience=0.01) as server, closing(client_of(aws_session, server.endpoint_url)) as client:
        client.create_bucket(Bucket=BUCKET)
        with begin_to_send(sign(client, BUCKET), headers_of(BODY), BODY[:-1]) as sending:
            answer = b"".join(iter(lambda: sending.recv(65536), b""))  # until the server hangs up
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"<Code>RequestTimeout</Code>" in answer
        assert not is_there(client, BUCKET)
        assert list((server.objects / BUCKET).iterdir()) == []


def test_a_body_that_comes_slowly_is_waited_for_block_by_block() -> None:
    coming = iter([b"a", b"b", b"c"])

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(19)
        return {"type": "http.request", "body": (block := next(coming)), "more_body": block != b"c"}

    assert run_virtual(read_body(Body(receive, 20))) == b"abc"
    with pytest.raises(IdleError):
        run_virtual(read_body(Body(receive, 18)))


def test_a_process_killed_in_the_middle_leaves_nothing_half(
    aws_session: boto3.Session, tmp_path: Path, anyone: httpx.Client
) -> None:
    body = bytes(8 * MB)
    folder = tmp_path / "objects" / BUCKET
    with process(tmp_path) as (running, url), closing(client_of(aws_session, url)) as client:
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="whole", Body=b"whole")
        upload = begin(client, BUCKET, ChecksumAlgorithm="SHA256")
        send_part(client, BUCKET, upload, 1, PARTS[0], anyone)
        with begin_to_send(sign(client, BUCKET, body), headers_of(body), body[:-1]):
            while sum(path.stat().st_size for path in folder.glob("*.data")) < 4 * MB + PART:
                client.list_buckets()
            running.kill()
    with process(tmp_path) as (running, url), closing(client_of(aws_session, url)) as client:
        assert [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["whole"]
        assert [part["PartNumber"] for part in listed(client, BUCKET, upload)] == [1]
        assert len(list(folder.glob("*.data"))) == 2


@contextmanager
def process(state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server in a process of its own, and where it listens."""
    command = [sys.executable, "-m", "local.moto", "--state-dir", str(state)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, json.loads(running.stdout.readline())["endpoint_url"]
        finally:
            running.kill()


def client_of(session: boto3.Session, url: str) -> S3Client:
    return make_s3(session, endpoint_url=url)


# -- what it costs

SIZE = 64 * MB
MEMORY = 24 * MB  # less than half an object


def peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells no peak")
def test_a_large_object_goes_in_and_out_in_little_memory(
    aws_session: boto3.Session, tmp_path: Path, anyone: httpx.Client
) -> None:
    block = bytes(range(256)) * 4000
    with process(tmp_path) as (running, url), closing(client_of(aws_session, url)) as client:
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="warm", Body=block)
        before = peak(running.pid)
        put = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=900)
        blocks = (block for _ in range(SIZE // len(block)))
        assert anyone.put(put, content=blocks, headers={"content-length": str(len(block) * 62)}).status_code == 200
        size = client.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"]
        client.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": KEY})
        get = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "copy"}, ExpiresIn=900)
        with anyone.stream("GET", get) as answer:
            assert sum(len(part) for part in answer.iter_raw(MB)) == size == len(block) * 62
        assert code(anyone.put(get, content=block * 20)) == (403, "SignatureDoesNotMatch")
        assert peak(running.pid) - before < MEMORY


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not count what is read")
def test_a_ranged_read_reads_what_it_returns(aws_session: boto3.Session, tmp_path: Path) -> None:
    with process(tmp_path) as (running, url), closing(client_of(aws_session, url)) as client:
        client.create_bucket(Bucket=BUCKET)
        upload = begin(client, BUCKET)
        for number in range(1, 5):
            client.upload_part(
                Bucket=BUCKET, Key=KEY, UploadId=upload, PartNumber=number, Body=bytes([number]) * 16 * MB
            )
        made = complete(client, BUCKET, upload, listed(client, BUCKET, upload))["ETag"]
        before = psutil.Process(running.pid).io_counters().read_chars
        for start in range(0, SIZE, 640_000):
            span = f"bytes={start}-{start + 3999}"
            found = client.get_object(Bucket=BUCKET, Key=KEY, Range=span, IfMatch=made)["Body"].read()
            assert len(found) == 4000
        assert refused(lambda: client.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=0-9", IfMatch='"other"'))
        assert psutil.Process(running.pid).io_counters().read_chars - before < 2 * MB


# -- aws-chunked

WRAPPED = (
    b"5;chunk-signature=0\r\nhello\r\n6\r\n\r\nyou!\r\n0;chunk-signature=0\r\n"
    b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:0\r\n\r\n"
)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_a_wrapped_body_is_unwrapped_wherever_it_is_cut(step: int) -> None:
    unwrapped = Unwrapped()
    plain = b"".join(unwrapped.feed(WRAPPED[at : at + step]) for at in range(0, len(WRAPPED), step))
    assert plain == b"hello\r\nyou!"
    assert unwrapped.ended
    assert unwrapped.trailers["x-amz-checksum-crc32"] == "AAAAAA=="


@pytest.mark.parametrize("body", [b"zz\r\n", b"\r\n", b"5", b"5\r\nhell", b"x" * 10_000])
def test_a_body_that_is_not_wrapped_as_announced_is_no_object(body: bytes) -> None:
    unwrapped = Unwrapped()
    try:
        unwrapped.feed(body)
    except Refused:
        return
    assert not unwrapped.ended


@pytest.mark.parametrize("wrong", [False, True])
def test_a_wrapped_body_is_checked_against_its_trailer(
    client: S3Client, name: str, server: MotoServer, anyone: httpx.Client, *, wrong: bool
) -> None:
    crc = base64.b64encode(zlib.crc32(b"" if wrong else BODY).to_bytes(4, "big")).decode()
    wrapped = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(BODY), BODY, crc.encode())
    sent = {
        "authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request",
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(BODY)),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm": "CRC32",
    }
    answer = anyone.put(f"{server.endpoint_url}/{name}/{KEY}", content=wrapped, headers=sent)
    if wrong:
        assert code(answer) == (400, "BadDigest")
    else:
        found = client.get_object(Bucket=name, Key=KEY, ChecksumMode="ENABLED")
        assert (found["Body"].read(), found["ChecksumCRC32"]) == (BODY, crc)
        assert "ContentEncoding" not in found
    assert is_there(client, name) is not wrong
