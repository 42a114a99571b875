"""Who brings back what stands still, and buries what died: the reconciler and the dead_letter room.

A step of the reconciler is one transaction and one send; overlapping passes are the same steps in another order.
A due time falls due when nobody carries what it stands for any more; earlier than that it is a copy, and spends one.
"""

from __future__ import annotations

from tests.simulation.model import finalizer, planner
from tests.simulation.model import rows as db
from tests.simulation.model.acting import Steps, become, costs
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import (
    ACTIVE,
    ALIVE,
    IDLE,
    PENDING,
    PROCESSING,
    Actor,
    Job,
    Message,
    Rows,
    State,
    Step,
    take,
)
from tests.simulation.model.worker import HOLDING, answer_of


def reconciler_steps(setup: Setup, state: State) -> Steps:
    """One step of a pass."""
    actor = state.reconciler
    if actor.point == "resting":
        yield Step("reconciler", "rest ended"), _sending(state, db.rest_ended(state.rows, ended=True))
    elif actor.point == "losing":
        letter = actor.message
        rows, ended = db.fail_dead_plan(setup, state.rows, letter.token)
        step = Step("reconciler", "fail lost plan", token=letter.token, answer=_ended(ended), run=letter.run)
        yield step, _sending(state, rows)
    elif actor.sends:
        step = Step("reconciler", f"send {actor.sends[0].kind}", actor.sends[0].chunk, actor.sends[0].token)
        yield step, become(state, "reconciler", 0, IDLE, sent=actor.sends)
    elif state.rows.job is not None:
        yield from _leases(setup, state)
        yield from _hints(state)
        yield from _finalizers(state)
        yield from _plans(setup, state, state.rows.job)


def _leases(setup: Setup, state: State) -> Steps:
    rows, hints = db.end_leases(setup, state.rows)
    if hints:
        yield Step("reconciler", "end leases", answer=_which(hints)), _sending(state, rows, *hints)
    rows, moved = db.fail_crashed(setup, state.rows)
    if moved.moved:
        wake = (Message("final", token=moved.run),) if moved.all_done else ()
        yield Step("reconciler", "fail crashed", answer=answer_of(moved)), _sending(state, rows, *wake)
    rows = db.rest_ended(state.rows, ended=not state.rows.active)
    if rows != state.rows:
        if setup.guards.rest_holds_job:
            yield Step("reconciler", "rest ended"), _sending(state, rows)
        else:
            yield Step("reconciler", "look for ended jobs"), become(state, "reconciler", 0, Actor("resting"))


def _hints(state: State) -> Steps:
    for index in range(len(state.rows.chunks)):
        hint = db.due_hints(state.rows, index)
        if hint is None:
            continue
        ready, fault = costs(state, "copy", when=carried(state, hint))
        if ready:
            yield Step("reconciler", "due hints", index, hint.token, fault=fault), _sending(ready, ready.rows, hint)


def _finalizers(state: State) -> Steps:
    job = state.rows.job
    if job is None or job.status not in ACTIVE or not job.all_done or not job.final_due:
        return
    wake = Message("final", token=job.run)
    ready, fault = costs(state, "copy", when=job.final_lease == ALIVE or finalize_carried(state, wake))
    if ready:
        yield Step("reconciler", "due finalizers", token=job.run, fault=fault), _sending(ready, ready.rows, wake)


def _plans(setup: Setup, state: State, job: Job) -> Steps:
    due, hint = db.due_plans(setup, state.rows), db.plan_hint_of(job)
    if due == "lost":
        losing = become(state, "reconciler", 0, Actor("losing", hint))
        yield Step("reconciler", "lost plans", token=hint.token, answer="lost"), losing
    elif due:
        ready, fault = costs(state, "copy", when=plan_carried(state))
        if ready:
            yield Step("reconciler", "due plans", token=hint.token, fault=fault), _sending(ready, ready.rows, hint)


def undertaker_steps(setup: Setup, state: State) -> Steps:
    """What a dead letter leads to."""
    actor = state.undertaker
    if actor.point == "idle":
        for letter in dict.fromkeys(state.letters):
            yield from _bury(setup, state._replace(letters=take(state.letters, letter)), letter)
    elif actor.sends:
        step = Step("undertaker", "send final", token=actor.sends[0].token)
        yield step, become(state, "undertaker", 0, Actor("done", actor.message), sent=actor.sends)
    else:
        yield Step("undertaker", "acknowledge"), become(state, "undertaker", 0, IDLE)


