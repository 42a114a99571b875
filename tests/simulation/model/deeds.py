"""Each transaction of the model as a call of the product's own store, its answer in the model's words."""

from __future__ import annotations

from collections.abc import Callable

from functions.core.model import ChunkHint, ChunkResult, Moved, PlanHint
from tests.simulation.model.rows import Moved as Answered
from tests.simulation.model.states import FLEET_OF, IDLE, Actor, Job, Message, State, Step
from tests.simulation.model.twin import (
    GIVEN_UP,
    JOB,
    NOW,
    OWNER,
    PAST,
    WHY,
    Twin,
    hint_for,
    joined,
    span_of,
)
from tests.simulation.model.worker import answer_of

Answer = object
Do = Callable[[Twin, State, Step, Actor], Answer]  # takes the step on the real store; its answer in the model's words


def acting(state: State, step: Step) -> Actor:
    """Who takes this step."""
    kind, _, number = step.actor.partition(" ")
    if kind in FLEET_OF:
        fleet: tuple[Actor, ...] = getattr(state, FLEET_OF[kind])
        return fleet[int(number)]
    single: Actor = getattr(state, kind, IDLE)
    return single


def expected(step: Step, after: State) -> Answer:
    """The model's answer: in words, or what the actor is about to send."""
    if step.verb not in _SENDS:
        return step.answer
    return _sorted(after.reconciler.sends if step.actor == "reconciler" else after.client.sends)


# -- the worker
def _claim(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    batch = twin.run(twin.store.claim([hint_for(step.chunk, step.token)], seconds=60))
    return "claimed" if batch.claims else "early" if batch.early else "no"


def _set_aside(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.set_aside([twin.claim_of(actor)], seconds=60)))


def _ask(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.wanted([twin.claim_of(actor)])))


def _renew(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return "" if twin.run(twin.store.renew([twin.claim_of(actor)], seconds=60)) else "no"


def _count(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.count_attempt(twin.claim_of(actor), WHY)))


def _park(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.park(twin.claim_of(actor), WHY, seconds=60, throttled=True)))


