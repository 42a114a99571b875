"""The store's transactions over the model's rows, each named as the method of `ports.Store` that it stands for.

Each takes the rows and gives the rows after it and its answer. Nothing else in the model changes a row.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.simulation.model.rules import Setup
from tests.simulation.model.states import (
    ACTIVE,
    ALIVE,
    CANCELLED,
    COMPLETED,
    FAILED,
    NONE,
    OPEN,
    OVER,
    PARTIAL,
    PENDING,
    PROCESSING,
    RETRIABLE,
    Chunk,
    Job,
    Message,
    Rows,
)


class Moved(NamedTuple):
    """What a counting transaction answers."""

    moved: bool
    all_done: bool
    run: int


def claim(setup: Setup, rows: Rows, index: int, sent: int) -> tuple[Rows, str]:
    """`claimed`, `early` or `no`."""
    guards = setup.guards
    chunk = _chunk(rows, index)
    if rows.job is None or chunk is None or (guards.claim_needs_active_job and not rows.active):
        return rows, "no"
    if chunk.status == PENDING and chunk.claim_no == sent:
        if chunk.early:
            return rows, "early"
        crashed = 0
    elif chunk.status == PROCESSING and (chunk.lease == OVER or not guards.claim_needs_lease_over):
        crashed = 1 if guards.claim_counts_crash else 0
    else:
        return rows, "no"
    if guards.crash_limit_in_claim and chunk.crashes + crashed >= setup.crash_limit:
        return rows, "no"
    claimed = chunk._replace(
        status=PROCESSING,
        claim_no=chunk.claim_no + 1,
        lease=ALIVE,
        crashes=chunk.crashes + crashed,
        early=False,
        hint=False,
    )
    job = rows.job._replace(status=PROCESSING) if rows.job.status == PENDING else rows.job
    return Rows(job, _with(rows, index, claimed)), "claimed"


def wanted(rows: Rows, index: int, claim_no: int) -> bool:
    """Whether a call makes sense."""
    return rows.active and holds(rows, index, claim_no)


def holds(rows: Rows, index: int, claim_no: int) -> bool:
    """The fence: PROCESSING under this claim."""
    chunk = _chunk(rows, index)
    return chunk is not None and chunk.status == PROCESSING and chunk.claim_no == claim_no


def renew(rows: Rows, index: int, claim_no: int) -> tuple[Rows, bool]:
    """A lease lives again, even one that is over, if nobody has taken the chunk meanwhile."""
    if not holds(rows, index, claim_no):
        return rows, False
    return _change(rows, index, lease=ALIVE), True


def count_attempt(setup: Setup, rows: Rows, index: int, claim_no: int, attempts: int) -> tuple[Rows, bool]:
    """A counted call that failed; `attempts` is the number before it."""
    if not holds(rows, index, claim_no):
        return rows, False
    before = rows.chunks[index].attempts
    if not setup.guards.attempt_names_its_number:
        return _change(rows, index, attempts=before + 1), True
    if before not in (attempts, attempts + 1):
        return rows, False
    return _change(rows, index, attempts=attempts + 1), True


def park(setup: Setup, rows: Rows, index: int, claim_no: int, *, early: bool) -> tuple[Rows, bool]:
    """Given up until later."""
    chunk = _chunk(rows, index)
    if chunk is None or not (holds(rows, index, claim_no) or (not setup.guards.park_fenced and chunk.status in OPEN)):
        return rows, False
    return _change(rows, index, status=PENDING, lease=NONE, early=early, hint=setup.guards.park_hints), True


def set_aside(setup: Setup, rows: Rows, index: int, claim_no: int) -> tuple[Rows, bool]:
    """Given up uncounted, to be claimed again in a moment."""
    chunk = _chunk(rows, index)
    if chunk is None or not (holds(rows, index, claim_no) or (not setup.guards.aside_fenced and chunk.status in OPEN)):
        return rows, False
    return _change(rows, index, status=PENDING, lease=NONE, hint=setup.guards.aside_hints), True


def complete(setup: Setup, rows: Rows, index: int, result: int) -> tuple[Rows, Moved]:
    """The first result wins, whoever brings it."""
    chunk = _chunk(rows, index)
    if chunk is None:
        return rows, Moved(False, False, 0)
    if chunk.status not in OPEN and setup.guards.result_needs_open_chunk:
        return _count(setup, rows, 0, failed=False)
    return _end(setup, rows, [index], failed=False, attempts=chunk.attempts + 1, result=result)


def fail(setup: Setup, rows: Rows, index: int, claim_no: int, attempts: int) -> tuple[Rows, Moved]:
    """The end of a chunk by whoever holds its claim."""
    chunk = _chunk(rows, index)
    if chunk is None:
        return rows, Moved(False, False, 0)
    if not (holds(rows, index, claim_no) or (not setup.guards.fail_fenced and chunk.status in OPEN)):
        return _count(setup, rows, 0, failed=True)
    return _end(setup, rows, [index], failed=True, attempts=attempts)


def fail_dead(setup: Setup, rows: Rows, index: int, sent: int) -> tuple[Rows, Moved]:
    """The end of a chunk whose message died, unless a lease lives or a newer message is out."""
    chunk, guards = _chunk(rows, index), setup.guards
    if chunk is None:
        return rows, Moved(False, False, 0)
    over = chunk.status == PROCESSING and (chunk.lease == OVER or not guards.dead_needs_no_lease)
    claimed = over and (chunk.claim_no <= sent + 1 or not guards.dead_needs_newest)
    waiting = chunk.status == PENDING and (chunk.claim_no == sent or not guards.dead_needs_newest)
    if not rows.active or not (claimed or waiting):
        return _count(setup, rows, 0, failed=True)
    return _end(setup, rows, [index], failed=True)


def fail_crashed(setup: Setup, rows: Rows) -> tuple[Rows, Moved]:
    """The end of every chunk whose lease ran out for the last time."""
    last = [
        index
        for index, chunk in enumerate(rows.chunks)
        if chunk.status == PROCESSING and chunk.lease == OVER and chunk.crashes + 1 >= setup.crash_limit
    ]
    if not rows.active or not last:
        return rows, Moved(False, False, 0)
    for index in last:
        rows = _change(rows, index, crashes=rows.chunks[index].crashes + 1)
    return _end(setup, rows, last, failed=True)


def end_leases(setup: Setup, rows: Rows) -> tuple[Rows, list[Message]]:
    """Every lease that ran out: PENDING again with a crash counted; the messages to send."""
    if not rows.active:
        return rows, []
    guards, hints = setup.guards, []
    for index, chunk in enumerate(rows.chunks):
        over = chunk.status == PROCESSING and (chunk.lease == OVER or not guards.sweep_needs_lease_over)
        if over and (chunk.crashes + 1 < setup.crash_limit or not guards.crash_limit_in_sweep):
            back = {"status": PENDING, "crashes": chunk.crashes + 1, "lease": NONE, "hint": guards.sweep_hints}
            rows = _change(rows, index, **back)
            hints.append(hint_of(rows, index))
    return rows, hints


def due_hints(rows: Rows, index: int) -> Message | None:
    """The message to send for a chunk whose hint fell due; the hint stays, further ahead."""
    chunk = _chunk(rows, index)
    if chunk is None or not rows.active or chunk.status != PENDING or chunk.early or not chunk.hint:
        return None
    return hint_of(rows, index)


def rest_ended(rows: Rows, *, ended: bool) -> Rows:
    """Rows of a job that has ended are put to rest: no hint, no lease that is over."""
    if rows.job is None or not ended:
        return rows
    for index, chunk in enumerate(rows.chunks):
        if chunk.status == PENDING and chunk.hint:
            rows = _change(rows, index, hint=False, early=False)
        elif chunk.status == PROCESSING and chunk.lease == OVER:
            rows = _change(rows, index, status=PENDING, lease=NONE, hint=False)
    return rows


def begin_finalize(setup: Setup, rows: Rows, run: int) -> tuple[Rows, int]:
    """The number of this try; 0: nothing to finalize, or somebody else is at it."""
    job, guards = rows.job, setup.guards
    if job is None or not rows.active or job.run != run or not job.all_done:
        return rows, 0
    free = job.final_lease == NONE or (job.final_lease == OVER and guards.dead_finalizer_replaced)
    if not free and guards.begin_needs_free_lease:
        return rows, 0
    begun = job._replace(tries=job.tries + 1, final_lease=ALIVE, final_due=True)
    return rows._replace(job=begun), begun.tries


def holds_finalize(rows: Rows, run: int, tries: int) -> bool:
    """The finalizer's fence."""
    return rows.job is not None and rows.active and (rows.job.run, rows.job.tries) == (run, tries)


