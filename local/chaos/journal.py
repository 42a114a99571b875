"""What was done to a stack and when; asked by whoever must tell a fault's effect from a bug."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from local.chaos.faults import FREEZES, Fault, Kind

BLINDING = frozenset(
    {Kind.FREEZE_CONTROL, Kind.FREEZE_AWS, Kind.LOCK, Kind.RESTART, Kind.CRASH}
)  # the reconciler cannot work; kills are seen by the process that is not there


@dataclass(frozen=True, slots=True)
class Entry:
    """A fault that struck, from just before to just after; seconds of the epoch."""

    fault: Fault
    began: float
    ended: float


class Journal:
    """Written by the threads that inject faults; each entry is also a line of JSON in `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._under_way: list[Fault] = []
        self.entries: list[Entry] = []
        self.missed: Counter[Kind] = Counter()  # what had nothing to strike

    @contextmanager
    def entry(self, fault: Fault) -> Iterator[None]:
        """While the fault lasts, with its making and its undoing; one that raises is none."""
        began = time.time()
        with self._lock:
            self._under_way.append(fault)
        done = False
        try:
            yield
            done = True
        finally:
            with self._lock:
                self._under_way.remove(fault)
                if done:
                    self._write(Entry(fault, began, time.time()))

    def miss(self, fault: Fault) -> None:
        """It found nothing to strike."""
        with self._lock:
            self.missed[fault.kind] += 1

    def counts(self) -> Counter[Kind]:
        """How many of each kind struck."""
        with self._lock:
            return Counter(entry.fault.kind for entry in self.entries)

    def is_blind(self) -> bool:
        """Whether a fault is under way that keeps the reconciler from working."""
        return self._any(BLINDING)

    def is_frozen(self) -> bool:
        """Whether some process is frozen; it may hold a lock."""
        return self._any(FREEZES)

    def worker_freezes(self) -> list[tuple[float, float]]:
        """When workers were frozen, from and to; seconds of the epoch."""
        return [(entry.began, entry.ended) for entry in self.entries if entry.fault.kind is Kind.FREEZE_WORKER]

    def _any(self, kinds: frozenset[Kind]) -> bool:
        with self._lock:
            return any(fault.kind in kinds for fault in self._under_way)

    def _write(self, entry: Entry) -> None:
        self.entries.append(entry)
        line = {**asdict(entry.fault), "began": entry.began, "ended": entry.ended}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
