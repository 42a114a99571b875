"""S3 objects and unfinished uploads on disk: there before their request is answered, there again after a restart.

In `<folder>/<bucket>/` a record of JSON says what an object, an upload or a part is, and names the files of its bytes.
Records appear by rename, so a process that is killed leaves whole objects or none; a file that no record names is
cleared away on start.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.s3.models import FakeBucket, FakeKey
from requests.structures import CaseInsensitiveDict

from local.moto import records
from local.moto.doing import NOW, Doing, held_by, hold
from local.moto.held import Held, Piece
from local.moto.models import HeldUpload, WatchedS3

log = logging.getLogger(__name__)

_KEPT = (
    "_etag", "_storage_class", "_version_id", "_is_versioned", "encryption",
    "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts",
)  # fmt: skip


class Archive:
    """Keeps the folder and moto's buckets the same. Loading happens on construction."""

    def __init__(self, folder: Path, backend: WatchedS3) -> None:
        self.folder = folder
        self._backend = backend
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for bucket in sorted(folder.iterdir()):
            self._load(bucket)

    @contextlib.contextmanager
    def following(self, *, alone: bool) -> Iterator[Doing]:
        """What the block changes is on disk when it ends; `alone`: while no other such block runs."""
        doing = Doing(self.folder)
        token = NOW.set(doing)
        with self._lock if alone else contextlib.nullcontext():
            try:
                yield doing
            finally:
                NOW.reset(token)
                self._follow(doing)

    # -- from memory to disk

    def _follow(self, doing: Doing) -> None:
        for bucket, key in doing.objects:
            self._follow_object(bucket, key)
        for bucket, upload_id in doing.uploads:
            self._follow_upload(bucket, upload_id)
        for bucket, upload_id, number in doing.parts:
            self._follow_part(bucket, upload_id, number)

    def _follow_object(self, bucket_name: str, key_name: str) -> None:
        folder = records.place(self.folder, bucket_name)
        path = folder / (records.digest(key_name) + records.OBJECT)
        bucket = self._backend.buckets.get(bucket_name)
        versions = bucket.keys.getlist(key_name, []) if bucket is not None else []
        kept = [self._about(key) for key in versions if isinstance(key, FakeKey)]
        records.replace(path, {"key": key_name, "versions": kept} if kept else None)

    def _about(self, key: FakeKey) -> records.Record:
        about = _about(key)
        return {**about, "tags": self._backend.tagger.get_tag_dict_for_resource(key.arn)}

    def _follow_upload(self, bucket_name: str, upload_id: str) -> None:
        folder = records.place(self.folder, bucket_name)
        path = folder / (upload_id + records.UPLOAD)
        bucket = self._backend.buckets.get(bucket_name)
        upload = bucket.multiparts.get(upload_id) if bucket is not None else None
        if upload is not None:
            folder.mkdir(parents=True, exist_ok=True)
            about = {"key": upload.key_name, "metadata": dict(upload.metadata), "tags": upload.tags}
            records.write(path, {**about, "storage": upload.storage, "encryption": upload.sse_encryption})
        elif path.exists():
            records.forget_upload(path)

    def _follow_part(self, bucket_name: str, upload_id: str, number: int) -> None:
        part = self._backend.buckets[bucket_name].multiparts[upload_id].parts[number]
        path = records.place(self.folder, bucket_name) / f"{upload_id}.{number}{records.PART}"
        records.replace(path, {"number": number, **_about(part)})

    # -- from disk to memory

    def _load(self, folder: Path) -> None:
        bucket = self._backend.create_bucket(unquote(folder.name), "us-east-1")
        for old in [path for path in folder.iterdir() if not path.suffix]:
            _tell(old, records.adopt)
        for path in folder.glob("*" + records.OBJECT):
            _tell(path, partial(self._load_object, bucket))
        used = {name for path in folder.glob("*" + records.OBJECT) for name in records.names(path)}
        for path in folder.glob("*" + records.UPLOAD):
            if used.isdisjoint(records.names_of_parts(path)):
                _tell(path, partial(self._load_upload, bucket))
            else:  # the object was made, and its upload not cleared away any more
                path.unlink()
        records.sweep(folder, used)

    def _load_object(self, bucket: FakeBucket, path: Path) -> None:
        about = json.loads(path.read_bytes())
        keys = [self._key(about["key"], each, path.parent, bucket.name) for each in about["versions"]]
        bucket.keys.setlist(about["key"], keys)
        for key, each in zip(keys, about["versions"], strict=True):
            self._backend.tagger.tag_resource(
                key.arn, self._backend.tagger.convert_dict_to_tags_input(each.get("tags"))
            )
        if any(key._is_versioned for key in keys):  # noqa: SLF001
            bucket.versioning_status = "Enabled"

    def _load_upload(self, bucket: FakeBucket, path: Path) -> None:
        about = json.loads(path.read_bytes())
        upload = self._backend.new_upload(
            bucket.name, about["key"], CaseInsensitiveDict(about["metadata"]), about["storage"], about["tags"],
            sse_encryption=about["encryption"],
        )  # fmt: skip
        upload.id = path.stem
        bucket.multiparts[upload.id] = upload
        for record in records.parts(path):
            _tell(record, partial(self._load_part, upload))

    def _load_part(self, upload: HeldUpload, path: Path) -> None:
        about = json.loads(path.read_bytes())
        number = about["number"]
        upload.parts[number] = self._key(number, about, path.parent, upload.bucket_name)
        upload.partlist = sorted(upload.parts)

    def _key(self, name: Any, about: records.Record, folder: Path, bucket: str) -> FakeKey:
        """Raises ValueError when not all its bytes are there."""
        held = Held([Piece(folder / file, start, size) for file, start, size in about["pieces"]])
        for piece in held.pieces:
            if not piece.path.exists() or piece.path.stat().st_size < piece.start + piece.size:
                raise ValueError(f"{piece.path.name} is not as long as it was")
        key = FakeKey(name, b"", self._backend.account_id, self._backend.region_name, bucket_name=bucket)
        for attribute, value in about["kept"].items():
            setattr(key, attribute, value)
        key.last_modified = datetime.fromisoformat(about["modified"])
        key.metadata.update(about["metadata"])
        hold(key, held)
        return key


def _about(key: FakeKey) -> records.Record:
    return {
        "modified": key.last_modified.isoformat(),
        "metadata": dict(key.metadata),
        "kept": {name: getattr(key, name) for name in _KEPT},
        "pieces": [(path.name, start, size) for path, start, size in held_by(key).pieces],
    }


def _tell(path: Path, load: Callable[[Path], None]) -> None:
    """A damaged file does not stop the others: the power went, and a rename was on disk before its bytes."""
    try:
        load(path)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged and left out: %s", path, error)
