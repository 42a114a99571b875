"""The chunk worker: claim, ask, call, commit, send, acknowledge. A batch of one message.

Left out, because nobody could tell: to receive a message and to claim by it is one step (until the claim it might as
well lie in the queue); so is a claim that brings nothing and its acknowledgement. A call and its outcome are one step:
a worker that dies at `asked` may have died in mid-call, so the call counts.

What is not ours or not wanted any more is given up before its message is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.model import rows as db
from tests.simulation.model.acting import Steps, become, deliveries, first_idle, spend
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import IDLE, Actor, Message, Rows, State, Step

HOLDING = frozenset(
    {"suspect", "claimed", "asked", "unwanted", "counting", "answered", "spent", "parking", "sent early"}
)
KIND = "workers"


def steps(setup: Setup, state: State, number: int) -> Steps:
    """What this worker may do next."""
    worker = state.workers[number]
    if worker.point != "idle" or first_idle(state.workers, number):
        yield from _AT[worker.point](setup, state, number, worker)


def _receive(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    for message, left, fault in deliveries(state, "chunk"):
        rows, answer = db.claim(setup, state.rows, message.chunk, message.token)
        step = Step(f"worker {number}", "claim", message.chunk, message.token, answer, fault, message.run)
        if answer == "claimed":
            yield step, become(left, KIND, number, _claimed(rows, message), rows)
            if rows.chunks[message.chunk].crashes:  # were it one of a batch, it would be set aside
                yield step, become(left, KIND, number, _claimed(rows, message)._replace(point="suspect"), rows)
        elif answer == "early":
            yield step, become(left, KIND, number, Actor("early", message))
        else:
            yield step, left


def _claimed(rows: Rows, message: Message) -> Actor:
    chunk = rows.chunks[message.chunk]
    return Actor("claimed", message, chunk.claim_no, chunk.attempts, run=chunk.run)


def _early(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    step = Step(f"worker {number}", "send chunk", worker.message.chunk, worker.message.token)
    yield step, become(state, KIND, number, worker._replace(point="done"), sent=(worker.message,))


def _give_up(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    rows, moved = db.set_aside(setup, state.rows, worker.message.chunk, worker.token)
    after = _to(worker, "aside" if worker.point == "suspect" else "done")
    yield _step(number, worker, "set aside", _yes(moved)), become(state, KIND, number, after, rows)


def _aside(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    rows, answer = db.claim(setup, state.rows, worker.message.chunk, worker.token)
    again = _to(worker, "done")
    if answer == "claimed":
        again = _claimed(rows, worker.message)
    yield _step(number, worker, "claim", answer), become(state, KIND, number, again, rows)


def _ask(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    wanted = db.wanted(state.rows, worker.message.chunk, worker.token)
    after = _to(worker, "asked") if wanted else _lost(setup, worker)
    yield _step(number, worker, "ask", _yes(wanted)), become(state, KIND, number, after)


def _call(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    called = count_call(state, worker)
    yield _step(number, worker, "call", "answered"), become(called, KIND, number, _to(worker, "answered"))
    wrong = spend(called, "error")
    if wrong:
        spent = worker._replace(done=worker.done + 1, point="spent")
        yield _step(number, worker, "call", "permanent", "error"), become(wrong, KIND, number, spent)
        after = spent if spent.done >= setup.max_attempts else _to(worker, "counting")
        yield _step(number, worker, "call", "error", "error"), become(wrong, KIND, number, after)
    out = spend(state, "outage")
    if out:
        yield _step(number, worker, "call", "throttled", "outage"), become(out, KIND, number, _to(worker, "parking"))


def _count(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    """Each counted failure is committed before its backoff; then the next call is made here or by another delivery."""
    rows, ours = db.count_attempt(setup, state.rows, worker.message.chunk, worker.token, worker.done)
    if not setup.guards.attempt_counted_before_backoff:
        rows = state.rows
    step = _step(number, worker, "count attempt", _yes(ours))
    if not ours:
        yield step, become(state, KIND, number, _lost(setup, worker), rows)
        return
    for point in ("claimed", "parking"):
        yield step, become(state, KIND, number, worker._replace(point=point, done=worker.done + 1), rows)


def _complete(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    rows, moved = db.complete(setup, state.rows, worker.message.chunk, worker.token)
    step = _step(number, worker, "complete", answer_of(moved))
    yield step, become(state, KIND, number, _after(worker, moved), rows)


def _fail(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    rows, moved = db.fail(setup, state.rows, worker.message.chunk, worker.token, worker.done)
    yield _step(number, worker, "fail", answer_of(moved)), become(state, KIND, number, _after(worker, moved), rows)


def _park(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    if worker.point == "parking" and not setup.guards.commit_before_send:
        step, sent = _step(number, worker, "send chunk"), _to(worker, "sent early")
        yield step, become(state, KIND, number, sent, sent=(_own(worker),))
        return
    rows, ours = db.park(setup, state.rows, worker.message.chunk, worker.token, early=True)
    after = "parked" if ours and worker.point == "parking" else "done"
    yield _step(number, worker, "park", _yes(ours)), become(state, KIND, number, _to(worker, after), rows)


def _send(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    after = _to(worker, "done")
    yield _step(number, worker, "send chunk"), become(state, KIND, number, after, sent=(_own(worker),))


def _wake(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    step = Step(f"worker {number}", "send finalize", token=worker.sends[0].token)
    yield step, become(state, KIND, number, worker._replace(point="done", sends=()), sent=worker.sends)


def _acknowledge(setup: Setup, state: State, number: int, worker: Actor) -> Steps:
    yield _step(number, worker, "acknowledge"), become(state, KIND, number, IDLE)


_AT: dict[str, Callable[[Setup, State, int, Actor], Steps]] = {
    "idle": _receive,
    "early": _early,
    "suspect": _give_up,
    "aside": _aside,
    "claimed": _ask,
    "asked": _call,
    "unwanted": _give_up,
    "counting": _count,
    "answered": _complete,
    "spent": _fail,
    "parking": _park,
    "sent early": _park,
    "parked": _send,
    "waking": _wake,
    "done": _acknowledge,
}


def count_call(state: State, worker: Actor) -> State:
    """Ghost: one more call of this chunk, if it is still in the run in which it was claimed."""
    index, chunks = worker.message.chunk, state.rows.chunks
    if index >= len(chunks) or chunks[index].run != worker.run:
        return state
    called = chunks[index]._replace(calls=chunks[index].calls + 1)
    return state._replace(rows=state.rows._replace(chunks=(*chunks[:index], called, *chunks[index + 1 :])))


def answer_of(moved: db.Moved) -> str:
    """A counting transaction's answer in words."""
    return ("moved" if moved.moved else "no") + (", all done" if moved.all_done else "")


def _after(worker: Actor, moved: db.Moved) -> Actor:
    if not moved.all_done:
        return _to(worker, "done")
    return worker._replace(point="waking", token=0, done=0, run=0, sends=(Message("final", token=moved.run),))


def _lost(setup: Setup, worker: Actor) -> Actor:
    return _to(worker, "unwanted" if setup.guards.unwanted_given_up else "done")


def _to(worker: Actor, point: str) -> Actor:
    if point == "done":  # what it held does not matter any more
        return Actor("done", worker.message)
    return worker._replace(point=point)


def _own(worker: Actor) -> Message:
    return Message("chunk", worker.message.chunk, worker.token, worker.run)


def _step(number: int, worker: Actor, verb: str, answer: str = "", fault: str = "") -> Step:
    return Step(f"worker {number}", verb, worker.message.chunk, worker.token, answer, fault, worker.run)


def _yes(moved: bool) -> str:
    return "ours" if moved else "no"
