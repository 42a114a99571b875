"""The planner: take the lease, add block after block (of one chunk), send as it goes, close the plan."""

from __future__ import annotations

from tests.simulation.model import rows as db
from tests.simulation.model.acting import Steps, become, deliveries, first_idle, spend
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import IDLE, Actor, Message, State, Step

HOLDING = frozenset({"planning", "sending"})
KIND = "planners"


def steps(setup: Setup, state: State, number: int) -> Steps:
    """What this planner may do next."""
    actor = state.planners[number]
    if actor.point == "idle":
        if first_idle(state.planners, number):
            yield from _begin(setup, state, number)
    elif actor.point == "planning":
        yield from _go_on(setup, state, number, actor)
        yield from _stop(setup, state, number, actor)
    elif actor.sends:
        after = "planning" if actor.point == "sending" else "done"
        sent = actor._replace(point=after, sends=())
        step = Step(f"planner {number}", f"send {actor.sends[0].kind}", actor.sends[0].chunk, actor.sends[0].token)
        yield step, become(state, KIND, number, sent, sent=actor.sends)
    else:
        yield _step(number, actor, "acknowledge"), become(state, KIND, number, IDLE)


def _begin(setup: Setup, state: State, number: int) -> Steps:
    for message, left, fault in deliveries(state, "plan"):
        rows, claim_no = db.begin_plan(setup, state.rows)
        step = Step(f"planner {number}", "begin plan", answer=f"claim {claim_no}", fault=fault, run=_run(state))
        begun = Actor("planning", message, claim_no, rows.job.plan_cursor if rows.job else 0, run=_run(state))
        yield step, become(left, KIND, number, begun, rows) if claim_no else left


def _go_on(setup: Setup, state: State, number: int, actor: Actor) -> Steps:
    if actor.done < setup.chunks:
        rows, ours = db.add_chunk(setup, state.rows, actor.token, actor.done)
        after = Actor("done", actor.message)
        if ours:
            hint = db.hint_of(rows, actor.done)
            after = actor._replace(point="sending", done=actor.done + 1, sends=(hint,))
        yield _step(number, actor, "add chunk", "ours" if ours else "no"), become(state, KIND, number, after, rows)
        return
    rows, moved = db.close_plan(setup, state.rows, actor.token, actor.done)
    after = Actor("done", actor.message)
    if moved and moved.all_done:
        after = Actor("waking", actor.message, sends=(Message("final", token=moved.run),))
    answer = "no" if moved is None else "all done" if moved.all_done else "closed"
    yield _step(number, actor, "close plan", answer), become(state, KIND, number, after, rows)


def _stop(setup: Setup, state: State, number: int, actor: Actor) -> Steps:
    """The document turns out to be unreadable, or the bucket is away, or the time is nearly up."""
    after = Actor("done", actor.message)
    wrong = spend(state, "error")
    if wrong:
        rows, ended = db.fail_plan(state.rows, actor.token)
        step = _step(number, actor, "fail plan", "ended" if ended else "no", "error")
        yield step, become(wrong, KIND, number, after, rows)
    out = spend(state, "outage")
    if out:
        rows, ours = db.rest_plan(state.rows, actor.token)
        step = _step(number, actor, "rest plan", "ours" if ours else "no", "outage")
        yield step, become(out, KIND, number, after, rows)
        if ours and rows.job:  # it goes on in another invocation
            hint = db.plan_hint_of(rows.job)
            yield step, become(out, KIND, number, Actor("waking", actor.message, sends=(hint,)), rows)


def _run(state: State) -> int:
    return state.rows.job.run if state.rows.job else 0


def _step(number: int, actor: Actor, verb: str, answer: str = "", fault: str = "") -> Step:
    return Step(
        f"planner {number}", verb, chunk=actor.done, token=actor.token, answer=answer, fault=fault, run=actor.run
    )
