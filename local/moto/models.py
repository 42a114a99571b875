"""moto's S3 with the bytes of objects and parts in files, and every change noted.

ETags are drawn, and stay: an MD5 of 3.5 MB takes 10 ms of an upload, and S3 promises none. For encrypted objects and
those of several parts its ETag is no MD5 of the bytes either.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, MissingKey, NoSuchUpload
from moto.s3.models import FakeBucket, FakeKey, FakeMultipart, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

from local.moto.arriving import KNOWN
from local.moto.doing import NOW, Doing, held_by, hold
from local.moto.held import Held


class WatchedKeys(_VersionedKeyStore):
    """A bucket's keys; notes which of them a request changes, however it does: put, copy, multipart, batch delete."""

    def __init__(self, bucket: str) -> None:
        super().__init__()
        self._bucket = bucket

    def __setitem__(self, key: str, value: Any) -> None:
        self._note(key)
        super().__setitem__(key, value)

    def setlist(self, key: Any, list_: Any) -> None:
        """As moto's."""
        self._note(key)
        super().setlist(key, list_)

    def pop(self, key: str) -> None:  # type: ignore[override]
        """As moto's."""
        self._note(key)
        super().pop(key)

    def _note(self, key: str) -> None:
        doing = NOW.get(None)
        if doing is not None:
            doing.objects.add((self._bucket, key))


class HeldUpload(FakeMultipart):
    """An unfinished upload whose parts lie in files; the object is made of those files, and no byte is copied."""

    bucket_name = ""

    def set_part(self, part_id: int, value: bytes) -> FakeKey:
        """As moto's, with the checksum that came with the part."""
        doing = NOW.get()
        part = super().set_part(part_id, b"")
        part._etag = uuid.uuid4().hex  # noqa: SLF001
        hold(part, doing.take(self.bucket_name, value))
        if doing.checksum is not None:
            part.checksum_algorithm = doing.checksum.algorithm.upper()
            part.checksum_value = doing.checksum.value
        doing.parts.add((self.bucket_name, self.id, part_id))
        return part

    def complete(self, body: Iterator[tuple[int, str]]) -> tuple[bytes, str, tuple[str, str, int] | None]:
        """As moto's. Raises moto's InvalidPart, EntityTooSmall, MalformedXML."""
        chosen = [self._chosen(number, etag) for number, etag in body]
        if not chosen:
            raise MalformedXML
        if any(part.size < S3_UPLOAD_PART_MIN_SIZE for part in chosen[:-1]):
            raise EntityTooSmall
        NOW.get().arrived = Held([piece for part in chosen for piece in held_by(part).pieces])
        return b"", f"{uuid.uuid4().hex}-{len(chosen)}", self._checksum(chosen)

    @property
    def algorithm(self) -> str | None:
        """The checksum that every part must bring, as `SHA256`; None: none was announced."""
        announced: str | None = self.metadata.get("x-amz-checksum-algorithm")
        return announced

    def _chosen(self, number: int, etag: str) -> FakeKey:
        part = self.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart
        return part

    def _checksum(self, chosen: list[FakeKey]) -> tuple[str, str, int] | None:
        """Of the parts' checksums; None where S3 would need one of the whole object."""
        values = [part.checksum_value for part in chosen]
        known = KNOWN.get((self.algorithm or "").lower())
        if known is None or self.metadata.get("x-amz-checksum-type") == "FULL_OBJECT" or None in values:
            return None
        whole = known()
        for value in values:
            whole.update(base64.b64decode(value or ""))
        return "COMPOSITE", base64.b64encode(whole.digest()).decode(), len(chosen)


class WatchedS3(S3Backend):
    """moto's S3, so changed. Whatever stores or changes something runs within a `Doing`."""

    def put_object(
        self,
        bucket_name: str,
        key_name: str,
        value: bytes,
        storage: str | None = None,
        etag: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> FakeKey:
        """As moto's."""
        etag = etag or uuid.uuid4().hex
        key = super().put_object(bucket_name, key_name, b"", storage, etag, *args, **kwargs)
        hold(key, NOW.get().take(bucket_name, value))
        return key

    def put_object_tagging(self, key: FakeKey, tags: dict[str, str] | None) -> FakeKey:
        """As moto's."""
        NOW.get().objects.add((str(key.bucket_name), key.name))
        return super().put_object_tagging(key, tags)

    def delete_object_tagging(self, bucket_name: str, key_name: str, version_id: str | None = None) -> None:
        """As moto's. Raises moto's MissingKey, where it would fail itself."""
        if self.get_object(bucket_name, key_name, version_id=version_id) is None:
            raise MissingKey(key=key_name)
        NOW.get().objects.add((bucket_name, key_name))
        super().delete_object_tagging(bucket_name, key_name, version_id)

    def create_bucket(self, bucket_name: str, region_name: str, bucket_namespace: str | None = None) -> FakeBucket:
        """As moto's, but a name need not be free in the other servers of this process."""
        if bucket_name not in self.buckets:
            s3_backends.bucket_accounts.pop(bucket_name, None)
        bucket = super().create_bucket(bucket_name, region_name, bucket_namespace)
        bucket.keys = WatchedKeys(bucket_name)
        return bucket

    def create_multipart_upload(
        self, bucket_name: str, key_name: str, metadata: Any, storage_type: str, *args: Any, **kwargs: Any
    ) -> FakeMultipart:
        """As moto's."""
        bucket = self.get_bucket(bucket_name)
        upload = self.new_upload(bucket_name, key_name, metadata, storage_type, *args, **kwargs)
        bucket.multiparts[upload.id] = upload
        NOW.get().uploads.add((bucket_name, upload.id))
        return upload

    def new_upload(
        self, bucket_name: str, key_name: str, metadata: Any, storage: str | None, *args: Any, **kwargs: Any
    ) -> HeldUpload:
        """An upload that is in no bucket yet."""
        upload = HeldUpload(key_name, metadata, self.account_id, self.region_name, storage, *args, **kwargs)
        upload.bucket_name = bucket_name
        return upload

    def upload_part(self, bucket_name: str, multipart_id: str, part_id: int, value: bytes) -> FakeKey:
        """As moto's. Raises moto's NoSuchUpload."""
        self._ours(bucket_name, multipart_id)
        return super().upload_part(bucket_name, multipart_id, part_id, value)

    def complete_multipart_upload(
        self, bucket_name: str, multipart_id: str, body: Iterator[tuple[int, str]]
    ) -> FakeKey | None:
        """As moto's. Raises moto's NoSuchUpload."""
        self._ours(bucket_name, multipart_id).uploads.add((bucket_name, multipart_id))
        return super().complete_multipart_upload(bucket_name, multipart_id, body)

    def abort_multipart_upload(self, bucket_name: str, multipart_id: str) -> None:
        """As moto's."""
        NOW.get().uploads.add((bucket_name, multipart_id))
        super().abort_multipart_upload(bucket_name, multipart_id)

    def _ours(self, bucket_name: str, upload_id: str) -> Doing:
        if upload_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=upload_id)
        return NOW.get()