def hold_finalize(rows: Rows, run: int, tries: int) -> tuple[Rows, bool]:
    """A long assembly goes on."""
    if rows.job is None or not holds_finalize(rows, run, tries):
        return rows, False
    return rows._replace(job=rows.job._replace(final_lease=ALIVE, final_due=True)), True


def rest_finalize(rows: Rows, run: int, tries: int) -> tuple[Rows, bool]:
    """The bucket is away: given up uncounted."""
    if rows.job is None or not holds_finalize(rows, run, tries):
        return rows, False
    return rows._replace(job=rows.job._replace(final_lease=NONE, final_due=True, tries=tries - 1)), True


def results(rows: Rows) -> tuple[int, ...]:
    """The result of each chunk in index order, 0 where there is none."""
    return tuple(chunk.result for chunk in rows.chunks)


def finish(setup: Setup, rows: Rows, run: int, result: tuple[int, ...] | None) -> tuple[Rows, bool]:
    """Result and terminal state, taken from the counters; `result` None: given up."""
    job, guards = rows.job, setup.guards
    if job is None or (guards.finish_checks_active and not rows.active):
        return rows, False
    if (guards.finish_checks_run and job.run != run) or (guards.finish_checks_done and not job.all_done):
        return rows, False
    ended = job._replace(
        status=FAILED if job.completed == 0 else COMPLETED if job.failed == 0 else PARTIAL,
        result=result if result and any(result) else None,
        given_up=result is None,
        final_due=False,
        final_lease=NONE,
    )
    return rows._replace(job=ended), True


