"""What rooms need from the world, as Protocols; wiring hands in the real ones, a test or a simulator its own.

Everything is async so that a simulator can drive the rooms on a loop with virtual time; the AWS and SQL adapters run
their synchronous clients on threads. Every method may raise the `Retryable` of its port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from functions.core.model import (
    ChunkHint,
    Metric,
    ModelAnswer,
    ModelCall,
    PlanHint,
    Source,
)
from functions.core.uploads import Offer, PartSize, Stored, StoredPart

T = TypeVar("T")


class Runner(Protocol):
    """Runs a blocking call without blocking the loop: on a thread, or inline in a simulation."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]: ...


class Deadline(Protocol):
    """When the invocation ends."""

    def remaining(self) -> float:
        """Seconds left; never negative."""
        ...


class Provider(Protocol):
    """A model, opened for one invocation (a client may belong to an event loop)."""

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The model's answer to one chunk. Raises ProviderError, nothing else."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Providers(Protocol):
    """The models this deployment may use."""

    def check(self, model: str) -> None:
        """Raise Rejected (422, naming the models there are) when `model` is not one of them."""
        ...

    def open(self, model: str) -> Provider:
        """The provider for a model. Raises ProviderError when it cannot be opened (no key, unknown name)."""
        ...


class Meter(Protocol):
    """Where operators count."""

    def add(self, metric: Metric, value: int) -> None:
        """Add to what this invocation reports; 0 is a report too."""
        ...

    def flush(self) -> None:
        """Report what was added since the last time."""
        ...


class Documents(Protocol):
    """The bucket: documents by key, read by byte ranges, and large results."""

    async def put(self, key: str, data: bytes, *, content_type: str) -> None: ...

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """Store the blocks as one object in constant memory; its size in bytes."""
        ...

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """The bytes `byte_start` to `byte_end` (half-open) of the text, exactly.

        Raises DocumentMissing; DocumentUnreadable when it is shorter, or is not the version that was accepted.
        """
        ...

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Delete an object; one that is gone already is fine."""
        ...

    async def presign(self, key: str, *, seconds: int) -> str:
        """A URL under which anyone may read the object for so long."""
        ...


class Uploads(Protocol):
    """The way into the bucket for those who have a signed URL, and multipart uploads. Raises DocumentsUnavailable."""

    async def offer(self, key: str, *, size: int, sha256: str, content_type: str, seconds: int) -> Offer:
        """A PUT of exactly this object, signed: once (`If-None-Match: *`), for so long. `sha256` in hex."""
        ...

    async def begin(self, key: str, *, content_type: str, from_client: bool) -> str:
        """Begin a multipart upload: its id. `from_client`: parts carry SHA-256s, and the object is tagged unclaimed."""
        ...

    async def offer_parts(
        self, key: str, upload_id: str, parts: Mapping[int, PartSize], *, seconds: int
    ) -> dict[int, Offer]:
        """A signed PUT for each of these parts, by number (from 1)."""
        ...

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> StoredPart: ...

    async def parts(self, key: str, upload_id: str) -> dict[int, StoredPart] | None:
        """The parts that are there, by number; None: there is no such upload (any more)."""
        ...

    async def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart], *, once: bool) -> None:
        """Make the object of its parts; of one that is there already (`once`), or an upload that is gone: nothing."""
        ...

    async def abort(self, key: str, upload_id: str) -> None:
        """End a multipart upload; one that is gone is fine."""
        ...

    async def look(self, key: str) -> Stored | None:
        """What lies there; None: nothing."""
        ...

    async def keep(self, source: Source) -> None:
        """Take the tag off, so that no lifecycle rule takes an upload for unclaimed. Raises DocumentMissing."""
        ...


class Queues(Protocol):
    """The three queues. A send that returns has been taken by the queue."""

    async def check(self) -> None:
        """Raise Misconfigured when a queue that a request sends to does not exist; nothing while that is unknown."""

    async def send_chunks(self, hints: Sequence[ChunkHint], *, delay: int = 0) -> None:
        """One message a chunk, in batches; `delay` in whole seconds, at most 900. Every hint names its owner."""
        ...

    async def send_plan(self, hint: PlanHint) -> None: ...

    async def send_finalize(self, job_id: str, run: int) -> None: ...

    async def chunk_queue_is_empty(self) -> bool:
        """Whether visible, in flight and delayed are all 0."""
        ...

    async def hold_back(self, receipt_handles: Sequence[tuple[str, int]]) -> None:
        """Set the visibility timeout (seconds) of chunk messages that stay in the queue. Best effort."""
        ...
