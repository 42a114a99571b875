"""Which faults there are, and when which of them strikes: a seed decides. Pure.

The seed gives kinds, targets, times and lengths. How the processes of a real machine interleave with them is not
reproducible, so a seed does not give the same history twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random


class Kind(StrEnum):
    """What can go wrong."""

    KILL_WORKER = "kill-worker"
    KILL_CONTROL = "kill-control"  # planner, finalizer, dead letter, reconciler
    KILL_GATEWAY = "kill-gateway"
    KILL_AWS = "kill-aws"  # the queues are in its memory: gone
    FREEZE_WORKER = "freeze-worker"  # for longer than its leases: it comes back as a zombie
    FREEZE_CONTROL = "freeze-control"
    FREEZE_GATEWAY = "freeze-gateway"
    FREEZE_AWS = "freeze-aws"
    PURGE = "purge-queues"
    OUTAGE = "provider-outage"
    THROTTLE = "provider-throttles"
    LOCK = "lock-database"  # SQLite: somebody else holds the write lock
    TERMINATE = "terminate-backends"  # Postgres
    RESTART = "restart-database"  # Postgres: connections are cut, nothing is lost
    CRASH = "crash-database"  # Postgres: as if its machine had lost power


WHERE: dict[Kind, str] = {
    Kind.KILL_WORKER: "worker",
    Kind.KILL_CONTROL: "control",
    Kind.KILL_GATEWAY: "gateway",
    Kind.KILL_AWS: "moto",
    Kind.FREEZE_WORKER: "worker",
    Kind.FREEZE_CONTROL: "control",
    Kind.FREEZE_GATEWAY: "gateway",
    Kind.FREEZE_AWS: "moto",
}
"""The process that a kind strikes."""

KILLS = frozenset({Kind.KILL_WORKER, Kind.KILL_CONTROL, Kind.KILL_GATEWAY, Kind.KILL_AWS})
FREEZES = frozenset({Kind.FREEZE_WORKER, Kind.FREEZE_CONTROL, Kind.FREEZE_GATEWAY, Kind.FREEZE_AWS})
ANYWHERE = KILLS | FREEZES | {Kind.PURGE, Kind.OUTAGE, Kind.THROTTLE}

# In how many of a hand of faults a kind is, and for how many seconds it lasts, at least and at most.
_DEALT: dict[Kind, tuple[int, float, float]] = {
    Kind.KILL_WORKER: (5, 0, 0),
    Kind.FREEZE_WORKER: (3, 2, 12),  # beyond the lease
    Kind.PURGE: (2, 0, 0),
    Kind.KILL_CONTROL: (2, 0, 0),
    Kind.KILL_GATEWAY: (1, 0, 0),
    Kind.KILL_AWS: (1, 0, 0),
    Kind.FREEZE_CONTROL: (1, 1, 4),
    Kind.FREEZE_GATEWAY: (1, 0.5, 3),
    Kind.FREEZE_AWS: (1, 0.5, 3),
    Kind.OUTAGE: (1, 1, 5),
    Kind.THROTTLE: (1, 1, 5),
    Kind.LOCK: (2, 0.5, 7),  # longer than a connection waits for it
    Kind.TERMINATE: (2, 0, 0),
    Kind.RESTART: (1, 0, 0),
    Kind.CRASH: (1, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to come: `at` seconds after the beginning, for `seconds`, on `process` (empty: on none)."""

    number: int
    at: float
    kind: Kind
    process: str
    seconds: float


def schedule(
    seed: int, *, seconds: float, per_minute: float, kinds: Collection[Kind], workers: int, lease: float
) -> list[Fault]:
    """The faults of so many seconds in order: one at a random moment of each of as many equal slots.

    Kinds are dealt from a shuffled hand, so that a short run meets all of them too. `lease` is in seconds.
    """
    random = Random(seed)
    slot = 60 / per_minute
    dealt = islice(_hands(random, kinds), int(seconds / slot + 1e-9))
    faults = []
    for number, kind in enumerate(dealt):
        at = (number + random.random()) * slot
        process = WHERE.get(kind, "")
        if process == "worker":
            process = f"worker-{random.randint(1, workers)}"
        faults.append(Fault(number, at, kind, process, _seconds(random, kind, lease)))
    return faults


def _hands(random: Random, kinds: Collection[Kind]) -> Iterator[Kind]:
    hand = [kind for kind in Kind if kind in kinds for _ in range(_DEALT[kind][0])]
    while True:
        random.shuffle(hand)
        yield from hand


def _seconds(random: Random, kind: Kind, lease: float) -> float:
    _, least, most = _DEALT[kind]
    return random.uniform(least, most) + (lease if kind is Kind.FREEZE_WORKER else 0.0)
