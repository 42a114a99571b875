"""What happens to the actors: time passes, messages vanish or die, processes crash, clients have wishes."""

from __future__ import annotations

from tests.simulation.model import rows as db
from tests.simulation.model.acting import FLEETS, SINGLES, Steps, become, costs, spend
from tests.simulation.model.keepers import finalize_held, held, plan_held
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import ALIVE, IDLE, OVER, PROCESSING, Actor, Chunk, Message, State, Step, put, take
from tests.simulation.model.worker import count_call

_RENEWED = frozenset({"claimed", "asked", "answered"})  # where a worker spends its time


def time_steps(setup: Setup, state: State) -> Steps:
    """Leases run out, and a `not_before` is reached. The lease of an actor that lives ends only if that is frozen."""
    rows = state.rows
    for index, chunk in enumerate(rows.chunks):
        if chunk.early:
            step = Step("time", "not before reached", index)
            yield step, _with_chunk(state, index, chunk._replace(early=False))
        if chunk.status == PROCESSING and chunk.lease == ALIVE:
            left, fault = costs(state, "freeze", when=held(state, index, chunk.claim_no))
            if left:
                step = Step("time", "lease over", index, chunk.claim_no, fault=fault)
                yield step, _with_chunk(left, index, chunk._replace(lease=OVER))
    job = rows.job
    if job and job.final_lease == ALIVE:
        left, fault = costs(state, "freeze", when=finalize_held(state))
        if left:
            over = rows._replace(job=job._replace(final_lease=OVER))
            yield Step("time", "finalizer's lease over", fault=fault), left._replace(rows=over)
    if job and job.plan_lease == ALIVE:
        left, fault = costs(state, "freeze", when=plan_held(state))
        if left:
            over = rows._replace(job=job._replace(plan_lease=OVER))
            yield Step("time", "planner's lease over", fault=fault), left._replace(rows=over)


def renewals(setup: Setup, state: State) -> Steps:
    """A frozen actor wakes: a lease that is over and that nobody took lives again."""
    for number, worker in enumerate(state.workers):
        index = worker.message.chunk
        held = worker.point in _RENEWED and db.holds(state.rows, index, worker.token)
        if held and state.rows.chunks[index].lease == OVER:
            rows, _ = db.renew(state.rows, index, worker.token)
            step = Step(f"worker {number}", "renew", index, worker.token, run=worker.run)
            yield step, state._replace(rows=rows)
    job = state.rows.job
    for number, actor in enumerate(state.finalizers):
        if actor.point == "begun" and job and job.final_lease == OVER:
            rows, ours = db.hold_finalize(state.rows, actor.message.token, actor.token)
            step = Step(f"finalizer {number}", "hold finalize", token=actor.token, run=actor.message.token)
            if ours:
                yield step, state._replace(rows=rows)


def queue_faults(setup: Setup, state: State) -> Steps:
    """A message vanishes, or has been received too often."""
    for message in dict.fromkeys(state.queue):
        about = (message.chunk, message.token)
        left = spend(state, "lose")
        if left:
            yield (
                Step("queue", f"lose {message.kind}", *about, fault="lose"),
                left._replace(queue=take(state.queue, message)),
            )
        left = spend(state, "bury")
        if left:
            dead = left._replace(queue=take(state.queue, message), letters=put(state.letters, message))
            yield Step("queue", f"redrive {message.kind}", *about, fault="bury"), dead


def crashes(setup: Setup, state: State) -> Steps:
    """Whoever is at work dies; what it had received comes back."""
    left = spend(state, "crash")
    if left is None:
        return
    for kind in FLEETS:
        for number, actor in enumerate(getattr(state, kind)):
            if actor.point != "idle":
                died = count_call(left, actor) if actor.point == "asked" else left
                yield (
                    Step(f"{kind[:-1]} {number}", "crash", fault="crash"),
                    become(died, kind, number, IDLE, sent=(actor.message,)),
                )
    for kind in SINGLES:
        actor = getattr(state, kind)
        if actor.point != "idle":
            letters = put(left.letters, actor.message) if kind == "undertaker" else left.letters
            yield Step(kind, "crash", fault="crash"), become(left._replace(letters=letters), kind, 0, IDLE)


def client_steps(setup: Setup, state: State) -> Steps:
    """Cancel, retry, delete; and the sends that follow a retry."""
    actor, job = state.client, state.rows.job
    if actor.sends:
        yield Step("client", "send chunk"), become(state, "client", 0, IDLE, sent=actor.sends)
        return
    if job is None:
        return
    left = spend(state, "cancel")
    if left and (rows := db.cancel(setup, state.rows)) != state.rows:
        yield Step("client", "cancel", fault="cancel"), become(left, "client", 0, IDLE, rows)
    left = spend(state, "delete")
    if left:
        yield Step("client", "delete", fault="delete"), become(left, "client", 0, IDLE, db.delete(setup, state.rows))
    left = spend(state, "retry")
    for run in range(1, job.run + 1) if left else ():
        rows, hints = db.retry(setup, state.rows, run)
        if left and hints is not None:
            step = Step("client", "retry", token=run, fault="retry")
            yield step, become(left, "client", 0, _sending(hints), rows)


def _sending(hints: list[Message]) -> Actor:
    return Actor("sending", sends=tuple(hints)) if hints else IDLE


def _with_chunk(state: State, index: int, chunk: Chunk) -> State:
    chunks = state.rows.chunks
    return state._replace(rows=state.rows._replace(chunks=(*chunks[:index], chunk, *chunks[index + 1 :])))
