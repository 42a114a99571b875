"""PROTOCOL, verbs of a client: retry re-runs the failed chunks and nothing else, once, whatever of the earlier run
is still about."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.core.chunking import split
from functions.core.errors import ProviderError, Rejected
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.messages import dump_chunk, dump_plan
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure, Plan, PlanHint, Retried
from functions.core.sqs_event import Record
from functions.core.store import controlling
from functions.core.wiring import make_timing
from functions.dead_letter.bury import bury
from tests.fakes.killer import Killed, KilledStore, Killer
from tests.fakes.mail import nothing
from tests.fakes.meanwhile import meanwhile, unanswered
from tests.fakes.stage import Stage

NO = ProviderError("refused_content", "no")
WHY = Failure("timeout", "no answer")


def claim(stage: Stage, job_id: str, index: int = 0, number: int = 0) -> Claim:
    """A worker takes a chunk."""
    [held] = stage.run(stage.store.claim([ChunkHint(job_id, index, number)], seconds=60)).claims
    return held


def ended(stage: Stage, text: str = "aaaabbbbcccc", *failed: int) -> str:
    """A job that has ended; these chunks of it failed."""
    job_id = stage.submit(text)
    stage.model.lines = {index: [NO] for index in failed}
    stage.settle(job_id)
    stage.model.calls.clear()
    return job_id


def plan_failed(stage: Stage) -> tuple[str, Plan]:
    """A job whose plan failed after two of its three chunks, and the plan as its planner held it."""
    job_id = stage.submit("aaaabbbbcccc", planned=False)
    held = stage.run(stage.store.begin_plan(job_id))
    assert held
    held = stage.run(stage.store.add_chunks(held, split("aaaabbbbcccc", 4)[:2]))
    assert held
    assert stage.run(stage.store.fail_plan(held, WHY))
    stage.queues.lose_everything()
    return job_id, held


def bury_chunk(stage: Stage, hint: ChunkHint) -> None:
    """A dead letter."""
    stage.run(bury(stage.parts, Record("m", "r", dump_chunk(hint), 1)))


def test_only_the_failed_chunks_run_again(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbbcccc", 1)
    assert stage.job(job_id).status is JobStatus.PARTIAL_SUCCESS

    assert stage.retry(job_id) == 2

    job = stage.job_row(job_id)
    assert (job.status, job.run, job.chunks_completed, job.chunks_failed) == ("PROCESSING", 2, 2, 0)
    assert {job.error_summary, job.analysis_result, job.result_key, job.result_bytes, job.finished_at} == {None}
    stage.check(job_id)
    stage.deliver()
    assert [call.chunk_index for call in stage.model.calls] == [1]
    after = stage.job(job_id)
    assert (after.status, after.run, after.analysis_result) == (
        JobStatus.COMPLETED,
        2,
        "<aaaa>\n\n<bbbb>\n\n<cccc>",
    )
    assert after.error_summary is None
    stage.check(job_id)


def test_a_chunk_that_fails_again_may_be_retried_again_with_all_its_attempts(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbb", 0)
    for run in (2, 3, 4):
        stage.model.calls.clear()
        stage.model.lines = {0: [ProviderError("server_error", "500")] * 3}
        assert stage.retry(job_id) == run

        job = stage.settle(job_id)
        assert (job.status, job.run, stage.model.times(0)) == (JobStatus.PARTIAL_SUCCESS, run, 3)
        assert stage.row(job_id, 0).attempts == 3
        stage.check(job_id)


def test_a_job_none_of_whose_chunks_had_a_result_is_retried_whole(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbb", 0, 1)
    assert stage.job(job_id).status is JobStatus.FAILED

    stage.retry(job_id)

    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_failed_chunk_begins_anew_and_its_claim_number_goes_on(stage: Stage) -> None:
    job_id = ended(stage, "aaaa", 0)
    stage.change(job_id, 0, crashes=2, attempts=3, parked_since=1, not_before=2, hints_sent=4)
    number = stage.row(job_id).claim_no

    stage.retry(job_id)

    row = stage.row(job_id)
    assert (row.status, row.claim_no) == (ChunkStatus.PENDING, number + 1)
    assert (row.attempts, row.crashes, row.hints_sent) == (0, 0, 0)
    assert {row.parked_since, row.not_before, row.lease_until, row.error_code, row.finished_at} == {None}
    assert row.hint_due_at > stage.job_row(job_id).updated_at
    assert stage.queues.chunks == [(ChunkHint(job_id, 0, number + 1), 0)]


@pytest.mark.parametrize(
    ("status", "slug"),
    [
        (JobStatus.PENDING, "job-still-running"),
        (JobStatus.PROCESSING, "job-still-running"),
        (JobStatus.COMPLETED, "nothing-to-retry"),
        (JobStatus.CANCELLED, "nothing-to-retry"),
    ],
)
def test_nothing_else_can_be_retried(stage: Stage, status: JobStatus, slug: str) -> None:
    job_id = stage.submit("aaaa")
    stage.change_job(job_id, status=status)
    before = stage.job_row(job_id), stage.rows(job_id)

    assert stage.run(stage.store.retry(job_id, "local", run=1)) is None
    with pytest.raises(Rejected, match=f"is {status}") as refused:
        stage.retry(job_id)

    assert (refused.value.status, refused.value.slug) == (409, slug)
    assert (stage.job_row(job_id), stage.rows(job_id)) == before


def test_another_owner_s_job_is_not_there(stage: Stage) -> None:
    job_id = ended(stage, "aaaa", 0)

    assert stage.run(stage.store.retry(job_id, "somebody", run=1)) is None
    with pytest.raises(Rejected) as refused:
        stage.retry("unknown")

    assert refused.value.status == 404
    assert stage.job(job_id).status is JobStatus.FAILED


def test_twenty_clients_at_once_start_one_run(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbbcccc", 0, 2)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: stage.run(stage.store.retry(job_id, "local", run=1)), range(20)))

    hints = [ChunkHint(job_id, 0, 2), ChunkHint(job_id, 2, 2)]
    assert answers == [Retried(2, hints, plan=None)] * 20
    stage.check(job_id)


def test_a_retry_whose_answer_was_lost_is_run_again_and_answers_alike(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbb", 1)

    retried = stage.run(unanswered(stage).retry(job_id, "local", run=1))

    assert retried == Retried(2, [ChunkHint(job_id, 1, 2)], plan=None)
    assert stage.job_row(job_id).run == 2
    stage.check(job_id)


def test_who_asks_with_a_run_that_has_been_retried_and_has_ended_starts_nothing(stage: Stage) -> None:
    job_id = ended(stage, "aaaa", 0)
    stage.retry(job_id)
    stage.model.lines = {0: [NO]}
    stage.settle(job_id)

    assert stage.run(stage.store.retry(job_id, "local", run=1)) == Retried(2, [], plan=None)
    assert stage.run(stage.store.retry(job_id, "local", run=7)) is None
    job = stage.job(job_id)
    assert (job.status, job.run) == (JobStatus.FAILED, 2)


def test_a_job_deleted_between_look_and_retry_is_not_there(stage: Stage) -> None:
    job_id = ended(stage, "aaaa", 0)
    delete = stage.store.delete
    meanwhile(stage, retry=lambda: delete(job_id, "local"))

    with pytest.raises(Rejected) as refused:
        stage.retry(job_id)

    assert refused.value.status == 404


def test_of_many_chunks_the_first_are_sent_and_the_reconciler_sends_the_others(stage: Stage) -> None:
    job_id = ended(stage, "aaaabbbbccccdddd", 0, 1, 3)

    retried = stage.run(stage.store.retry(job_id, "local", run=1, limit=2))
    assert retried
    assert [hint.chunk_index for hint in retried.hints] == [0, 1]
    stage.run(stage.queues.send_chunks(retried.hints))
    stage.reconcile()

    assert [hint.chunk_index for hint, _ in stage.queues.chunks] == [0, 1, 3]
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_queue_that_is_away_delays_a_retry_and_no_more(stage: Stage) -> None:
    job_id = ended(stage, "aaaa", 0)
    stage.queues.away = True
    assert stage.retry(job_id) == 2
    stage.queues.away = False

    assert stage.settle(job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("planned", [True, False])
def test_a_kill_at_every_effect_of_a_retry_loses_nothing(stage: Stage, planned: bool, after: bool) -> None:
    for at in range(5):
        job_id = ended(stage, "aaaabbbb", 1) if planned else plan_failed(stage)[0]
        real, killer = stage.store, Killer(at=at, after=after)
        stage.store = KilledStore(real, killer)  # type: ignore[assignment]
        stage.queues.before = killer.effect
        with contextlib.suppress(Killed):
            stage.retry(job_id)
        stage.store, stage.queues.before = real, nothing
        with contextlib.suppress(Rejected):
            stage.retry(job_id)  # the client asks again

        job = stage.settle(job_id)
        assert (job.status, job.run) == (JobStatus.COMPLETED, 2), at
        stage.check(job_id)
        stage.queues.lose_everything()


# -- what is still about of the earlier run


def test_a_result_of_the_earlier_run_is_taken_while_its_chunk_is_open_again(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    zombie = claim(stage, job_id, 0)
    stage.change(job_id, 0, crashes=2)
    stage.work(ChunkHint(job_id, 1, 0))
    stage.pass_time(61)
    stage.reconcile()  # worker_crashed
    stage.deliver()
    assert stage.run(stage.store.complete(job_id, [ChunkResult(0, "refused")])).chunk_indexes == frozenset()
    stage.retry(job_id)

    moved = stage.run(stage.store.complete(job_id, [ChunkResult(zombie.chunk_index, "late")]))

    assert (moved.chunk_indexes, moved.all_done, moved.run) == (frozenset({0}), True, 2)
    stage.model.calls.clear()
    stage.deliver()
    assert stage.model.calls == []
    stage.finalize(job_id, 2)
    assert stage.job(job_id).analysis_result == "late\n\n<bbbb>"
    stage.check(job_id)


@pytest.mark.parametrize("claimed", [False, True])
def test_nothing_else_of_a_worker_of_the_earlier_run_moves_a_row(stage: Stage, claimed: bool) -> None:
    job_id = stage.submit("aaaa")
    zombie = claim(stage, job_id)
    stage.run(stage.store.fail(zombie, WHY, attempts=3))
    stage.finalize(job_id)
    stage.retry(job_id)
    if claimed:
        claim(stage, job_id, 0, 2)
    before = stage.row(job_id)

    assert not stage.run(stage.store.wanted([zombie]))
    assert not stage.run(stage.store.renew([zombie], seconds=60))
    assert not stage.run(stage.store.count_attempt(zombie, WHY))
    assert not stage.run(stage.store.park(zombie, WHY, seconds=9, throttled=True))
    assert not stage.run(stage.store.set_aside([zombie], seconds=9))
    assert not stage.run(stage.store.fail(zombie, WHY, attempts=3)).chunk_indexes
    assert not stage.run(stage.store.fail_crashed(job_id, [0], WHY)).chunk_indexes

    assert stage.row(job_id) == before
    stage.check(job_id)


@pytest.mark.parametrize("number", [0, 1])
def test_a_message_of_the_earlier_run_is_older_than_the_row_alive_or_dead(stage: Stage, number: int) -> None:
    job_id = ended(stage, "aaaa", 0)
    stage.retry(job_id)
    old = ChunkHint(job_id, 0, number)

    assert stage.work(old) == []
    bury_chunk(stage, old)
    assert stage.row(job_id).status == ChunkStatus.PENDING

    claim(stage, job_id, 0, 2)
    stage.pass_time(61)
    bury_chunk(stage, old)
    assert stage.row(job_id).status == ChunkStatus.PROCESSING
    assert stage.model.calls == []


def test_a_finalizer_of_the_earlier_run_ends_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.model.lines[0] = [NO]
    stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))
    zombie = stage.run(stage.store.begin_finalize(job_id, 1))
    assert zombie
    stage.pass_time(61)
    stage.finalize(job_id)
    stage.retry(job_id)
    stage.work(*[hint for hint, _ in stage.queues.chunks])

    stage.finalize(job_id, 1)
    assert not stage.run(stage.store.hold_finalize(zombie))
    assert not stage.run(stage.store.rest_finalize(zombie, seconds=1))
    assert not stage.run(
        stage.store.finish(zombie, result="x", result_key=None, result_bytes=1, error_summary=None, error=None)
    )
    assert stage.job(job_id).status is JobStatus.PROCESSING
    stage.deliver()
    assert stage.job(job_id).analysis_result == "<aaaa>\n\n<bbbb>"


def test_each_run_puts_a_large_result_under_its_own_key(stage: Stage) -> None:
    small = stage.with_settings(inline_result_bytes=1)
    job_id = ended(small, "aaaabbbb", 1)
    assert small.job(job_id).result_key == f"results/{job_id}/1"

    small.retry(job_id)
    assert small.job(job_id).result_key is None

    assert small.settle(job_id).result_key == f"results/{job_id}/2"


# -- a plan that failed


def test_a_dead_plan_message_of_the_earlier_run_leaves_the_retried_plan_alone(stage: Stage) -> None:
    job_id, _ = plan_failed(stage)
    retried = stage.run(stage.store.retry(job_id, "local", run=1))
    assert retried
    assert retried.plan

    for claim_no in range(retried.plan.claim_no):
        stage.run(bury(stage.parts, Record("m", "r", dump_plan(PlanHint(job_id, claim_no)), 1)))

    assert stage.job(job_id).status is JobStatus.PROCESSING


def test_a_plan_that_failed_goes_on_where_it_stopped(stage: Stage) -> None:
    job_id, _ = plan_failed(stage)
    stage.model.lines[1] = [NO]
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "<aaaa>")]))
    assert stage.job(job_id).progress.completed == 1

    retried = stage.run(stage.store.retry(job_id, "local", run=1))

    assert retried == Retried(2, [ChunkHint(job_id, 1, 1)], plan=PlanHint(job_id, 2))
    assert stage.job_row(job_id).plan_due_at > stage.job_row(job_id).updated_at
    job = stage.settle(job_id)
    assert (job.status, job.progress.total) == (JobStatus.PARTIAL_SUCCESS, 3)
    assert [call.chunk_index for call in stage.model.calls] == [1, 2]
    stage.check(job_id)


def test_chunks_that_had_come_to_rest_are_sent_again(stage: Stage) -> None:
    job_id, _ = plan_failed(stage)
    stage.change_job(job_id, status=JobStatus.PROCESSING)
    claim(stage, job_id, 0)
    stage.change_job(job_id, status=JobStatus.FAILED)
    stage.pass_time(1_000)
    stage.reconcile()
    assert [(row.status, row.hint_due_at) for row in stage.rows(job_id)] == [("PENDING", None)] * 2

    stage.retry(job_id)

    assert [hint for hint, _ in stage.queues.chunks] == [ChunkHint(job_id, 0, 2), ChunkHint(job_id, 1, 1)]
    stage.queues.lose_everything()
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_planner_of_the_earlier_run_can_do_no_harm(stage: Stage) -> None:
    job_id, zombie = plan_failed(stage)
    stage.retry(job_id)

    assert not stage.run(stage.store.fail_plan(zombie, WHY))
    assert not stage.run(stage.store.rest_plan(zombie, seconds=900))
    assert stage.run(stage.store.close_plan(zombie)) is None
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_chunks_at_rest_meet_a_retry_at_the_same_moment_and_none_is_lost(stage: Stage) -> None:
    for _ in range(10):
        job_id, _ = plan_failed(stage)
        stage.pass_time(1_000)

        def act(number: int, job_id: str = job_id) -> object:
            if number % 2:
                return stage.run(stage.store.rest_ended(100))
            return stage.run(stage.store.retry(job_id, "local", run=1, limit=1))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(act, range(8)))

        assert all(row.hint_due_at for row in stage.rows(job_id))
        assert stage.settle(job_id).status is JobStatus.COMPLETED
        stage.check(job_id)


def test_nothing_comes_to_rest_while_a_retry_of_its_job_is_under_way(fresh_postgres: str) -> None:
    """On SQLite there is one writer at a time."""
    stage = Stage.on(fresh_postgres)
    job_id, _ = plan_failed(stage)
    stage.change_job(job_id, status=JobStatus.PROCESSING)
    claim(stage, job_id, 0)
    stage.change_job(job_id, status=JobStatus.FAILED)
    stage.pass_time(1_000)

    with stage.engine.begin() as connection:
        assert controlling.retry(connection, job_id, "local", 1, 9, make_timing(stage.settings))
        assert stage.run(stage.store.rest_ended(100)) == 0

    assert stage.settle(job_id).status is JobStatus.COMPLETED
    stage.check(job_id)
    stage.close()


def test_a_retry_forgets_what_the_run_before_it_left_in_the_bucket(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.change_job(job_id, status=JobStatus.FAILED, result_key="k", result_bytes=1, records_bytes=2)

    stage.retry(job_id)

    job = stage.job(job_id)
    assert (job.result_key, job.result_bytes, job.records_bytes) == (None, None, None)