def begin_plan(setup: Setup, rows: Rows) -> tuple[Rows, int]:
    """The plan's new claim; 0: nothing to plan, or somebody else is at it."""
    job = _unplanned(rows)
    if job is None or job.plan_lease == ALIVE:
        return rows, 0
    crashes = job.plan_crashes + (job.plan_lease == OVER)
    if crashes >= setup.crash_limit:
        return rows, 0
    begun = job._replace(plan_claim=job.plan_claim + 1, plan_crashes=crashes, plan_lease=ALIVE, plan_due=True)
    return rows._replace(job=begun), begun.plan_claim


def add_chunk(setup: Setup, rows: Rows, claim_no: int, cursor: int) -> tuple[Rows, bool]:
    """A block of one row behind the cursor."""
    job = _unplanned(rows)
    if job is None:
        return rows, False
    again = (job.plan_claim, job.plan_cursor) == (claim_no, cursor + 1)
    if again and setup.guards.plan_compares_cursor:
        return rows, True  # run again: the cursor stands where we moved it
    if not _planned_by(setup, job, claim_no, cursor):
        return rows, False
    moved = job._replace(plan_cursor=cursor + 1, plan_crashes=0, plan_lease=ALIVE, plan_due=True)
    return Rows(moved, (*rows.chunks, Chunk(run=job.run))), True


