"""What the product's own S3 adapters talk to: a client with boto3's methods, as far as the adapters use them."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from local.simulation.faults import Fault, Faults

_PAGE = 2  # parts that a listing names
UNCLAIMED = "piecewise=unclaimed"

# ruff: noqa: N803, ARG002 (boto3's names)


@dataclass
class Multipart:
    """A multipart upload under way."""

    key: str
    tag: str | None
    checksums: bool
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class SimulatedS3:
    """boto3's S3 client over objects in memory. Whoever deletes what somebody needs breaks a promise."""

    faults: Faults
    random: Random
    clock: Callable[[], float]
    violations: list[str]
    needed: Callable[[str], bool] = lambda _: False
    objects: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    put_at: dict[str, float] = field(default_factory=dict)
    uploads: dict[str, Multipart] = field(default_factory=dict)
    begun: int = 0
    refuses: bool = False  # to delete anything

    # -- what the product asks for

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:
        """Store an object."""
        self._store(Key, bytes(Body))
        return {}

    def get_object(
        self, *, Bucket: str, Key: str, Range: str, IfMatch: str | None = None, VersionId: str | None = None
    ) -> dict[str, Any]:
        """A part of an object, or less of it than the answer says it has."""
        data = self._object(Key, "GetObject")
        if IfMatch not in (None, etag(data)):
            raise refusal("PreconditionFailed", "GetObject")
        first, _, last = Range.removeprefix("bytes=").partition("-")
        if int(first) >= len(data):
            raise refusal("InvalidRange", "GetObject")
        data = data[int(first) : int(last) + 1]
        length = len(data)
        if self.faults.strikes(Fault.S3_TRUNCATED):
            data = data[: self.random.randrange(length)]
        return {"Body": StreamingBody(io.BytesIO(data), length)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """What is known of an object; a HEAD has no body to say more in."""
        if Key not in self.objects:
            raise refusal("404", "HeadObject")
        return {"ContentLength": len(self.objects[Key]), "ETag": etag(self.objects[Key])}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """Drop an object."""
        if self.refuses:
            raise refusal("SlowDown", "DeleteObject")
        if self.needed(Key):
            self.violations.append(f"{Key} is deleted, and what it belongs to is there")
        self.objects.pop(Key, None)
        self.tags.pop(Key, None)
        return {}

    def delete_object_tagging(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """Take the tag off."""
        self._object(Key, "DeleteObjectTagging")
        self.tags.pop(Key, None)
        return {}

    def create_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        ContentType: str,
        ChecksumAlgorithm: str | None = None,
        Tagging: str | None = None,
    ) -> dict[str, Any]:
        """Begin one."""
        self.begun += 1
        upload_id = f"upload{self.begun}"
        self.uploads[upload_id] = Multipart(Key, Tagging, ChecksumAlgorithm is not None)
        return {"UploadId": upload_id}

    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes) -> dict[str, Any]:
        """Store a part."""
        self._upload(UploadId, "UploadPart").parts[PartNumber] = bytes(Body)
        return {"ETag": etag(Body)}

    def list_parts(self, *, Bucket: str, Key: str, UploadId: str, PartNumberMarker: int) -> dict[str, Any]:
        """A page of what is there."""
        upload = self._upload(UploadId, "ListParts")
        after = sorted(number for number in upload.parts if number > PartNumberMarker)
        page = [_listed(number, upload) for number in after[:_PAGE]]
        more = {"NextPartNumberMarker": page[-1]["PartNumber"]} if page else {}
        return {"Parts": page, "IsTruncated": len(after) > _PAGE, **more}

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        MultipartUpload: Mapping[str, Any],
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """Join the parts, which must be those that are there."""
        upload = self._upload(UploadId, "CompleteMultipartUpload")
        if IfNoneMatch and self.faults.strikes(Fault.S3_CONFLICT):
            raise refusal("ConditionalRequestConflict", "CompleteMultipartUpload")
        if IfNoneMatch and Key in self.objects:
            raise refusal("PreconditionFailed", "CompleteMultipartUpload")
        wanted = [_completed(number, upload) for number in sorted(upload.parts)]
        if list(MultipartUpload["Parts"]) != wanted:
            raise refusal("InvalidPart", "CompleteMultipartUpload")
        self._store(Key, b"".join(upload.parts[number] for number in sorted(upload.parts)), upload.tag)
        del self.uploads[UploadId]
        return {}

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> dict[str, Any]:
        """End one."""
        self._upload(UploadId, "AbortMultipartUpload")
        del self.uploads[UploadId]
        return {}

    def generate_presigned_url(self, method: str, *, Params: Mapping[str, Any], ExpiresIn: int) -> str:
        """A link that nobody follows: clients of a history know the way."""
        return f"https://s3.example/{Params['Key']}?{method}"

    # -- what clients do with the links that they were given

    def send(self, key: str, data: bytes) -> None:
        """The single PUT of an upload, once: of a second one S3 takes nothing."""
        if key not in self.objects:
            self._store(key, data, UNCLAIMED)

    def send_part(self, key: str, number: int, data: bytes) -> None:
        """A part; nothing happens when its upload has ended."""
        for upload in self.uploads.values():
            if upload.key == key and upload.checksums:
                upload.parts[number] = data

    def _store(self, key: str, data: bytes, tag: str | None = None) -> None:
        self.objects[key] = data
        self.put_at[key] = self.clock()
        self.tags.pop(key, None)
        if tag:
            self.tags[key] = tag

    def _object(self, key: str, operation: str) -> bytes:
        if key not in self.objects:
            raise refusal("NoSuchKey", operation)
        return self.objects[key]

    def _upload(self, upload_id: str, operation: str) -> Multipart:
        if upload_id not in self.uploads:
            raise refusal("NoSuchUpload", operation)
        return self.uploads[upload_id]


def etag(data: bytes) -> str:
    """Another for other bytes."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def refusal(code: str, operation: str) -> ClientError:
    """S3's no."""
    return ClientError({"Error": {"Code": code}}, operation)


def _completed(number: int, upload: Multipart) -> dict[str, Any]:
    data = upload.parts[number]
    checksum = {"ChecksumSHA256": b64encode(hashlib.sha256(data).digest()).decode()} if upload.checksums else {}
    return {"PartNumber": number, "ETag": etag(data), **checksum}


def _listed(number: int, upload: Multipart) -> dict[str, Any]:
    return {**_completed(number, upload), "Size": len(upload.parts[number])}
