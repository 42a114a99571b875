"""What must hold in every state, and of every step. An empty answer: it holds."""

from __future__ import annotations

from functions.core.jobs import CHUNK_MOVES, JOB_MOVES, Progress, outcome
from tests.simulation.model.keepers import stands_still
from tests.simulation.model.rows import results
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import (
    ACTIVE,
    ALIVE,
    CANCELLED,
    COMPLETED,
    FAILED,
    PENDING,
    PROCESSING,
    Chunk,
    Job,
    Rows,
    State,
    Step,
)

# `fail`, `park`, … may only write a row that is PROCESSING under their own claim
FENCED = frozenset({"fail", "park", "count attempt", "set aside", "renew"})
_ENDS_LEASES = frozenset({"end leases", "fail crashed", "rest ended", "bury chunk"})
_ENDS_PLANS = frozenset({"bury plan", "fail lost plan"})
_GHOSTS = Chunk._fields.index("calls")  # from here on nobody real can see
_JOB_MOVES = {(old.value, new.value) for old, moves in JOB_MOVES.items() for new in (*moves, old)}
_CHUNK_MOVES = {(old.value, new.value) for old, moves in CHUNK_MOVES.items() for new in (*moves, old)}


def wrong_state(setup: Setup, state: State) -> str:
    """What is wrong with a state."""
    rows = state.rows
    if rows.job is None:
        return "chunk rows of a deleted job are left" if rows.chunks else ""
    return (
        _counters(rows, rows.job)
        or _bounds(setup, state, rows, rows.job)
        or _end(setup, rows, rows.job)
        or _flow(setup, state)
    )


def _counters(rows: Rows, job: Job) -> str:
    statuses = [chunk.status for chunk in rows.chunks]
    if (job.completed, job.failed) != (statuses.count(COMPLETED), statuses.count(FAILED)):
        return "the counters are not the rows"
    if job.total is not None and job.total != len(rows.chunks):
        return "the total is not the number of rows"
    return ""


def _bounds(setup: Setup, state: State, rows: Rows, job: Job) -> str:
    faults = sum(setup.budget[1:5]) - sum(state.budget[1:5])  # crashes, losses, freezes, lost answers
    for chunk in rows.chunks:
        if chunk.attempts > setup.max_attempts:
            return "more attempts than allowed"
        if chunk.crashes > min(faults, setup.crash_limit):
            return "more crashes counted than happened"
        if chunk.calls > min(setup.max_attempts + setup.crash_limit, chunk.attempts + chunk.crashes + 1):
            return "a call that neither an attempt nor a crash accounts for"
    if len(rows.chunks) > setup.chunks:
        return "more chunks than the document has"
    if job.tries > 1 + faults:
        return "more tries to finalize than finalizers died"
    return ""


def _end(setup: Setup, rows: Rows, job: Job) -> str:
    if job.status in ACTIVE or job.status == CANCELLED or job.total is None:
        return ""
    progress = Progress(job.total, job.completed, job.failed)
    if not progress.all_done or job.status != outcome(progress).value:
        return "the terminal state is not what the counters say"
    if not job.given_up and (job.result or (0,) * job.total) != results(rows):
        return "the result is not the chunks' results"
    return ""


def _flow(setup: Setup, state: State) -> str:
    """Until something goes wrong, nothing needs the reconciler: messages carry everything."""
    if state.budget[:5] != setup.budget[:5] or state.budget.bury != setup.budget.bury:
        return ""
    still = stands_still(state)
    resting = setup.budget.outage > state.budget.outage and not still.startswith("chunk")
    return f"with no fault at all {still}" if still and not resting else ""


def wrong_step(before: State, step: Step, after: State) -> str:
    """What is wrong with a step."""
    old, new = before.rows, after.rows
    if old is new or old == new:
        return ""
    if old.job is None:
        return "a deleted job is back"
    if new.job is None:
        return ""
    return _job_step(step, old.job, new.job) or _chunk_steps(step, old, new)


def _job_step(step: Step, old: Job, new: Job) -> str:
    if (old.status, new.status) not in _JOB_MOVES:
        return f"a job moved from {old.status} to {new.status}"
    if new.run != old.run:
        if step.verb != "retry" or step.token != old.run or new.run != old.run + 1:
            return "a run began that nobody asked for"
        return "" if old.status not in ACTIVE else "a run began before the last one ended"
    if old.status not in ACTIVE and (old.status, old.result, old.given_up) != (new.status, new.result, new.given_up):
        return "a job that had ended in this run was changed"
    return _plan_step(step, old) if old != new else ""


def _plan_step(step: Step, old: Job) -> str:
    if step.verb in _ENDS_PLANS:
        if old.plan_lease == ALIVE:
            return "a dead message ended a plan that is being worked on"
        if step.run < old.run:
            return "a dead message of an earlier run ended a plan"
    if step.actor.startswith("planner") and step.run < old.run:
        return "a planner of an earlier run goes on"
    return ""


def _chunk_steps(step: Step, old: Rows, new: Rows) -> str:
    for index, (was, now) in enumerate(zip(old.chunks, new.chunks, strict=False)):
        if was[:_GHOSTS] != now[:_GHOSTS] and (wrong := _chunk_step(step, old, was, now)):
            return f"chunk {index}: {wrong}"
    return ""


def _chunk_step(step: Step, old: Rows, was: Chunk, now: Chunk) -> str:
    if (was.status, now.status) not in _CHUNK_MOVES or was.status == COMPLETED:
        return f"moved from {was.status} to {now.status}"
    if was.status == FAILED and step.verb != "retry":
        return "a failed chunk was changed without a retry"
    if step.verb in FENCED and (was.status != PROCESSING or was.claim_no != step.token):
        return "written by somebody who does not hold it"
    if step.verb == "claim":
        return _claim(step, old, was)
    if step.run and step.verb != "complete" and step.run < was.run:
        return "written by somebody of an earlier run"
    if step.verb in _ENDS_LEASES and was.status == PROCESSING and was.lease == ALIVE:
        return "taken from a worker whose lease is alive"
    return ""


def _claim(step: Step, old: Rows, was: Chunk) -> str:
    if not old.active:
        return "claimed though its job has ended"
    if was.status == PENDING and step.run and step.run < was.run:
        return "claimed by a message of an earlier run"  # a lease that is over may be taken over by any
    if was.status != PENDING and was.lease == ALIVE:
        return "claimed while another one's lease is alive"
    return ""


def ended(state: State) -> bool:
    """The job has come to an end, or is gone."""
    return not state.rows.active
