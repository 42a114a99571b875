"""The way into S3 for those who hold a signed URL, and multipart uploads.

The rules are those of https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (parts),
…/API/sigv4-query-string-auth.html (signed URLs) and …/userguide/conditional-writes.html (`If-None-Match`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functions.core.documents.bucket import Requests
from functions.core.errors import DocumentMissing
from functions.core.model import Source
from functions.core.uploads import Offer, PartSize, Stored, StoredPart

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ListPartsOutputTypeDef

    from functions.core.ports import Runner

UNCLAIMED = "piecewise=unclaimed"  # the tag by which the bucket's lifecycle rule finds what nobody came back for

_HEADERS = {  # of the parameters that botocore sends as headers, those that we sign
    "ContentLength": "content-length",
    "ContentType": "content-type",
    "IfNoneMatch": "if-none-match",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "Tagging": "x-amz-tagging",
}


class S3Uploads:
    """`ports.Uploads` over boto3: one bucket. Every method may raise DocumentsUnavailable.

    What an offer lists is in the signature: with another length, type, checksum or tag S3 answers 403, with bytes of
    another checksum 400, and 412 where something lies at the key already.
    """

    def __init__(self, client: S3Client, runner: Runner, *, bucket: str, public: S3Client | None = None) -> None:
        """`public`: a client at the address under which those who are handed a URL reach S3; None: the same."""
        self._client = client
        self._public = public or client
        self._requests = Requests(runner)
        self._bucket = bucket

    async def offer(self, key: str, *, size: int, sha256: str, content_type: str, seconds: int) -> Offer:
        """A PUT of exactly this object, once, for so long, or until our own credentials end. `sha256` in hex."""
        bound = {
            "ContentLength": size,
            "ContentType": content_type,
            "IfNoneMatch": "*",
            "ChecksumSHA256": _base64(sha256),
            "Tagging": UNCLAIMED,
        }
        return await self._requests.send(
            "presigning", lambda: self._sign("put_object", {"Key": key}, bound, seconds=seconds)
        )

    async def begin(self, key: str, *, content_type: str, from_client: bool) -> str:
        """Begin a multipart upload: its id. `from_client`: parts carry SHA-256s, and the object is tagged unclaimed."""
        more: dict[str, Any] = {"ChecksumAlgorithm": "SHA256", "Tagging": UNCLAIMED} if from_client else {}
        answer = await self._requests.send(
            "CreateMultipartUpload",
            lambda: self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=content_type, **more
            ),
        )
        return answer["UploadId"]

    async def offer_parts(
        self, key: str, upload_id: str, parts: Mapping[int, PartSize], *, seconds: int
    ) -> dict[int, Offer]:
        """A signed PUT for each of these parts, by number (from 1); half a millisecond of CPU each."""

        def sign(number: int, part: PartSize) -> Offer:
            where = {"Key": key, "UploadId": upload_id, "PartNumber": number}
            bound = {"ContentLength": part.size, "ChecksumSHA256": _base64(part.sha256)}
            return self._sign("upload_part", where, bound, seconds=seconds)

        return await self._requests.send(
            "presigning", lambda: {number: sign(number, part) for number, part in parts.items()}
        )

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> StoredPart:
        """Store a part; one of the same number is replaced. All but the last are of 5 MiB at least."""
        answer = await self._requests.send(
            "UploadPart",
            lambda: self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data
            ),
        )
        return StoredPart(answer["ETag"], len(data), None)

    async def parts(self, key: str, upload_id: str) -> dict[int, StoredPart] | None:
        """The parts that are there, by number; None: there is no such upload (any more)."""
        found: dict[int, StoredPart] = {}
        more, after = True, 0
        while more:
            page = await self._page(key, upload_id, after)
            if page is None:
                return None
            for part in page.get("Parts", []):
                sha256 = _hex(part["ChecksumSHA256"]) if "ChecksumSHA256" in part else None
                found[part["PartNumber"]] = StoredPart(part["ETag"], part["Size"], sha256)
            more, after = page.get("IsTruncated", False), page.get("NextPartNumberMarker", 0)
        return found

    async def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart], *, once: bool) -> None:
        """Make the object of its parts; of one that is there already (`once`), or an upload that is gone: nothing.

        Gone it is too when an earlier try has worked and its answer was lost: whoever must know looks for the object.
        Of an upload with checksums S3 wants them all once more. A conflict with somebody who writes or deletes the
        same object in that moment (409) is DocumentsUnavailable: the next try finds it decided.
        """
        done = [_completed(number, part) for number, part in sorted(parts.items())]
        more: dict[str, Any] = {"IfNoneMatch": "*"} if once else {}
        no = ("NoSuchUpload", "PreconditionFailed") if once else ("NoSuchUpload",)
        await self._requests.ask(
            "CompleteMultipartUpload",
            lambda: self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": done}, **more
            ),
            *no,
        )

    async def abort(self, key: str, upload_id: str) -> None:
        """End a multipart upload; one that is gone is fine. A part under way may outlive it: abort again later."""
        await self._requests.ask(
            "AbortMultipartUpload",
            lambda: self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id),
            "NoSuchUpload",
        )

    async def look(self, key: str) -> Stored | None:
        """What lies there; None: nothing."""
        answer = await self._requests.ask(
            "HeadObject",
            lambda: self._client.head_object(Bucket=self._bucket, Key=key),
            "404",  # all that an answer without a body can say
        )
        return answer and Stored(answer["ContentLength"], answer["ETag"], answer.get("VersionId"))

    async def keep(self, source: Source) -> None:
        """Take the tag off, so that no lifecycle rule takes an upload for unclaimed. Raises DocumentMissing."""
        which: dict[str, str] = {"VersionId": source.version} if source.version else {}
        kept = await self._requests.ask(
            "DeleteObjectTagging",
            lambda: self._client.delete_object_tagging(Bucket=self._bucket, Key=source.key, **which),
            "MethodNotAllowed",  # all that is left is the mark of its deletion
        )
        if kept is None:
            raise DocumentMissing("the stored document is not there any more")

    async def _page(self, key: str, upload_id: str, after: int) -> ListPartsOutputTypeDef | None:
        return await self._requests.ask(
            "ListParts",
            lambda: self._client.list_parts(Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumberMarker=after),
            "NoSuchUpload",
        )

    def _sign(self, method: str, where: Mapping[str, Any], bound: Mapping[str, Any], *, seconds: int) -> Offer:
        url = self._public.generate_presigned_url(
            method, Params={"Bucket": self._bucket, **where, **bound}, ExpiresIn=seconds
        )
        return Offer(url, {_HEADERS[name]: str(value) for name, value in bound.items()})


def _completed(number: int, part: StoredPart) -> CompletedPartTypeDef:
    if part.sha256 is None:
        return {"PartNumber": number, "ETag": part.etag}
    return {"PartNumber": number, "ETag": part.etag, "ChecksumSHA256": _base64(part.sha256)}


def _base64(sha256: str) -> str:
    return b64encode(bytes.fromhex(sha256)).decode()


def _hex(sha256: str) -> str:
    return b64decode(sha256).hex()