def _complete(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _moved(twin.run(twin.store.complete(JOB, [ChunkResult(step.chunk, str(step.token))])))


def _fail(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _moved(twin.run(twin.store.fail(twin.claim_of(actor), WHY, attempts=actor.done)))


# -- the finalizer
def _begin_finalize(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    task = twin.run(twin.store.begin_finalize(JOB, step.token))
    return f"try {task.tries if task else 0}"


def _hold_finalize(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return "" if twin.run(twin.store.hold_finalize(twin.task_of(actor, _job(before)))) else "no"


def _rest_finalize(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.rest_finalize(twin.task_of(actor, _job(before)), seconds=60)))


def _read_results(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    found = {result.chunk_index: int(result.text) for result in twin.run(twin.store.results(JOB, after=-1, limit=9))}
    return str(tuple(found.get(index, 0) for index in range(len(before.rows.chunks))))


def _finish(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    given_up = step.verb == "give up"
    text = None if given_up else joined(actor.seen)
    ended = twin.run(
        twin.store.finish(
            twin.task_of(actor, _job(before)),
            result=text,
            result_key=None,
            result_bytes=len(text) if text else None,
            error_summary=None,
            error=GIVEN_UP if given_up else None,
        )
    )
    return _ended(ended)


# -- the planner
def _begin_plan(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    plan = twin.run(twin.store.begin_plan(JOB))
    return f"claim {plan.claim_no if plan else 0}"


def _add_chunk(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.add_chunks(twin.plan_of(actor), [span_of(actor.done)])))


def _close_plan(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    moved = twin.run(twin.store.close_plan(twin.plan_of(actor)))
    return "no" if moved is None else "all done" if moved.all_done else "closed"


def _rest_plan(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ours(twin.run(twin.store.rest_plan(twin.plan_of(actor), seconds=60)))


def _fail_plan(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ended(twin.run(twin.store.fail_plan(twin.plan_of(actor), WHY)))


# -- the reconciler and the dead letters
def _end_leases(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _messages(twin.run(twin.store.end_leases(9)))


def _fail_crashed(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    indexes = twin.run(twin.store.crashed_for_good(9))[JOB]
    return _moved(twin.run(twin.store.fail_crashed(JOB, indexes, WHY)))


def _due_hints(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(step.chunk, hint_due_at=PAST)
    return _messages(twin.run(twin.store.due_hints(9)))


def _due_finalizers(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(finalize_due_at=PAST)
    return [("final", -1, run) for _, run in twin.run(twin.store.due_finalizers(9))]


def _due_plans(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(plan_due_at=PAST)
    due, _lost = twin.run(twin.store.due_plans(9))
    return _plans(due)


def _lost_plans(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(plan_due_at=PAST)
    _due, lost = twin.run(twin.store.due_plans(9))
    return "lost" if lost == [PlanHint(JOB, step.token)] else "not lost"


def _fail_dead_plan(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _ended(twin.run(twin.store.fail_dead_plan(PlanHint(JOB, step.token), WHY)))


def _rest_ended(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(-1, hint_due_at=PAST)
    return "" if twin.run(twin.store.rest_ended(9)) else "no"


def _bury(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return _moved(twin.run(twin.store.fail_dead(hint_for(step.chunk, step.token), WHY)))


# -- a client
def _cancel(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return "" if twin.run(twin.store.cancel(JOB, OWNER)) == "CANCELLED" else "no"


def _delete(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    return "no" if twin.run(twin.store.delete(JOB, OWNER)) is None else ""


def _retry(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    retried = twin.run(twin.store.retry(JOB, OWNER, run=step.token))
    if retried is None:
        return "not retried"
    return _messages(retried.hints) + _plans([retried.plan] if retried.plan else [])


# -- time
def _lease_over(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(step.chunk, lease_until=PAST)
    return ""


def _not_before(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(step.chunk, not_before=NOW)
    return ""


def _finalizer_over(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(finalize_lease_until=PAST)
    return ""


def _planner_over(twin: Twin, before: State, step: Step, actor: Actor) -> Answer:
    twin.set_times(plan_lease_until=PAST)
    return ""


def _job(state: State) -> Job:
    return state.rows.job or Job()


def _ours(moved: object) -> str:
    return "ours" if moved else "no"


def _ended(ended: bool) -> str:
    return "ended" if ended else "no"


def _moved(moved: Moved) -> str:
    return answer_of(Answered(bool(moved.chunk_indexes), moved.all_done, moved.run))


def _messages(hints: list[ChunkHint]) -> list[tuple[str, int, int]]:
    return sorted(("chunk", hint.chunk_index, hint.claim_no) for hint in hints)


def _plans(hints: list[PlanHint]) -> list[tuple[str, int, int]]:
    return [("plan", -1, hint.claim_no) for hint in hints]


def _sorted(messages: tuple[Message, ...]) -> list[tuple[str, int, int]]:
    return sorted((message.kind, message.chunk, message.token) for message in messages)


TRANSACTIONS: dict[str, Do] = {
    "claim": _claim,
    "set aside": _set_aside,
    "ask": _ask,
    "renew": _renew,
    "count attempt": _count,
    "park": _park,
    "complete": _complete,
    "fail": _fail,
    "begin finalize": _begin_finalize,
    "hold finalize": _hold_finalize,
    "rest finalize": _rest_finalize,
    "read results": _read_results,
    "finish": _finish,
    "give up": _finish,
    "begin plan": _begin_plan,
    "add chunk": _add_chunk,
    "close plan": _close_plan,
    "rest plan": _rest_plan,
    "fail plan": _fail_plan,
    "end leases": _end_leases,
    "fail crashed": _fail_crashed,
    "due hints": _due_hints,
    "due finalizers": _due_finalizers,
    "due plans": _due_plans,
    "lost plans": _lost_plans,
    "fail lost plan": _fail_dead_plan,
    "rest ended": _rest_ended,
    "bury chunk": _bury,
    "bury plan": _fail_dead_plan,
    "cancel": _cancel,
    "delete": _delete,
    "retry": _retry,
}
DO = TRANSACTIONS | {
    "lease over": _lease_over,
    "not before reached": _not_before,
    "finalizer's lease over": _finalizer_over,
    "planner's lease over": _planner_over,
}
_SENDS = frozenset({"end leases", "due hints", "due finalizers", "due plans", "retry"})  # they answer with messages
