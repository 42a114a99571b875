"""The reconciler: a backlog is not a loss, and nothing stands still for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from functions.core.errors import QueueUnavailable, StoreUnavailable
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, Failure
from functions.core.store.tables import chunks
from tests.fakes.stage import FixedDeadline, Stage
from tests.fixtures.logs import LogLines


def claim(stage: Stage, job_id: str, index: int = 0, number: int = 0) -> None:
    """A worker takes a chunk, and is never heard of again."""
    assert stage.run(stage.store.claim([ChunkHint(job_id, index, number)], seconds=60)).claims


def test_a_lease_that_ran_out_comes_back_with_a_crash_counted_and_is_sent_now(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    claim(stage, job_id)
    stage.queues.lose_everything()
    stage.pass_time(61)

    stage.reconcile()

    row = stage.row(job_id)
    assert (row.status, row.crashes, row.claim_no, row.lease_until) == (ChunkStatus.PENDING, 1, 1, None)
    assert stage.queues.chunks == [(ChunkHint(job_id, 0, 1), 0)]


def test_a_living_lease_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    claim(stage, job_id)
    stage.pass_time(59)
    stage.reconcile()

    assert stage.row(job_id).status == ChunkStatus.PROCESSING


def test_at_the_crash_limit_the_chunk_fails_and_the_job_ends(stage: Stage, log_lines: LogLines) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.work(ChunkHint(job_id, 1, 0))
    for number in range(3):
        claim(stage, job_id, number=number)
        stage.pass_time(61)
        stage.reconcile()

    row = stage.row(job_id)
    assert (row.status, row.error_code, row.crashes) == (ChunkStatus.FAILED, "worker_crashed", 3)
    stage.deliver()
    assert stage.job(job_id).status is JobStatus.PARTIAL_SUCCESS
    assert any(line["level"] == "ERROR" and line.get("code") == "worker_crashed" for line in log_lines())
    stage.check(job_id)


def test_a_pending_chunk_is_sent_again_only_when_its_hint_is_due_then_twice_as_late(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    others = list(stage.queues.chunks)  # a backlog: the queue is not empty, so nothing is lost
    for minutes in (5, 10, 20, 40, 60, 60):
        stage.pass_time(minutes * 60 - 30)
        stage.reconcile()
        assert stage.queues.chunks == others  # not due
        stage.pass_time(31)
        stage.reconcile()
        assert stage.queues.chunks == [*others, (ChunkHint(job_id, 0, 0), 0)]
        stage.queues.chunks = list(others)


def test_an_emptied_queue_makes_everything_pending_due_except_what_waits(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbcccc")
    batch = stage.run(stage.store.claim([ChunkHint(job_id, 1, 0)], seconds=60))
    stage.run(stage.store.park(batch.claims[0], Failure("rate_limited", "429"), seconds=500, throttled=True))
    stage.queues.lose_everything()

    stage.reconcile()

    assert stage.queues.chunks == [(ChunkHint(job_id, 0, 0), 0), (ChunkHint(job_id, 2, 0), 0)]


def test_a_queue_that_filled_between_the_two_reads_was_not_lost(sqlite_stage: Stage) -> None:
    sqlite_stage.submit("aaaa")
    answers = iter([True, False])

    async def look() -> bool:
        return next(answers)

    sqlite_stage.queues.chunks.clear()
    sqlite_stage.queues.chunk_queue_is_empty = look  # type: ignore[method-assign]
    sqlite_stage.reconcile()

    assert sqlite_stage.queues.chunks == []


def test_a_pass_sends_a_capped_number(stage: Stage) -> None:
    job_id = stage.submit("a" * 4 * 30)
    stage.queues.lose_everything()
    stage.pass_time(301)

    stage.with_settings(resend_limit=7).reconcile()

    assert len(stage.queues.chunks) == 7
    assert {hint.job_id for hint, _ in stage.queues.chunks} == {job_id}


def test_a_lost_plan_message_is_sent_again(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    stage.queues.lose_everything()
    stage.reconcile()
    assert stage.queues.plans == []
    stage.pass_time(61)

    stage.reconcile()
    stage.reconcile()

    assert stage.queues.plans == [job_id]  # stamped ahead: once


def test_a_planner_that_crashed_is_followed_by_another_up_to_the_limit(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    for _ in range(3):
        assert stage.run(stage.store.begin_plan(job_id))
        stage.pass_time(61)
        stage.reconcile()

    job = stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "planner_crashed")


def test_a_lost_finalize_message_is_sent_again(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    stage.queues.lose_everything()
    stage.pass_time(61)

    stage.reconcile()
    stage.reconcile()

    assert stage.queues.finals == [(job_id, 1)]


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED])
def test_jobs_that_are_not_active_are_sent_nothing_and_come_to_rest(stage: Stage, status: JobStatus) -> None:
    job_id = stage.submit("aaaabbbb")
    claim(stage, job_id)
    stage.change_job(job_id, status=status)
    stage.queues.lose_everything()
    stage.pass_time(9_999)

    stage.reconcile()

    assert stage.queues.chunks == []
    row = stage.row(job_id)
    assert (row.status, row.crashes, row.lease_until, row.hint_due_at) == (ChunkStatus.PENDING, 0, None, None)


def test_a_queue_that_is_away_does_not_stop_the_pass(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    claim(stage, job_id)
    stage.change(job_id, 0, crashes=2)
    stage.pass_time(61)
    stage.queues.away = True

    stage.reconcile()

    assert stage.row(job_id).status == ChunkStatus.FAILED  # the finalizer's message is lost, its due time is not
    stage.queues.away = False
    assert stage.settle(job_id).status is JobStatus.FAILED


def test_one_step_s_trouble_does_not_stop_the_others(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaa", planned=False)
    sqlite_stage.queues.lose_everything()
    sqlite_stage.pass_time(61)

    async def broken(_limit: int) -> list[ChunkHint]:
        raise StoreUnavailable("away")

    async def bug(_limit: int) -> dict[str, list[int]]:
        raise ZeroDivisionError

    sqlite_stage.store.end_leases = broken  # type: ignore[assignment,method-assign]
    sqlite_stage.store.crashed_for_good = bug  # type: ignore[assignment,method-assign]
    sqlite_stage.reconcile()

    assert sqlite_stage.queues.plans == [job_id]


def test_a_pass_without_time_begins_nothing(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaa", planned=False)
    sqlite_stage.pass_time(61)
    sqlite_stage.deadline = FixedDeadline(1)
    before = sqlite_stage.job_row(job_id).plan_due_at

    sqlite_stage.reconcile()

    assert sqlite_stage.job_row(job_id).plan_due_at == before


def test_sends_that_fail_are_hinted_again_later(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.queues.lose_everything()
    stage.pass_time(301)

    async def away(*_: object, **__: object) -> None:
        raise QueueUnavailable("away")

    real, stage.queues.send_chunks = stage.queues.send_chunks, away  # type: ignore[method-assign]
    for _ in range(5):
        stage.reconcile()
    stage.queues.send_chunks = real  # type: ignore[method-assign]
    assert stage.row(job_id).hints_sent == 0
    stage.queues.chunks = [(ChunkHint("another", 0, 0), 1)]  # a backlog: the queue is not empty
    stage.reconcile()
    assert (ChunkHint(job_id, 0, 0), 0) in stage.queues.chunks
    stage.queues.chunks.remove((ChunkHint("another", 0, 0), 1))

    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_row_that_somebody_holds_locked_does_not_stop_the_pass(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    held, free = stage.submit("aaaa"), stage.submit("bbbb")
    claim(stage, held)
    claim(stage, free)
    stage.pass_time(61)

    with stage.engine.begin() as connection:
        connection.execute(select(chunks).where(chunks.c.job_id == held).with_for_update())
        stage.reconcile()

    assert stage.row(free).status == ChunkStatus.PENDING
    assert stage.row(held).status == ChunkStatus.PROCESSING
    stage.reconcile()
    assert stage.row(held).status == ChunkStatus.PENDING
    stage.close()


def test_passes_may_overlap(stage: Stage) -> None:
    job_id = stage.submit("a" * 4 * 40)
    stage.queues.chunks = [(ChunkHint("another", 0, 0), 1)]  # the queue is not empty
    stage.pass_time(301)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(stage.reconcile)

    sent = [hint.chunk_index for hint, _ in stage.queues.chunks if hint.job_id == job_id]
    assert sorted(sent) == list(range(40))
    assert {row.hints_sent for row in stage.rows(job_id)} == {1}
