"""Many histories, on all cores: what went wrong in them, and whether a promise was broken."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from local.simulation.faults import Fault

_BLOCK = 10  # seeds handed to a process at a time


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed whose history breaks a promise."""

    seed: int
    violation: str
    trace: list[str]


@dataclass
class Tally:
    """What many histories came to."""

    histories: int = 0
    seconds: float = 0.0  # virtual
    recovery: float = 0.0  # the longest, virtual: from the last fault until every job had ended
    faults: Counter[Fault] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count others in."""
        self.histories += other.histories
        self.seconds += other.seconds
        self.recovery = max(self.recovery, other.recovery)
        self.faults += other.faults
        self.outcomes += other.outcomes
        self.broken += other.broken


def run(
    seeds: Sequence[int],
    *,
    only: Collection[Fault] = frozenset(),
    processes: int | None = None,
    say: Callable[[Tally], None] | None = None,
) -> Tally:
    """Play these seeds, with `only` these faults, until one breaks a promise; `say` hears how far it is."""
    total = Tally()
    blocks = (seeds[start : start + _BLOCK] for start in range(0, len(seeds), _BLOCK))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or os.cpu_count(), context, initializer=_serve) as pool:
        for tally in _in_turn(pool, blocks, only):
            total.add(tally)
            if say:
                say(total)
            if total.broken:
                pool.shutdown(cancel_futures=True)
                break
    total.broken.sort(key=lambda broken: broken.seed)
    return total


def _in_turn(pool: ProcessPoolExecutor, blocks: Iterator[Sequence[int]], only: Collection[Fault]) -> Iterator[Tally]:
    """The tallies as they come; few blocks are under way at a time, so that a broken promise ends it soon."""
    under_way: set[Future[Tally]] = {
        pool.submit(play_block, block, only) for block in islice(blocks, 2 * (os.cpu_count() or 1))
    }
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()
        under_way |= {pool.submit(play_block, block, only) for block in islice(blocks, len(done))}


def _serve() -> None:
    """A process that plays for another ends with it, however it ends, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def play_block(seeds: Sequence[int], only: Collection[Fault] = frozenset()) -> Tally:
    """Some seeds, in this process, until one breaks a promise."""
    from local.simulation.simulator import play

    tally = Tally()
    for seed in seeds:
        history = play(seed, only)
        broken = [Broken(seed, history.violation, history.trace.lines())] if history.violation else []
        tally.add(Tally(1, history.seconds, history.recovery, history.faults, history.outcomes, broken))
        if broken:
            break
    return tally
