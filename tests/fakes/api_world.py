"""The ports as the api room uses them, in memory; every effect is noted in order, and each can be made to fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

from functions.core.errors import DocumentMissing, Rejected
from functions.core.ids import new_job_id
from functions.core.meter import Unmetered
from functions.core.model import ChunkError, ChunkHint, Earlier, JobView, NewJob, PlanHint, Source, Span, Standing
from functions.core.ports import Documents, Providers, Queues
from functions.core.settings import Settings
from functions.core.store_port import Store
from functions.core.uploads import Deletion
from functions.core.wiring import Parts
from tests.fakes.shelf import MemoryDocuments, MemoryUploads

IDLE = Standing(live_jobs=0, live_chunks=0, earlier=None)
DUE = 1_700_000_000_000


@dataclass
class World:
    """What the api room can see and do; `broken` maps an effect's name to the error that it raises."""

    effects: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    jobs: list[tuple[NewJob, Sequence[Span] | None]] = field(default_factory=list)
    hints: list[ChunkHint] = field(default_factory=list)
    views: dict[tuple[str, str], JobView] = field(default_factory=dict)
    errors: dict[str, list[ChunkError]] = field(default_factory=dict)
    plans: list[str] = field(default_factory=list)
    content_types: set[str] = field(default_factory=set)
    standing: Standing = IDLE
    noted: dict[str, int] = field(default_factory=dict)  # objects to be deleted unless a job comes of them
    faster: Earlier | None = None  # the job that an idempotency key has made between the look and the commit

    def note(self, effect: str) -> None:
        """Note an effect, or fail instead."""
        if effect in self.broken:
            raise self.broken[effect]
        self.effects.append(effect)

    def parts(self, **settings: Any) -> Parts:
        """The parts that a room gets; `settings` above what a laptop has."""
        given: dict[str, Any] = {
            "database_url": "sqlite://",
            "bucket": "bucket",
            "plan_queue": "plan",
            "chunk_queue": "chunks",
            "finalize_queue": "finalize",
            "auth": "none",
        }
        return Parts(
            settings=Settings.load(**(given | settings)),
            store=cast("Store", FakeStore(self)),
            queues=cast("Queues", FakeQueues(self)),
            documents=cast("Documents", FakeDocuments(self)),
            uploads=MemoryUploads(MemoryDocuments(self.objects)),
            providers=cast("Providers", FakeProviders()),
            meter=Unmetered(),
            random=Random(1),
            new_job_id=new_job_id,
        )


@dataclass
class FakeStore:
    """Jobs in a list."""

    world: World

    async def begin_submit(self, owner: str, idempotency_key: str | None, object_key: str | None) -> Standing:
        """Nothing is under way, and no key is known, unless the world says otherwise."""
        self.world.note("begin")
        if object_key is None or self.world.standing.earlier:
            return self.world.standing
        self.world.noted[object_key] = DUE
        return replace(self.world.standing, object_due_at=DUE)

    async def deleted(self, gone: Sequence[Deletion]) -> None:
        """Forget the notes."""
        for each in gone:
            del self.world.noted[each.key]

    async def create_job(self, job: NewJob, spans: Sequence[Span] | None) -> Earlier | None:
        """Keep the job, unless another request was faster."""
        self.world.note("commit")
        if self.world.faster is None:
            assert self.world.noted.pop(job.source.key, None) == job.object_due_at
            self.world.jobs.append((job, spans))
        return self.world.faster

    async def job(self, job_id: str, owner: str) -> JobView | None:
        """The job of that owner."""
        self.world.note("read job")
        return self.world.views.get((job_id, owner))

    async def chunk_errors(self, job_id: str, limit: int) -> list[ChunkError]:
        """The first errors."""
        self.world.note(f"read {limit} errors")
        return self.world.errors[job_id][:limit]


@dataclass
class FakeQueues:
    """Messages in a list."""

    world: World

    async def check(self) -> None:
        """They are there."""

    async def send_chunks(self, hints: Sequence[ChunkHint], *, delay: int = 0) -> None:
        """Keep the hints."""
        assert delay == 0
        assert all(hint.owner for hint in hints)
        self.world.note("send chunks")
        self.world.hints += hints

    async def send_plan(self, hint: PlanHint) -> None:
        """Keep the job's id."""
        self.world.note("send plan")
        self.world.plans.append(hint.job_id)


@dataclass
class FakeDocuments:
    """Objects in a dictionary."""

    world: World

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Keep the object."""
        self.world.note("put")
        self.world.objects[key] = data
        self.world.content_types.add(content_type)

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Drop the object."""
        self.world.note("delete")
        self.world.objects.pop(key, None)

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """A range of the object."""
        self.world.note("read object")
        if source.key not in self.world.objects:
            raise DocumentMissing(source.key)
        return self.world.objects[source.key][byte_start:byte_end]

    async def presign(self, key: str, *, seconds: int) -> str:
        """A link that names the key and how long it lives."""
        return f"https://bucket.example/{key}?seconds={seconds}"


class FakeProviders:
    """Two models."""

    def check(self, model: str) -> None:
        """Refuse every other."""
        if model not in ("local", "simulated"):
            raise Rejected(
                422,
                "unknown-model",
                "The models are: local, simulated.",
                errors=[{"field": "model", "message": "is not one of local, simulated"}],
            )
