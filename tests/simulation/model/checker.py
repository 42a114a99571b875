"""Explores every reachable state, breadth first, so that what it finds wrong has the shortest history there is.

Three kinds of things can be wrong: a state or a step (`invariants.py`); a state from which nothing moves though the job
has not ended; and a state from which, without any further fault or wish of a client, no way leads to an end.
"""

from __future__ import annotations

import contextlib
import gc
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.model.invariants import ended, wrong_state, wrong_step
from tests.simulation.model.protocol import begin, successors
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import State, Step
from tests.simulation.model.symmetry import canonical


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exploration found; `wrong` is empty when everything holds."""

    states: int
    transitions: int
    seconds: float
    wrong: str = ""
    history: tuple[tuple[Step | None, State], ...] = ()
    ends: frozenset[str] = frozenset()  # the states that jobs ended in


class TooMany(Exception):
    """More states than were allowed."""


@dataclass(slots=True)
class _Found:
    """The graph so far: states by number, in the order of their distance from the beginning."""

    numbers: dict[State, int] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    parents: array[int] = field(default_factory=lambda: array("l"))
    sources: array[int] = field(default_factory=lambda: array("l"))  # edges without a fault, for the way back
    targets: array[int] = field(default_factory=lambda: array("l"))
    transitions: int = 0

    def number(self, state: State, parent: int) -> int:
        """The number of a state, a new one if it has not been seen."""
        found = self.numbers.get(state)
        if found is None:
            found = self.numbers[state] = len(self.states)
            self.states.append(state)
            self.parents.append(parent)
        return found


def explore(setup: Setup, *, most: int = 5_000_000) -> Verdict:
    """Every state of this world, or those up to the first thing wrong. Raises TooMany."""
    began = time.process_time()
    found = _Found()
    found.number(canonical(begin(setup)), -1)
    with _no_collector():
        wrong, at, last = _search(setup, found, most)
        if not wrong:
            wrong, at = _dead_end(found)
    return Verdict(
        states=len(found.states),
        transitions=found.transitions,
        seconds=time.process_time() - began,
        wrong=wrong,
        history=_history(setup, found, at, last) if wrong else (),
        ends=frozenset(
            state.rows.job.status if state.rows.job else "DELETED" for state in found.states if ended(state)
        ),
    )


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Nothing here is garbage in a circle, and to look for it takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _search(setup: Setup, found: _Found, most: int) -> tuple[str, int, State | None]:
    """(what is wrong, the number of the state in which, or the state after it that was not numbered yet)."""
    at = 0
    while at < len(found.states):
        state, moved = found.states[at], False
        if len(found.states) > most:
            raise TooMany(f"more than {most} states")
        if wrong := wrong_state(setup, state):
            return wrong, at, None
        for step, raw in successors(setup, state):
            if wrong := wrong_step(state, step, raw):
                return f"{step.actor}, {step.verb}: {wrong}", at, raw
            after = found.number(canonical(raw), at)
            found.transitions += 1
            if after != at:
                moved = True
                if not step.fault:
                    found.sources.append(at)
                    found.targets.append(after)
        if not moved and not ended(state):
            return "nothing moves any more and the job has not ended", at, None
        at += 1
    return "", -1, None


def _dead_end(found: _Found) -> tuple[str, int]:
    """The first state from which no way leads to an end without another fault."""
    into: list[list[int]] = [[] for _ in found.states]
    for source, target in zip(found.sources, found.targets, strict=True):
        into[target].append(source)
    saved = bytearray(len(found.states))
    waiting = [number for number, state in enumerate(found.states) if ended(state)]
    for number in waiting:
        saved[number] = 1
    while waiting:
        for source in into[waiting.pop()]:
            if not saved[source]:
                saved[source] = 1
                waiting.append(source)
    lost = saved.find(0)
    return ("from here no way leads to an end", lost) if lost >= 0 else ("", -1)


def _history(setup: Setup, found: _Found, at: int, last: State | None) -> tuple[tuple[Step | None, State], ...]:
    """The way to a state, walked again under constant names."""
    chain = []
    while at >= 0:
        chain.append(found.states[at])
        at = found.parents[at]
    state = begin(setup)
    history: list[tuple[Step | None, State]] = [(None, state)]
    aims = [*reversed(chain[:-1]), *([canonical(last)] if last else [])]
    for aim in aims:
        history += _walk(setup, state, aim)
        state = history[-1][1]
    return tuple(history)


def _walk(setup: Setup, state: State, aim: State) -> list[tuple[Step | None, State]]:
    """From a state to one that is called `aim`: one step, or one after steps that change nothing but names."""
    here = canonical(state)
    waiting: list[tuple[State, list[tuple[Step | None, State]]]] = [(state, [])]
    for at, way in waiting:
        for step, after in successors(setup, at):
            named = canonical(after)
            if named == aim:
                return [*way, (step, after)]
            if named == here and after != at:
                waiting.append((after, [*way, (step, after)]))
    raise AssertionError("every number has a history")
