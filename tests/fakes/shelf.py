"""The bucket in memory."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5, sha256
from itertools import count
from urllib.parse import parse_qs, urlsplit

from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable
from functions.core.model import Source
from functions.core.uploads import Offer, PartSize, Stored, StoredPart

TAGGED = "piecewise=unclaimed"


@lru_cache(maxsize=4)  # of a large document it takes a while, and every read asks
def etag_of(data: bytes) -> str:
    """As S3 makes it of an object that came in one piece."""
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


@dataclass
class MemoryDocuments:
    """`functions.core.ports.Documents`; `reads` notes every ranged read."""

    objects: dict[str, bytes] = field(default_factory=dict)
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    away: bool = False

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Keep the object."""
        self.present()
        self.objects[key] = data

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """Keep the blocks as one object."""
        self.present()
        data = b"".join([block async for block in blocks])
        self.objects[key] = data
        return len(data)

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """Exactly these bytes."""
        self.present()
        key = source.key
        self.reads.append((key, byte_start, byte_end))
        if byte_start == byte_end:
            return b""
        if key not in self.objects:
            raise DocumentMissing(f"{key} is not in the bucket")
        if source.etag is not None and source.etag != etag_of(self.objects[key]):
            raise DocumentUnreadable(f"{key} is not the one that was accepted")
        data = self.objects[key][source.skip + byte_start : source.skip + byte_end]
        if len(data) != byte_end - byte_start:
            raise DocumentUnreadable(f"{key} is shorter than its plan says")
        return data

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Drop the object."""
        self.present()
        self.objects.pop(key, None)

    async def presign(self, key: str, *, seconds: int) -> str:
        """A link that names the key."""
        return f"https://bucket.example/{key}?seconds={seconds}"

    def present(self) -> None:
        """Raise when the bucket is away."""
        if self.away:
            raise DocumentsUnavailable("the bucket is away")


@dataclass
class Multipart:
    """An upload under way."""

    key: str
    tagged: bool
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class MemoryUploads:
    """`functions.core.ports.Uploads` over the objects of a MemoryDocuments.

    `uploads` is what is under way, `tagged` the keys that a lifecycle rule would take; `send` plays the client.
    """

    documents: MemoryDocuments
    uploads: dict[str, Multipart] = field(default_factory=dict)
    tagged: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def offer(self, key: str, *, size: int, sha256: str, content_type: str, seconds: int) -> Offer:
        """A URL that names the key."""
        headers = {**_bound(size, sha256), "content-type": content_type, "if-none-match": "*", "x-amz-tagging": TAGGED}
        return Offer(f"https://bucket.example/{key}?seconds={seconds}", headers)

    async def begin(self, key: str, *, content_type: str, from_client: bool) -> str:
        """Begin one."""
        self.documents.present()
        upload_id = f"upload-{next(self.numbers)}"
        self.uploads[upload_id] = Multipart(key, tagged=from_client)
        return upload_id

    async def offer_parts(
        self, key: str, upload_id: str, parts: Mapping[int, PartSize], *, seconds: int
    ) -> dict[int, Offer]:
        """URLs that name the key, the upload and the part."""
        url = f"https://bucket.example/{key}?uploadId={upload_id}&seconds={seconds}&partNumber="
        return {number: Offer(f"{url}{number}", _bound(part.size, part.sha256)) for number, part in parts.items()}

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> StoredPart:
        """Keep the part."""
        self.documents.present()
        if upload_id not in self.uploads:
            raise DocumentsUnavailable("S3 UploadPart: NoSuchUpload")
        self.uploads[upload_id].parts[number] = data
        return StoredPart(etag_of(data), len(data), None)

    async def parts(self, key: str, upload_id: str) -> dict[int, StoredPart] | None:
        """What is there."""
        self.documents.present()
        if upload_id not in self.uploads:
            return None
        upload = self.uploads[upload_id]
        return {
            number: StoredPart(etag_of(data), len(data), sha256(data).hexdigest() if upload.tagged else None)
            for number, data in sorted(upload.parts.items())
        }

    async def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart], *, once: bool) -> None:
        """Join the parts, where they are those that were listed."""
        self.documents.present()
        if upload_id not in self.uploads or (once and key in self.documents.objects):
            return
        upload = self.uploads[upload_id]
        pieces = [upload.parts[number] for number in sorted(parts)]
        if [etag_of(piece) for piece in pieces] != [part.etag for _, part in sorted(parts.items())]:
            raise DocumentsUnavailable("S3 CompleteMultipartUpload: InvalidPart")
        self.documents.objects[key] = b"".join(pieces)
        self.tagged |= {key} if upload.tagged else set()
        del self.uploads[upload_id]

    async def abort(self, key: str, upload_id: str) -> None:
        """Forget it."""
        self.documents.present()
        self.uploads.pop(upload_id, None)

    async def look(self, key: str) -> Stored | None:
        """Size and ETag of what lies there."""
        self.documents.present()
        data = self.documents.objects.get(key)
        return None if data is None else Stored(len(data), etag_of(data), None)

    async def keep(self, source: Source) -> None:
        """Take the tag off."""
        self.documents.present()
        if source.key not in self.documents.objects:
            raise DocumentMissing(f"{source.key} is not in the bucket")
        self.tagged.discard(source.key)

    def send(self, url: str, headers: Mapping[str, str], data: bytes) -> int:
        """What a client's PUT of `data` to an offer comes to: S3's status."""
        parts = urlsplit(url)
        key, query = parts.path.removeprefix("/"), parse_qs(parts.query)
        if headers["content-length"] != str(len(data)):
            return 403
        if headers["x-amz-checksum-sha256"] != _bound(0, sha256(data).hexdigest())["x-amz-checksum-sha256"]:
            return 400
        if "uploadId" in query:
            return self._send_part(query["uploadId"][0], int(query["partNumber"][0]), data)
        if key in self.documents.objects:
            return 412
        self.documents.objects[key] = data
        self.tagged.add(key)
        return 200

    def _send_part(self, upload_id: str, number: int, data: bytes) -> int:
        if upload_id not in self.uploads:
            return 404
        self.uploads[upload_id].parts[number] = data
        return 200


def _bound(size: int, sha256: str) -> dict[str, str]:
    return {"content-length": str(size), "x-amz-checksum-sha256": b64encode(bytes.fromhex(sha256)).decode()}