def close_plan(setup: Setup, rows: Rows, claim_no: int, cursor: int) -> tuple[Rows, Moved | None]:
    """Set the total; workers may have finished every chunk already."""
    job = _unplanned(rows)
    if job is None or not _planned_by(setup, job, claim_no, cursor):
        return rows, None
    closed = job._replace(total=cursor, plan_lease=NONE, plan_due=False)
    done = closed.all_done and setup.guards.closing_checks_done
    return rows._replace(job=closed._replace(final_due=done or closed.final_due)), Moved(False, done, job.run)


def _planned_by(setup: Setup, job: Job, claim_no: int, cursor: int) -> bool:
    """The planner's fence, and its place."""
    guards = setup.guards
    ours = job.plan_claim == claim_no or not guards.plan_fenced
    there = job.plan_cursor == cursor or not (guards.plan_fenced and guards.plan_compares_cursor)
    return ours and there


def rest_plan(rows: Rows, claim_no: int) -> tuple[Rows, bool]:
    """Given up; not a crash, and due in a while."""
    job = _unplanned(rows)
    if job is None or job.plan_claim != claim_no:
        return rows, False
    return rows._replace(job=job._replace(plan_lease=NONE, plan_due=True)), True


def fail_plan(rows: Rows, claim_no: int) -> tuple[Rows, bool]:
    """The end of an unplanned job by whoever holds its plan."""
    job = _unplanned(rows)
    return _end_plan(rows, job) if job and job.plan_claim == claim_no else (rows, False)


def fail_dead_plan(setup: Setup, rows: Rows, sent: int) -> tuple[Rows, bool]:
    """The end of an unplanned job whose plan nobody could make, unless a lease lives or a newer message is out."""
    job, guards = _unplanned(rows), setup.guards
    if job is None:
        return rows, False
    over = job.plan_lease == OVER or (job.plan_lease == ALIVE and not guards.dead_plan_needs_no_lease)
    taken = over and (job.plan_claim <= sent + 1 or not guards.dead_plan_needs_newest)
    waiting = job.plan_lease == NONE and (job.plan_claim == sent or not guards.dead_plan_needs_newest)
    return _end_plan(rows, job) if taken or waiting else (rows, False)


def _end_plan(rows: Rows, job: Job) -> tuple[Rows, bool]:
    return rows._replace(job=job._replace(status=FAILED, plan_lease=NONE, plan_due=False)), True


def due_plans(setup: Setup, rows: Rows) -> str:
    """`due`, `lost` (its planners crashed too often) or nothing."""
    job = _unplanned(rows)
    if job is None or not job.plan_due or job.plan_lease == ALIVE:
        return ""
    return "lost" if job.plan_crashes + (job.plan_lease == OVER) >= setup.crash_limit else "due"


def cancel(setup: Setup, rows: Rows) -> Rows:
    """The job row only."""
    if rows.job is None or (setup.guards.cancel_needs_active and not rows.active):
        return rows
    job = rows.job._replace(status=CANCELLED, final_due=False, final_lease=NONE, plan_due=False, plan_lease=NONE)
    return rows._replace(job=job)


def retry(setup: Setup, rows: Rows, run: int) -> tuple[Rows, list[Message] | None]:
    """A new run of the failed chunks; the messages to send. None: not in a state to be retried, or not this run.

    Asked again for a run that has begun already, it moves nothing and answers alike.
    """
    job, guards = rows.job, setup.guards
    if job is None or (job.run not in (run, run + 1) and guards.retry_compares_run):
        return rows, None
    if job.status in RETRIABLE or (job.status not in ACTIVE and not guards.retry_needs_retriable):
        if job.run == run or not guards.retry_compares_run:
            rows = _reopened(setup, rows, job)
    elif job.run == run:
        return rows, None
    return rows, waiting(rows)


