"""Is the model the product? Each step of the model is taken by the product's own store, from the same rows.

`transactions` gathers every different transaction of a world's whole graph; `disagreement` takes one of them on the
real store, and compares the answer and the rows after it. A `walk` takes a random history step by step, without putting
the rows right in between: what a step leaves behind in columns that the model does not have is there for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.simulation.model.deeds import DO, TRANSACTIONS, acting, expected
from tests.simulation.model.protocol import begin, successors
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import Rows, State, Step
from tests.simulation.model.symmetry import canonical
from tests.simulation.model.twin import Twin, seen_from_outside


def transactions(setup: Setup) -> Iterator[tuple[State, Step, State]]:
    """Every transaction that differs from all others in rows or arguments, of every reachable state."""
    first = canonical(begin(setup))
    seen, waiting, done = {first}, [first], set()
    for state in waiting:
        for step, after in successors(setup, state):
            if step.verb in TRANSACTIONS and step.fault != "answer":
                what = _what(state, step)
                if what not in done:
                    done.add(what)
                    yield state, step, after
            named = canonical(after)
            if named not in seen:
                seen.add(named)
                waiting.append(named)


def disagreement(twin: Twin, before: State, step: Step, after: State) -> str:
    """What the real store does otherwise than the model, from these rows; empty: nothing."""
    twin.install(before.rows)
    return follow(twin, before, step, after)


def walk(twin: Twin, setup: Setup, seed: int, *, longest: int = 80) -> list[tuple[Step, str]]:
    """A random history taken by the real store; each step with what went otherwise, which only the last may have."""
    random, state = Random(seed), begin(setup)
    twin.install(state.rows)
    history: list[tuple[Step, str]] = []
    while len(history) < longest and (ways := list(successors(setup, state))):
        calm = [way for way in ways if not way[0].fault]
        step, after = random.choice(calm if calm and random.random() < 0.7 else ways)
        history.append((step, follow(twin, state, step, after)))
        if history[-1][1]:
            break
        state = after
    return history


def follow(twin: Twin, before: State, step: Step, after: State) -> str:
    """Take a step on the real store as it stands; what went otherwise."""
    if step.verb in DO:
        answer = DO[step.verb](twin, before, step, acting(before, step))
        modelled = expected(step, after)
        if answer != modelled and step.fault != "answer":
            return f"{step.actor}, {step.verb}: the store answers {answer}, the model {modelled}"
    found, wanted = twin.look(), seen_from_outside(after.rows)
    return "" if found == wanted else f"{step.actor}, {step.verb}: {_difference(found, wanted)}"


def _what(state: State, step: Step) -> tuple[object, ...]:
    """All that the real store gets to see of a step."""
    actor = acting(state, step)
    run = actor.message.token if step.actor.startswith("finalizer") else 0
    held = (actor.token, actor.done, actor.seen, run)
    return seen_from_outside(state.rows), step.verb, step.chunk, step.token, held


def _difference(rows: Rows, modelled: Rows) -> str:
    if rows.job != modelled.job or len(rows.chunks) != len(modelled.chunks):
        return f"the store has {rows.job}, the model {modelled.job}"
    index = next(at for at, pair in enumerate(zip(rows.chunks, modelled.chunks, strict=True)) if pair[0] != pair[1])
    return f"chunk {index}: the store has {rows.chunks[index]}, the model {modelled.chunks[index]}"
