"""S3 objects on disk: written before the request that brought them is answered, registered again on start.

One file an object, `<folder>/<bucket>/<sha256 of the key>`: a line of JSON that says what the object is, then its
bytes. Files appear by rename, so a process that is killed leaves whole objects or none. Once on disk an object is read
from there, and takes no memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore

_CHANGES: ContextVar[set[tuple[str, str]] | None] = ContextVar("changes", default=None)
"""(bucket, key) that the request in work has touched; requests run on threads, each with its own context."""

log = logging.getLogger(__name__)

_KEPT = (
    "_etag", "_storage_class", "encryption", "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts",
)  # fmt: skip


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
        changes = _CHANGES.get()
        if changes is not None:
            changes.add((self._bucket, key))


class WatchedS3(S3Backend):
    """moto's S3 whose buckets tell what changes, and whose ETags are drawn.

    An MD5 of 3.5 MB takes 10 ms of an upload, and S3 promises none: for encrypted objects its ETag is not an MD5.
    """

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
        return super().put_object(bucket_name, key_name, value, storage, etag or uuid.uuid4().hex, *args, **kwargs)

    def create_bucket(self, bucket_name: str, region_name: str, bucket_namespace: str | None = None) -> FakeBucket:
        """As moto's, but a name need not be free in the other servers of this process."""
        if bucket_name not in self.buckets:
            s3_backends.bucket_accounts.pop(bucket_name, None)
        bucket = super().create_bucket(bucket_name, region_name, bucket_namespace)
        bucket.keys = WatchedKeys(bucket_name)
        return bucket


class FileBytes:
    """What moto's object reads its bytes from: a part of a file, opened for each read."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._start = start
        self._at = 0

    def seek(self, offset: int) -> None:
        """Go to `offset` of the object."""
        self._at = offset

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises OSError when the object was deleted."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._start + self._at)
            data = file.read(size) or b""
        self._at += len(data)
        return data

    def close(self) -> None:
        """Nothing is held open."""


class Archive:
    """Keeps the folder and moto's buckets the same. `load` happens on construction."""

    def __init__(self, folder: Path, backend: S3Backend) -> None:
        self._folder = folder
        self._backend = backend
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for place in sorted(folder.iterdir()):
            self._load_bucket(place)

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """What the block changes in a bucket is on disk when it ends."""
        changes: set[tuple[str, str]] = set()
        token = _CHANGES.set(changes)
        try:
            yield
        finally:
            _CHANGES.reset(token)
            for bucket, key in changes:
                with self._lock:
                    self._follow(bucket, key)

    def _follow(self, bucket_name: str, key_name: str) -> None:
        path = self._path(bucket_name, key_name)
        bucket = self._backend.buckets.get(bucket_name)
        key = bucket.keys.get(key_name) if bucket is not None else None
        if isinstance(key, FakeKey):
            path.parent.mkdir(exist_ok=True)
            _keep(key, path)
        else:
            path.unlink(missing_ok=True)

    def _path(self, bucket: str, key: str) -> Path:
        """A key may be 1,024 bytes of anything; a file name may not."""
        return self._folder / quote(bucket, safe="") / hashlib.sha256(key.encode()).hexdigest()

    def _load_bucket(self, place: Path) -> None:
        name = unquote(place.name)
        bucket = self._backend.create_bucket(name, "us-east-1")
        for path in place.iterdir():
            if path.suffix:
                path.unlink()  # a write that was cut short
                continue
            try:
                key = _register(path, self._backend, name)
            except ValueError as error:  # the power went: a rename was on disk before its bytes
                log.warning("%s is damaged and left out: %s", path, error)
            else:
                bucket.keys[key.name] = key


def _keep(key: FakeKey, path: Path) -> None:
    """Write the object, then read it from there instead of from memory."""
    about = json.dumps(
        {
            "key": key.name,
            "size": key.size,
            "modified": key.last_modified.isoformat(),
            "metadata": dict(key.metadata),
            "kept": {name: getattr(key, name) for name in _KEPT},
        }
    )
    head = about.encode() + b"\n"
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(head)
        file.write(key.value)
    draft.replace(path)
    _read_from(key, FileBytes(path, len(head)))


def _register(path: Path, backend: S3Backend, bucket: str) -> FakeKey:
    """Raises ValueError for a file that is not whole."""
    with path.open("rb") as file:
        head = file.readline()
    about = json.loads(head)
    if path.stat().st_size != len(head) + about["size"]:
        raise ValueError("its length is not what it says")
    key = FakeKey(about["key"], b"", backend.account_id, backend.region_name, bucket_name=bucket, version_id="null")
    for name, value in about["kept"].items():
        setattr(key, name, value)
    key.last_modified = datetime.fromisoformat(about["modified"])
    key.metadata.update(about["metadata"])
    key.contentsize = about["size"]
    _read_from(key, FileBytes(path, len(head)))
    return key


def _read_from(key: FakeKey, source: FileBytes) -> None:
    with key.lock:
        key._value_buffer.close()  # noqa: SLF001 - moto offers no other place to put it
        key._value_buffer = source  # type: ignore[assignment]  # noqa: SLF001
    if key.multipart is not None:  # the parts of an upload are a second copy of it
        key.multipart.dispose()
        key.multipart = None
