"""Dead letters: what we could not deliver ends, where nobody else works on it."""

from __future__ import annotations

import pytest

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.messages import dump_chunk, dump_finalize, dump_plan
from functions.core.model import ChunkHint, ChunkResult, PlanHint
from functions.core.sqs_event import Record
from functions.dead_letter.bury import bury
from tests.fakes.stage import Stage
from tests.fixtures.logs import LogLines


def dead(stage: Stage, body: str) -> None:
    """Hand a dead message to the room."""
    stage.run(bury(stage.parts, Record("m", "r", body, 1)))


def test_a_dead_chunk_message_fails_its_chunk_and_the_job_ends(stage: Stage, log_lines: LogLines) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.work(ChunkHint(job_id, 0, 0))

    dead(stage, dump_chunk(ChunkHint(job_id, 1, 0)))

    assert stage.row(job_id, 1).error_code == "delivery_failed"
    stage.deliver()
    assert stage.job(job_id).status is JobStatus.PARTIAL_SUCCESS
    assert any(line["level"] == "ERROR" and line.get("chunk_index") == 1 for line in log_lines())
    stage.check(job_id)


def test_it_is_counted_once_however_often_it_dies(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")

    for _ in range(3):
        dead(stage, dump_chunk(ChunkHint(job_id, 1, 0)))

    assert stage.job(job_id).progress.failed == 1
    stage.check(job_id)


def test_a_chunk_with_a_living_lease_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.claim([ChunkHint(job_id, 0, 0)], seconds=60))

    dead(stage, dump_chunk(ChunkHint(job_id, 0, 0)))

    assert stage.row(job_id).status == ChunkStatus.PROCESSING


def test_a_message_older_than_the_row_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.change(job_id, 0, claim_no=1)

    dead(stage, dump_chunk(ChunkHint(job_id, 0, 0)))

    assert stage.row(job_id).status == ChunkStatus.PENDING


def test_a_message_older_than_a_row_whose_lease_is_over_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.change(job_id, 0, claim_no=6)
    stage.run(stage.store.claim([ChunkHint(job_id, 0, 6)], seconds=60))
    stage.pass_time(61)

    dead(stage, dump_chunk(ChunkHint(job_id, 0, 0)))
    assert stage.row(job_id).status == ChunkStatus.PROCESSING

    dead(stage, dump_chunk(ChunkHint(job_id, 0, 6)))
    assert stage.row(job_id).error_code == "delivery_failed"


def test_a_finished_chunk_keeps_its_result(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "fine")]))

    dead(stage, dump_chunk(ChunkHint(job_id, 0, 0)))

    assert stage.row(job_id).result == "fine"
    stage.check(job_id)


def test_redriving_a_dead_letter_queue_by_hand_revives_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    hint = ChunkHint(job_id, 0, 0)
    dead(stage, dump_chunk(hint))

    assert stage.work(hint) == []

    assert stage.row(job_id).status == ChunkStatus.FAILED
    assert stage.model.calls == []


def test_a_dead_plan_message_ends_the_job(stage: Stage) -> None:
    job_id = stage.submit("aaaa", planned=False)

    dead(stage, dump_plan(PlanHint(job_id, 0)))

    job = stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "plan_failed")


def test_a_dead_plan_message_leaves_a_planner_at_work_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa", planned=False)
    assert stage.run(stage.store.begin_plan(job_id))

    dead(stage, dump_plan(PlanHint(job_id, 0)))

    assert stage.job(job_id).status is JobStatus.PENDING


def test_a_dead_plan_message_of_a_planner_that_has_gone_on_leaves_the_job_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa", planned=False)
    plan = stage.run(stage.store.begin_plan(job_id))
    assert plan
    assert stage.run(stage.store.rest_plan(plan, seconds=30))

    dead(stage, dump_plan(PlanHint(job_id, 0)))
    assert stage.job(job_id).status is JobStatus.PENDING

    dead(stage, dump_plan(PlanHint(job_id, plan.claim_no)))
    assert stage.job(job_id).status is JobStatus.FAILED


def test_a_dead_finalize_message_leaves_the_job_to_the_reconciler(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    stage.queues.lose_everything()

    dead(stage, dump_finalize(job_id, 1))

    assert stage.settle(job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("body", ["", "not ours", "{}", "\ud800"])
def test_what_is_not_ours_is_logged_without_its_words(sqlite_stage: Stage, body: str, log_lines: LogLines) -> None:
    dead(sqlite_stage, body)

    [line] = log_lines()
    assert line["level"] == "ERROR"
    assert line["message_id"] == "m"
    assert 'not ours"' not in str(line)
