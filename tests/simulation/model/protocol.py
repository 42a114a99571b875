"""The protocol as one transition system: where it begins, and every step that may come next."""

from __future__ import annotations

from tests.simulation.model import finalizer, planner, worker
from tests.simulation.model.acting import SINGLES, Steps, spend
from tests.simulation.model.keepers import reconciler_steps, undertaker_steps
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import FLEET_OF, IDLE, Chunk, Job, Message, Rows, State, put
from tests.simulation.model.world import client_steps, crashes, queue_faults, renewals, time_steps

_TRANSACT = frozenset({*FLEET_OF, *SINGLES})


def begin(setup: Setup) -> State:
    """A job that the api room has just committed, its messages sent."""
    rows = Rows(Job(total=setup.chunks, plan_cursor=setup.chunks), (Chunk(),) * setup.chunks)
    queue = put((), *(Message("chunk", index, 0, 1) for index in range(setup.chunks)))
    if setup.planners:
        rows, queue = Rows(Job(plan_due=setup.guards.plan_due_set), ()), put((), Message("plan", run=1))
    return State(
        rows=rows,
        queue=queue,
        letters=(),
        workers=(IDLE,) * setup.workers,
        finalizers=(IDLE,) * setup.finalizers,
        planners=(IDLE,) * setup.planners,
        reconciler=IDLE,
        undertaker=IDLE,
        client=IDLE,
        budget=setup.budget,
    )


def successors(setup: Setup, state: State) -> Steps:
    """Every step that may come next, each with the state it leads to."""
    for step, after in _steps(setup, state):
        yield step, after
        if after.rows != state.rows and step.actor.split()[0] in _TRANSACT and step.verb not in ("call", "crash"):
            left = spend(state, "answer")
            if left and step.fault != "copy":  # committed, and whoever did it stands where it stood
                yield step._replace(fault="answer"), left._replace(rows=after.rows)


def _steps(setup: Setup, state: State) -> Steps:
    for number in range(len(state.workers)):
        yield from worker.steps(setup, state, number)
    for number in range(len(state.finalizers)):
        yield from finalizer.steps(setup, state, number)
    for number in range(len(state.planners)):
        yield from planner.steps(setup, state, number)
    for kind in (reconciler_steps, undertaker_steps, client_steps, time_steps, renewals, queue_faults, crashes):
        yield from kind(setup, state)