def waiting(rows: Rows) -> list[Message]:
    """What a run that has begun wants sent."""
    if rows.job is None or not rows.active:
        return []
    hints = [hint_of(rows, index) for index, chunk in enumerate(rows.chunks) if chunk.status == PENDING]
    return hints + ([plan_hint_of(rows.job)] if rows.job.total is None else [])


def _reopened(setup: Setup, rows: Rows, job: Job) -> Rows:
    """`claim_no` + 1 makes every message of the earlier run older than its row, and fences who still works on it."""
    guards, run = setup.guards, job.run + 1
    chunks = list(rows.chunks)
    for index, chunk in enumerate(chunks):
        if chunk.status in (PENDING, FAILED):  # PENDING only where the plan failed
            kept = chunk.attempts, chunk.crashes
            attempts, crashes = kept if chunk.status == PENDING else (0, 0)
            number = chunk.claim_no + guards.retry_raises_claim_no
            chunks[index] = Chunk(PENDING, number, NONE, False, guards.retry_hints, attempts, crashes, run=run)
    return Rows(
        Job(
            PROCESSING,
            run,
            job.total,
            job.completed,
            0 if guards.retry_counts_back else job.failed,
            plan_cursor=job.plan_cursor,
            plan_claim=job.plan_claim + guards.retry_fences_plan,
            plan_due=job.total is None and guards.retry_resumes_plan,
        ),
        tuple(chunks),
    )


def delete(setup: Setup, rows: Rows) -> Rows:
    """Job and chunks go."""
    return Rows(None, () if setup.guards.delete_takes_chunks else rows.chunks)


def hint_of(rows: Rows, index: int) -> Message:
    """The message that points to a chunk as it stands."""
    return Message("chunk", index, rows.chunks[index].claim_no, rows.chunks[index].run)


def plan_hint_of(job: Job) -> Message:
    """The message that asks for a plan as it stands."""
    return Message("plan", token=job.plan_claim, run=job.run)


def _chunk(rows: Rows, index: int) -> Chunk | None:
    return rows.chunks[index] if index < len(rows.chunks) else None


def _unplanned(rows: Rows) -> Job | None:
    return rows.job if rows.job and rows.active and rows.job.total is None else None


def _with(rows: Rows, index: int, chunk: Chunk) -> tuple[Chunk, ...]:
    return (*rows.chunks[:index], chunk, *rows.chunks[index + 1 :])


def _change(rows: Rows, index: int, **values: object) -> Rows:
    changed = rows.chunks[index]._replace(**values)  # type: ignore[arg-type]
    return rows._replace(chunks=_with(rows, index, changed))


def _end(setup: Setup, rows: Rows, indexes: list[int], *, failed: bool, **values: object) -> tuple[Rows, Moved]:
    ended = {"status": FAILED if failed else COMPLETED, "lease": NONE, "early": False, "hint": False}
    for index in indexes:
        rows = _change(rows, index, **ended, **values)
    return _count(setup, rows, len(indexes), failed=failed)


def _count(setup: Setup, rows: Rows, moved: int, *, failed: bool) -> tuple[Rows, Moved]:
    """Promise 3: the counters change by the rows that moved, in the transaction that moved them."""
    job, guards = rows.job, setup.guards
    if job is None:
        return rows, Moved(False, False, 0)
    counted = moved if guards.count_rows_not_messages else max(1, moved)
    if counted:
        starts = job.status == PENDING or not guards.count_leaves_ended_jobs
        job = job._replace(
            status=PROCESSING if starts else job.status,
            completed=job.completed + (0 if failed else counted),
            failed=job.failed + (counted if failed else 0),
        )
        due = job.all_done and job.status in ACTIVE and guards.last_chunk_sets_due
        rows = rows._replace(job=job._replace(final_due=job.final_due or due))
    return rows, Moved(bool(moved), job.all_done and job.status in ACTIVE, job.run)
