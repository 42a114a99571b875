"""The finalizer: take the lease, read the results, end the job, acknowledge."""

from __future__ import annotations

from tests.simulation.model import rows as db
from tests.simulation.model.acting import Steps, become, deliveries, first_idle, spend
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import IDLE, Actor, State, Step

HOLDING = frozenset({"begun", "read"})
KIND = "finalizers"


def steps(setup: Setup, state: State, number: int) -> Steps:
    """What this finalizer may do next."""
    actor = state.finalizers[number]
    if actor.point == "idle":
        if first_idle(state.finalizers, number):
            yield from _begin(setup, state, number)
    elif actor.point == "begun":
        yield from _read(setup, state, number, actor)
    elif actor.point == "read":
        yield from _finish(setup, state, number, actor)
    else:
        yield Step(f"finalizer {number}", "acknowledge"), become(state, KIND, number, IDLE)


def _begin(setup: Setup, state: State, number: int) -> Steps:
    for message, left, fault in deliveries(state, "final"):
        rows, tries = db.begin_finalize(setup, state.rows, message.token)
        step = Step(f"finalizer {number}", "begin finalize", token=message.token, answer=f"try {tries}", fault=fault)
        begun = Actor("begun", message, tries)
        yield step, become(left, KIND, number, begun, rows) if tries else left


def _read(setup: Setup, state: State, number: int, actor: Actor) -> Steps:
    seen = db.results(state.rows)
    yield (
        _step(number, actor, "read results", str(seen)),
        become(state, KIND, number, actor._replace(point="read", seen=seen)),
    )
    out = spend(state, "outage")
    if out:  # the bucket is away
        rows, ours = db.rest_finalize(out.rows, actor.message.token, actor.token)
        rested = Actor("done", actor.message)
        yield (
            _step(number, actor, "rest finalize", "ours" if ours else "no", "outage"),
            become(out, KIND, number, rested, rows),
        )


def _finish(setup: Setup, state: State, number: int, actor: Actor) -> Steps:
    result = None if actor.token > setup.final_tries else actor.seen
    rows, ended = db.finish(setup, state.rows, actor.message.token, result)
    step = _step(number, actor, "finish" if result is not None else "give up", "ended" if ended else "no")
    yield step, become(state, KIND, number, Actor("done", actor.message), rows)


def _step(number: int, actor: Actor, verb: str, answer: str, fault: str = "") -> Step:
    return Step(f"finalizer {number}", verb, token=actor.token, answer=answer, fault=fault, run=actor.message.token)