def _bury(setup: Setup, state: State, letter: Message) -> Steps:
    sends: tuple[Message, ...] = ()
    rows, answer = state.rows, "left to its due time"
    if letter.kind == "chunk":
        rows, moved = db.fail_dead(setup, state.rows, letter.chunk, letter.token)
        answer = answer_of(moved)
        sends = (Message("final", token=moved.run),) if moved.all_done else ()
    elif letter.kind == "plan":
        rows, ended = db.fail_dead_plan(setup, state.rows, letter.token)
        answer = _ended(ended)
    step = Step("undertaker", f"bury {letter.kind}", letter.chunk, letter.token, answer, run=letter.run)
    yield step, become(state, "undertaker", 0, Actor("waking" if sends else "done", letter, sends=sends), rows)


def carried(state: State, hint: Message) -> bool:
    """Somebody carries this chunk as it stands: a message, or an actor about to send or to claim."""
    if hint in state.queue or any(hint in actor.sends for actor in _senders(state)):
        return True
    return any(
        worker.message.chunk == hint.chunk
        and (
            (worker.point == "early" and worker.message.token == hint.token)
            or (worker.point in ("parked", "aside") and worker.token == hint.token)
        )
        for worker in state.workers
    )


def held(state: State, index: int, claim_no: int) -> bool:
    """A worker that lives holds this claim."""
    return any(
        worker.message.chunk == index and worker.token == claim_no and worker.point in HOLDING
        for worker in state.workers
    )


def finalize_carried(state: State, wake: Message) -> bool:
    """Somebody is about to finalize this run."""
    senders = (*state.workers, *state.planners, *_senders(state))
    return wake in state.queue or any(wake in actor.sends for actor in senders) or finalize_held(state)


def finalize_held(state: State) -> bool:
    """A finalizer that lives holds the lease."""
    job = state.rows.job
    return job is not None and any(
        actor.point in finalizer.HOLDING and (actor.message.token, actor.token) == (job.run, job.tries)
        for actor in state.finalizers
    )


def plan_carried(state: State) -> bool:
    """Somebody plans, or is about to."""
    senders = _senders(state)
    return _names_plan(state.queue) or any(_names_plan(actor.sends) for actor in senders) or plan_held(state)


def _names_plan(bag: tuple[Message, ...]) -> bool:
    return any(message.kind == "plan" for message in bag)


def plan_held(state: State) -> bool:
    """A planner that lives holds the plan."""
    job = state.rows.job
    return job is not None and any(
        actor.point in planner.HOLDING and actor.token == job.plan_claim for actor in state.planners
    )


def stands_still(state: State) -> str:
    """What nobody carries, so that only the reconciler can bring it back; empty: nothing.

    A chunk that a retry found at work, and whose worker gives it up because it had asked before that, is left out: what
    brings it back is its hint, which is due after a lease.
    """
    rows = state.rows
    if not rows.active or rows.job is None:
        return ""
    for index, chunk in enumerate(rows.chunks):
        given_up = chunk.run < rows.job.run and chunk.hint
        if chunk.status == PENDING and not (given_up or carried(state, db.hint_of(rows, index))):
            return f"chunk {index} waits and no message carries it"
        if chunk.status == PROCESSING and not held(state, index, chunk.claim_no):
            return f"chunk {index} is claimed and nobody works on it"
    return _end_stands_still(state, rows)


def _end_stands_still(state: State, rows: Rows) -> str:
    job = rows.job
    if job is None:
        return ""
    if job.all_done and not finalize_carried(state, Message("final", token=job.run)):
        return "every chunk is done and nobody finalizes"
    if job.total is None and not plan_carried(state):
        return "the plan is not complete and nobody plans"
    return ""


def _senders(state: State) -> tuple[Actor, ...]:
    return (*state.planners, state.reconciler, state.undertaker, state.client)


def _sending(state: State, rows: Rows, *hints: Message) -> State:
    after = Actor("sending", sends=hints) if hints else IDLE
    return become(state, "reconciler", 0, after, rows)


def _ended(ended: bool) -> str:
    return "ended" if ended else "no"


def _which(hints: list[Message]) -> str:
    return "chunks " + ", ".join(str(hint.chunk) for hint in hints)
