"""When a job stands still, and when it only waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text, update

from functions.core.errors import QueueUnavailable
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure, Metric
from functions.core.store.tables import jobs
from tests.fakes.stage import Stage

WHY = Failure("rate_limited", "busy")
QUIET, LONGEST = 300.0, 90_900.0  # seconds: hint_after, and max_park, a message's longest delay and hint_cap together


def stuck(stage: Stage, *, grace: float = 1) -> int:
    return stage.run(stage.store.stuck_jobs(quiet=QUIET, longest=LONGEST, grace=grace))


def claim(stage: Stage, job_id: str) -> Claim:
    [held] = stage.run(stage.store.claim([ChunkHint(job_id, 0, 0)], seconds=60)).claims
    return held


def wait(stage: Stage, seconds: float) -> None:
    """Time goes by, and no job's row moves meanwhile."""
    stage.pass_time(seconds)
    with stage.engine.begin() as connection:
        connection.execute(update(jobs).values(updated_at=jobs.c.updated_at - round(seconds * 1000)))


def quiet(stage: Stage, job_id: str) -> None:
    """Nothing has moved the job's row for longer than a message takes to be missed."""
    wait(stage, QUIET + 1)
    stage.reconcile()


def test_a_job_whose_messages_are_sent_again_is_not_stuck(stage: Stage) -> None:
    stage.submit("aaaabbbb")
    assert stuck(stage) == 0

    for _ in range(5):
        quiet(stage, "")

    assert stuck(stage) == 0, "a backlog is not a loss"


def test_before_the_pass_that_will_send_it_a_message_due_is_stuck(stage: Stage) -> None:
    stage.submit("aaaa")
    wait(stage, QUIET + 10)

    assert stuck(stage) == 1
    assert stuck(stage, grace=60) == 0, "it fell due a moment ago"


def worked(stage: Stage) -> str:
    job_id = stage.submit("aaaa")
    held = claim(stage, job_id)
    wait(stage, QUIET + 1)
    stage.change(job_id, 0, status=ChunkStatus.PROCESSING)
    stage.run(stage.store.renew([held], seconds=60))
    return job_id


def parked(stage: Stage) -> str:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.park(claim(stage, job_id), WHY, seconds=900, throttled=True))
    wait(stage, QUIET + 1)
    return job_id


def planned(stage: Stage) -> str:
    job_id = stage.submit("aaaa", planned=False)
    wait(stage, QUIET + 1)
    stage.run(stage.store.begin_plan(job_id))
    return job_id


def put_together(stage: Stage) -> str:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "done")]))
    wait(stage, QUIET + 1)
    stage.run(stage.store.begin_finalize(job_id, 1))
    return job_id


@pytest.mark.parametrize("waiting", [worked, parked, planned, put_together])
def test_a_job_that_somebody_works_on_or_that_waits_for_its_time_is_not_stuck(
    stage: Stage, waiting: Callable[[Stage], str]
) -> None:
    job_id = waiting(stage)
    assert stuck(stage) == 0

    stage.change_job(job_id, plan_due_at=None, finalize_due_at=None)  # what is left is its lease or its time
    assert stuck(stage) == 0


def test_a_chunk_that_is_never_due_is_stuck_once_its_job_is_quiet(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.change(job_id, 0, hint_due_at=None)
    stage.change(job_id, 1, hint_due_at=None)
    assert stuck(stage) == 0

    wait(stage, QUIET + 1)

    assert stuck(stage) == 1


def test_counters_that_miss_a_chunk_are_stuck(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "done")]))
    stage.change_job(job_id, chunks_completed=0, finalize_due_at=None)

    quiet(stage, job_id)

    assert stuck(stage) == 1


@pytest.mark.parametrize("end", [JobStatus.CANCELLED, JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_job_that_has_ended_is_not_stuck(stage: Stage, end: JobStatus) -> None:
    job_id = stage.submit("aaaa")
    stage.change(job_id, 0, hint_due_at=None)
    stage.change_job(job_id, status=end)
    wait(stage, LONGEST + 1)

    assert stuck(stage) == 0


def test_a_job_that_has_not_moved_for_longer_than_a_chunk_may_wait_is_stuck_whatever_lies_ahead(stage: Stage) -> None:
    stage.submit("aaaa")
    wait(stage, LONGEST - 10)
    stage.reconcile()
    assert stuck(stage) == 0

    wait(stage, 11)

    assert stuck(stage) == 1


def test_every_pass_reports_how_many_jobs_are_stuck(stage: Stage) -> None:
    stage.submit("aaaa")
    stage.reconcile()
    assert stage.meter.waiting == [(Metric.STUCK_JOBS, 0)]


def test_messages_that_the_queue_does_not_take_show_as_stuck_jobs(stage: Stage) -> None:
    stage.submit("aaaa")
    stage.submit("bbbb")
    wait(stage, QUIET + 1)

    async def refused(*_: object, **__: object) -> None:
        raise QueueUnavailable("AccessDenied")

    stage.queues.send_chunks = refused  # type: ignore[method-assign]
    stage.reconcile()

    assert stage.meter.values[Metric.STUCK_JOBS] == 2


def test_indexes_serve_the_question(stage: Stage) -> None:
    """Active jobs by their partial index, and of these only the quiet ones' chunks, by their key."""
    asked: list[tuple[str, Any]] = []

    @event.listens_for(stage.engines.read, "before_cursor_execute")
    def _note(_c: object, _d: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    stuck(stage)
    statement, parameters = asked[-1]
    with stage.engines.read.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # tables of no size are read whole
        explain = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        plan = str(connection.exec_driver_sql(explain + statement, parameters).all())

    assert "ix_jobs_active" in plan or "ix_jobs_live" in plan
    assert "Seq Scan" not in plan
    assert "SCAN" not in plan
