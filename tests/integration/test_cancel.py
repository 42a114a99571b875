"""PROTOCOL, verbs of a client: cancel touches the job row only, and a cancelled job stays so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.chunk_worker.worker import process
from functions.core.errors import ProviderError, Rejected
from functions.core.jobs import JOB_MOVES, ChunkStatus, JobStatus
from functions.core.messages import dump_chunk
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure, ModelCall
from functions.core.sqs_event import Record
from functions.dead_letter.bury import bury
from tests.fakes.meanwhile import meanwhile, unanswered
from tests.fakes.stage import Stage

WHY = Failure("timeout", "no answer")


def claim(stage: Stage, job_id: str, index: int = 0, number: int = 0) -> Claim:
    """A worker takes a chunk."""
    [held] = stage.run(stage.store.claim([ChunkHint(job_id, index, number)], seconds=60)).claims
    return held


@pytest.mark.parametrize("started", [False, True])
def test_an_active_job_is_cancelled_and_nothing_of_it_is_due_any_more(stage: Stage, started: bool) -> None:
    job_id = stage.submit("aaaabbbb", planned=started)
    if started:
        claim(stage, job_id)
    before = stage.rows(job_id)

    assert stage.run(stage.store.cancel(job_id, "local")) is JobStatus.CANCELLED

    job = stage.job_row(job_id)
    assert (job.status, job.finished_at) == (JobStatus.CANCELLED, job.updated_at)
    assert {job.plan_due_at, job.plan_lease_until, job.finalize_due_at, job.finalize_lease_until} == {None}
    assert stage.rows(job_id) == before  # the job row only


def test_cancelling_again_is_fine_and_changes_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.cancel(job_id)
    before = stage.job_row(job_id)

    stage.cancel(job_id)

    assert stage.job_row(job_id) == before


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED])
def test_a_job_that_has_ended_stays_as_it_ended(stage: Stage, status: JobStatus) -> None:
    job_id = stage.submit("aaaa")
    stage.change_job(job_id, status=status)
    before = stage.job_row(job_id)

    assert stage.run(stage.store.cancel(job_id, "local")) is status
    with pytest.raises(Rejected, match=f"is {status}") as refused:
        stage.cancel(job_id)

    assert (refused.value.status, refused.value.slug) == (409, "job-has-ended")
    assert stage.job_row(job_id) == before


@pytest.mark.parametrize("job_id", ["unknown", "", "../x", "ä"])
def test_what_is_no_job_cannot_be_cancelled(sqlite_stage: Stage, job_id: str) -> None:
    with pytest.raises(Rejected) as refused:
        sqlite_stage.cancel(job_id)

    assert (refused.value.status, refused.value.slug) == (404, "job-not-found")


def test_another_owner_s_job_is_not_there(stage: Stage) -> None:
    job_id = stage.submit("aaaa")

    assert stage.run(stage.store.cancel(job_id, "somebody")) is None

    assert stage.job(job_id).status is JobStatus.PENDING


def test_a_cancel_whose_answer_was_lost_is_run_again_and_answers_alike(stage: Stage) -> None:
    job_id = stage.submit("aaaa")

    assert stage.run(unanswered(stage).cancel(job_id, "local")) is JobStatus.CANCELLED


def test_a_result_that_comes_late_is_kept_and_counted_and_the_job_stays_cancelled(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    claim(stage, job_id)
    stage.cancel(job_id)

    for index in range(2):
        moved = stage.run(stage.store.complete(job_id, [ChunkResult(index, "late")]))
        assert (moved.chunk_indexes, moved.all_done) == (frozenset({index}), False)  # nobody wakes a finalizer

    stage.finalize(job_id)
    job = stage.job(job_id)
    assert (job.status, job.progress.completed, job.analysis_result) == (JobStatus.CANCELLED, 2, None)
    assert stage.job_row(job_id).finalize_due_at is None
    stage.check(job_id)


def test_a_failure_that_comes_late_is_counted_and_the_job_stays_cancelled(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    held = claim(stage, job_id)
    stage.cancel(job_id)

    moved = stage.run(stage.store.fail(held, WHY, attempts=3))

    assert (moved.chunk_indexes, moved.all_done) == (frozenset({0}), False)
    assert stage.job(job_id).status is JobStatus.CANCELLED
    stage.check(job_id)


def test_messages_of_a_cancelled_job_cost_no_call(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.cancel(job_id)

    stage.deliver()

    assert stage.model.calls == []
    assert stage.queues.chunks == []


@pytest.mark.parametrize("verb", ["cancel", "delete"])
@pytest.mark.parametrize("before", ["wanted", "claim"])
def test_a_worker_whose_job_goes_between_claim_and_call_makes_no_call(stage: Stage, verb: str, before: str) -> None:
    job_id = stage.submit("aaaabbbb")
    gone = getattr(stage.store, verb)
    meanwhile(stage, **{before: lambda: gone(job_id, "local")})

    assert stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0)) == []

    assert stage.model.calls == []


@pytest.mark.parametrize("calls", [0, 1])
def test_a_worker_holds_nothing_of_a_job_that_was_cancelled(stage: Stage, calls: int) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError("server_error", "500")]

    async def cancelled(_call: ModelCall) -> None:
        await stage.store.cancel(job_id, "local")

    if calls:
        stage.model.during = cancelled
    else:
        meanwhile(stage, wanted=lambda: stage.store.cancel(job_id, "local"))
    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert len(stage.model.calls) == calls
    row = stage.row(job_id)
    assert (row.status, row.lease_until, row.crashes) == (ChunkStatus.PENDING, None, 0)


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_a_worker_whose_job_goes_between_two_calls_makes_no_second_one(stage: Stage, verb: str) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError("server_error", "500")]

    async def gone(_call: ModelCall) -> None:
        await getattr(stage.store, verb)(job_id, "local")

    stage.model.during = gone
    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert len(stage.model.calls) == 1


def test_a_dead_letter_of_a_cancelled_job_fails_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.cancel(job_id)

    stage.run(bury(stage.parts, Record("m", "r", dump_chunk(ChunkHint(job_id, 0, 0)), 1)))

    assert stage.row(job_id).status == ChunkStatus.PENDING


def test_a_planner_of_a_cancelled_job_stops_at_its_next_step(stage: Stage) -> None:
    job_id = stage.submit("aaaa", planned=False)
    held = stage.run(stage.store.begin_plan(job_id))
    assert held
    stage.cancel(job_id)

    assert stage.run(stage.store.close_plan(held)) is None
    assert not stage.run(stage.store.rest_plan(held, seconds=1))
    assert not stage.run(stage.store.fail_plan(held, WHY))
    assert stage.run(stage.store.begin_plan(job_id)) is None
    assert stage.job_row(job_id).plan_due_at is None


def test_a_job_cancelled_while_its_result_is_put_together_stays_cancelled(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    cancel = stage.store.cancel
    meanwhile(stage, finish=lambda: cancel(job_id, "local"))

    stage.deliver()

    job = stage.job(job_id)
    assert (job.status, job.analysis_result, job.progress.completed) == (JobStatus.CANCELLED, None, 1)


def test_what_a_cancelled_job_leaves_open_comes_to_rest_uncounted(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbcccc")
    other = stage.submit("dddd")
    stage.run(stage.store.park(claim(stage, job_id, 0), WHY, seconds=900, throttled=True))
    claim(stage, job_id, 1)
    stage.cancel(job_id)
    stage.reconcile()
    assert [row.status for row in stage.rows(job_id)] == ["PENDING", "PROCESSING", "PENDING"]  # nothing is due

    stage.pass_time(1_300)
    stage.queues.lose_everything()
    stage.reconcile()

    for row in stage.rows(job_id):
        assert (row.status, row.hint_due_at, row.not_before, row.lease_until) == ("PENDING", None, None, None)
        assert (row.crashes, row.attempts) == (0, 0)
    assert stage.queues.chunks == [(ChunkHint(other, 0, 0), 0)]
    assert stage.run(stage.store.rest_ended(100)) == 0
    stage.check(job_id)


def test_one_page_of_rest_moves_no_more_rows_than_it_says(stage: Stage) -> None:
    job_ids = [stage.submit("aaaabbbbcccc") for _ in range(3)]
    for job_id in job_ids:
        claim(stage, job_id)
        stage.cancel(job_id)
    stage.pass_time(1_000)

    assert [stage.run(stage.store.rest_ended(4)) for _ in range(4)] == [4, 4, 1, 0]


def test_a_result_is_still_taken_from_a_chunk_at_rest(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    claim(stage, job_id)
    stage.cancel(job_id)
    stage.pass_time(1_000)
    stage.run(stage.store.rest_ended(10))

    assert stage.run(stage.store.complete(job_id, [ChunkResult(0, "late")])).chunk_indexes == {0}
    stage.check(job_id)


def test_twenty_threads_that_cancel_and_complete_at_once_leave_one_end_and_right_counts(stage: Stage) -> None:
    for _ in range(5):
        job_id = stage.submit("aaaabbbbcccc")

        def act(number: int, job_id: str = job_id) -> object:
            records = [Record("m", "r", dump_chunk(ChunkHint(job_id, number % 3, 0)), 1)]
            if number < 5:
                return stage.run(stage.store.cancel(job_id, "local"))
            if number < 10:
                stage.finalize(job_id)
            return stage.run(process(stage.parts, records, stage.deadline))

        with ThreadPoolExecutor(20) as threads:
            statuses = {answer for answer in threads.map(act, range(20)) if isinstance(answer, JobStatus)}

        assert len(statuses) == 1  # whoever was first, the others found it so
        [status] = statuses
        assert stage.job(job_id).status is status
        assert not JOB_MOVES[status]
        stage.check(job_id)
