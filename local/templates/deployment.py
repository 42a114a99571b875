"""What a deployment is to one machine: queues, a bucket, functions. Whatever else a template has is AWS's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue; times in seconds. `dead_letter` is the logical id of another queue of the deployment."""

    logical_id: str
    name: str
    visibility_timeout: int
    retention: int
    dead_letter: str | None
    max_receive_count: int | None


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """What feeds a function from a queue; `window` in seconds."""

    queue_name: str
    batch_size: int
    window: int
    maximum_concurrency: int | None
    report_batch_item_failures: bool


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function; `timeout` in seconds, `memory` in MB.

    `environment` has what holds on every machine: the names of queues and bucket, and the numbers. Who may call and how
    much, which database, which model and how long something is kept are each machine's own affair, and what only AWS
    has is not known here. `declared` has the names of all variables.
    """

    logical_id: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    declared: frozenset[str]
    mappings: tuple[MappingSpec, ...]
    schedule_seconds: int | None

    @property
    def name(self) -> str:
        """The room's: `chunk_worker` for `functions.chunk_worker.handler.handler`."""
        return self.handler.split(".")[1]


@dataclass(frozen=True, slots=True)
class CorsSpec:
    """The HTTP API's CorsConfiguration; `max_age` in seconds."""

    allow_origins: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age: int | None
    allow_credentials: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be created and run: queues by logical id, the bucket's name, functions by the room's name.

    `cors`: what pages of other origins may do; None where the template allows none.
    """

    queues: Mapping[str, QueueSpec]
    bucket: str
    functions: Mapping[str, FunctionSpec]
    cors: CorsSpec | None
