"""What the model's world consists of: rows, messages, actors, and the faults that are left. All frozen, all small.

Time is abstract: a lease is alive or over, a `not_before` lies ahead or not, a due time is set or not. When it passes
is a step of its own (`world.py`), so that every order of time and work is tried.

Ghosts are what no real actor can see, kept for the invariants alone: `calls` and `run` of a chunk (the run in which it
was last opened), `run` of a chunk message or a plan message and of an actor (its chunk's or job's at the time).
"""

from __future__ import annotations

from typing import NamedTuple

from functions.core.jobs import ACTIVE_JOB, ChunkStatus, JobStatus

# Plain strings hash faster than members of an enum, and there are millions to hash.
PENDING, PROCESSING, COMPLETED, FAILED = (
    status.value for status in (ChunkStatus.PENDING, ChunkStatus.PROCESSING, ChunkStatus.COMPLETED, ChunkStatus.FAILED)
)
PARTIAL, CANCELLED = JobStatus.PARTIAL_SUCCESS.value, JobStatus.CANCELLED.value
ACTIVE = frozenset(status.value for status in ACTIVE_JOB)
RETRIABLE = frozenset({PARTIAL, FAILED})
OPEN = frozenset({PENDING, PROCESSING})

NONE, ALIVE, OVER = "none", "alive", "over"  # a lease


class Job(NamedTuple):
    """A job row."""

    status: str = PENDING
    run: int = 1
    total: int | None = None  # None until the plan is complete
    completed: int = 0
    failed: int = 0
    result: tuple[int, ...] | None = None  # for each chunk the result it was put together from, 0 for none
    given_up: bool = False  # ended without its result: `assembly_failed`
    final_due: bool = False
    final_lease: str = NONE
    tries: int = 0
    plan_cursor: int = 0
    plan_claim: int = 0
    plan_lease: str = NONE
    plan_due: bool = False
    plan_crashes: int = 0

    @property
    def all_done(self) -> bool:
        """Every chunk of a complete plan is terminal."""
        return self.total is not None and self.completed + self.failed == self.total


class Chunk(NamedTuple):
    """A chunk row."""

    status: str = PENDING
    claim_no: int = 0
    lease: str = NONE
    early: bool = False  # `not_before` lies ahead
    hint: bool = True  # `hint_due_at` is set
    attempts: int = 0
    crashes: int = 0
    result: int = 0  # the claim whose result it is
    calls: int = 0  # ghost: model calls, without throttled ones
    run: int = 1  # ghost


class Rows(NamedTuple):
    """The database; `job` is None when it has been deleted."""

    job: Job | None
    chunks: tuple[Chunk, ...]

    @property
    def active(self) -> bool:
        """There is a job, and it has not ended."""
        return self.job is not None and self.job.status in ACTIVE


class Message(NamedTuple):
    """A message in a queue, in an actor's hand, or about to be sent."""

    kind: str = ""  # chunk, final, plan
    chunk: int = -1
    token: int = 0  # claim_no of a chunk message, plan_claim_no of a plan message, run of a finalize message
    run: int = 0  # ghost


NO_MESSAGE = Message()


class Actor(NamedTuple):
    """One process: where it stands, and what it holds."""

    point: str = "idle"
    message: Message = NO_MESSAGE  # received, not yet acknowledged
    token: int = 0  # what it holds: claim_no, finalize_tries or plan_claim_no
    done: int = 0  # attempts, or the plan's cursor
    sends: tuple[Message, ...] = ()  # what it is about to send
    seen: tuple[int, ...] = ()  # the results that a finalizer has read
    run: int = 0  # ghost


IDLE = Actor()


class Budget(NamedTuple):
    """How many of each fault, and of each wish of a client, may still happen."""

    copy: int = 0  # a message delivered while another one carries the same
    crash: int = 0  # an actor dies; its message comes back
    lose: int = 0  # a message vanishes
    freeze: int = 0  # a lease runs out under an actor that lives: a zombie
    answer: int = 0  # a commit whose answer is lost: the whole transaction is run again, later
    error: int = 0  # a model call fails, or a plan
    outage: int = 0  # the provider, or the bucket, is away
    bury: int = 0  # a message goes to the dead-letter queue
    cancel: int = 0
    retry: int = 0
    delete: int = 0


class State(NamedTuple):
    """Everything."""

    rows: Rows
    queue: tuple[Message, ...]  # visible or delayed: an unordered bag, kept sorted
    letters: tuple[Message, ...]  # dead ones
    workers: tuple[Actor, ...]
    finalizers: tuple[Actor, ...]
    planners: tuple[Actor, ...]
    reconciler: Actor
    undertaker: Actor  # the dead_letter room
    client: Actor
    budget: Budget


FLEET_OF = {"worker": "workers", "finalizer": "finalizers", "planner": "planners"}


class Step(NamedTuple):
    """What happened: one transaction, one send, one acknowledgement, one call, or one act of the world."""

    actor: str
    verb: str
    chunk: int = -1
    token: int = 0
    answer: str = ""
    fault: str = ""  # the budget that it was taken from
    run: int = 0  # ghost: the run of what acted


def put(bag: tuple[Message, ...], *more: Message) -> tuple[Message, ...]:
    """The bag with these in it."""
    return tuple(sorted(bag + more))


def take(bag: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    """The bag with one of these less."""
    at = bag.index(message)
    return bag[:at] + bag[at + 1 :]
