"""PROTOCOL, verbs of a client: delete removes rows, then objects; whoever still works on the job meets silence."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from functions.core.chunking import split
from functions.core.errors import DocumentsUnavailable, ProviderError, Rejected
from functions.core.jobs import JobStatus
from functions.core.keys import records_key, result_key
from functions.core.messages import dump_chunk
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure, ModelCall, Moved, PlanHint
from functions.core.sqs_event import Record
from functions.core.store.tables import chunks, jobs, legacy_documents
from functions.core.uploads import Deletion
from functions.dead_letter.bury import bury
from migrations.upgrade import downgrade, upgrade
from tests.fakes.meanwhile import meanwhile, unanswered
from tests.fakes.shelf import MemoryDocuments
from tests.fakes.stage import Stage
from tests.fixtures.logs import LogLines

WHY = Failure("timeout", "no answer")
NO = ProviderError("refused_content", "no")


def claim(stage: Stage, job_id: str, index: int = 0) -> Claim:
    """A worker takes a chunk."""
    [held] = stage.run(stage.store.claim([ChunkHint(job_id, index, 0)], seconds=60)).claims
    return held


def left(stage: Stage) -> tuple[int, int]:
    """How many rows of jobs and of chunks there are."""
    with stage.engine.begin() as connection:
        counts = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in (jobs, chunks)]
    return counts[0] or 0, counts[1] or 0


def results(job_id: str, run: int) -> list[str]:
    """What a run may leave in the bucket."""
    return [result_key(job_id, run), records_key(job_id, run)]


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_is_deleted_in_any_state_with_its_chunks_and_objects(stage: Stage, status: JobStatus) -> None:
    job_id = stage.submit("aaaabbbb")
    claim(stage, job_id)
    stage.change_job(job_id, status=status, run=2)
    stage.documents.objects[f"results/{job_id}/1"] = b"of the earlier run"

    keys = [f"documents/{job_id}", *results(job_id, 1), *results(job_id, 2)]
    assert stage.run(stage.store.delete(job_id, "local")) == [Deletion(key) for key in keys]

    assert left(stage) == (0, 0)
    assert stage.run(stage.store.delete(job_id, "local")) is None
    assert not stage.run(stage.store.exists(job_id))


def test_rows_go_first_then_the_objects_and_another_job_keeps_its_own(stage: Stage) -> None:
    job_id, other = stage.submit("aaaa"), stage.submit("bbbb")
    stage.with_settings(inline_result_bytes=1).deliver()

    stage.erase(job_id)

    assert set(stage.documents.objects) == {f"documents/{other}", f"results/{other}/1"}
    assert left(stage) == (1, 1)
    with pytest.raises(Rejected) as refused:
        stage.erase(job_id)
    assert refused.value.status == 404


@pytest.mark.parametrize("job_id", ["unknown", "", "../x"])
def test_what_is_no_job_cannot_be_deleted(sqlite_stage: Stage, job_id: str) -> None:
    with pytest.raises(Rejected) as refused:
        sqlite_stage.erase(job_id)

    assert (refused.value.status, refused.value.slug) == (404, "job-not-found")


def test_another_owner_s_job_is_not_there(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")

    assert stage.run(stage.store.delete(job_id, "somebody")) is None

    assert left(stage) == (1, 2)


def test_a_delete_whose_answer_was_lost_is_run_again_and_answers_alike(stage: Stage) -> None:
    job_id = stage.submit("aaaa")

    keys = [f"documents/{job_id}", *results(job_id, 1)]
    assert stage.run(unanswered(stage).delete(job_id, "local")) == [Deletion(key) for key in keys]

    assert left(stage) == (0, 0)


def test_a_bucket_that_is_away_leaves_objects_and_says_so(stage: Stage, log_lines: LogLines) -> None:
    class Away(MemoryDocuments):
        async def delete(self, key: str, *, version: str | None = None) -> None:
            raise DocumentsUnavailable(f"{key}: away")

    job_id = stage.submit("aaaa")
    stage.documents = Away()

    stage.erase(job_id)

    assert left(stage) == (0, 0)
    keys = [f"documents/{job_id}", *results(job_id, 1)]
    assert [line["key"] for line in log_lines() if line["level"] == "WARNING"] == keys


def test_the_foreign_key_alone_takes_the_chunks_with_the_job(database_url: str) -> None:
    """In the tables as the migrations make them: a planner may add chunks while the job is being deleted."""
    upgrade(database_url)
    stage = Stage.on(database_url)
    stage.submit("aaaabbbb")

    with stage.engine.begin() as connection:
        connection.execute(sa.delete(jobs))

    assert left(stage) == (0, 0)
    stage.close()


def test_every_transition_of_a_deleted_job_is_silence(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    held, store, run = claim(stage, job_id), stage.store, stage.run
    unplanned = stage.submit("aaaabbbb", planned=False)
    plan = run(store.begin_plan(unplanned))
    done = stage.submit("cccc")
    run(store.complete(done, [ChunkResult(0, "r")]))
    task = run(store.begin_finalize(done, 1))
    assert plan
    assert task
    for each in (job_id, unplanned, done):
        stage.erase(each)

    nothing = Moved(frozenset(), False, 0)
    assert run(store.complete(job_id, [ChunkResult(0, "r"), ChunkResult(1, "r")])) == nothing
    assert run(store.fail(held, WHY, attempts=1)) == nothing
    assert run(store.fail_dead(ChunkHint(job_id, 0, 1), WHY)) == nothing
    assert run(store.fail_crashed(job_id, [0, 1], WHY)) == nothing
    batch = run(store.claim([ChunkHint(job_id, 0, 1), ChunkHint(job_id, 1, 0)], seconds=60))
    assert (batch.claims, batch.early) == ([], [])
    assert run(store.renew([held], seconds=60)) == run(store.wanted([held])) == frozenset()
    assert not run(store.count_attempt(held, WHY))
    assert not run(store.park(held, WHY, seconds=1, throttled=True))
    assert run(store.set_aside([held], seconds=1)) == run(store.not_sent([ChunkHint(job_id, 1, 0)])) == 0
    assert run(store.begin_plan(unplanned)) is run(store.add_chunks(plan, split("aaaabbbb", 4))) is None
    assert run(store.close_plan(plan)) is None
    assert not run(store.rest_plan(plan, seconds=1))
    assert not run(store.fail_plan(plan, WHY))
    assert not run(store.fail_dead_plan(PlanHint(unplanned, plan.claim_no), WHY))
    assert run(store.begin_finalize(done, 1)) is None
    assert not run(store.hold_finalize(task))
    assert not run(store.rest_finalize(task, seconds=1))
    assert not run(store.finish(task, result="r", result_key=None, result_bytes=1, error_summary=None, error=None))
    assert run(store.retry(job_id, "local", run=1)) is None
    assert run(store.cancel(job_id, "local")) is None
    assert left(stage) == (0, 0)


@pytest.mark.parametrize(
    "line", ["an answer", NO, ProviderError("server_error", "500"), ProviderError("rate_limited", "429")]
)
def test_a_worker_whose_job_is_deleted_during_its_call_meets_silence(
    stage: Stage, line: str | Exception, log_lines: LogLines
) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [line]

    async def gone(_call: ModelCall) -> None:
        await stage.store.delete(job_id, "local")

    stage.model.during = gone
    assert stage.work(ChunkHint(job_id, 0, 0)) == []
    stage.queues.chunks.clear()

    assert stage.queues.finals == []
    assert [line for line in log_lines() if line["level"] == "ERROR"] == []


@pytest.mark.parametrize("before", ["wanted", "claim"])
def test_a_document_that_went_with_its_job_is_no_error_of_a_worker(
    stage: Stage, before: str, log_lines: LogLines
) -> None:
    job_id = stage.submit("aaaabbbb")
    delete = stage.store.delete

    async def gone() -> None:
        await delete(job_id, "local")
        stage.documents.objects.clear()

    meanwhile(stage, **{before: gone})
    assert stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0)) == []

    assert [line for line in log_lines() if line["level"] == "ERROR"] == []
    assert stage.model.calls == []


def test_messages_of_a_deleted_job_are_acknowledged_alive_or_dead(stage: Stage) -> None:
    job_id, unplanned = stage.submit("aaaa"), stage.submit("bbbb", planned=False)
    stage.erase(job_id)
    stage.erase(unplanned)

    stage.run(bury(stage.parts, Record("m", "r", dump_chunk(ChunkHint(job_id, 0, 0)), 1)))
    stage.deliver()
    stage.finalize(job_id)
    stage.reconcile()

    assert stage.model.calls == []
    assert (stage.queues.chunks, stage.queues.plans, stage.queues.finals) == ([], [], [])


@pytest.mark.parametrize("before", ["add_chunks", "close_plan", "fail_plan"])
def test_a_planner_whose_job_is_deleted_meets_silence(stage: Stage, before: str, log_lines: LogLines) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    if before == "fail_plan":
        stage.documents.objects.clear()
    delete = stage.store.delete
    meanwhile(stage, **{before: lambda: delete(job_id, "local")})

    stage.plan(job_id)

    assert left(stage) == (0, 0)
    assert [line for line in log_lines() if line["level"] == "ERROR"] == []


@pytest.mark.parametrize("away", ["bucket", None])
def test_a_finalizer_whose_job_is_deleted_leaves_no_object(stage: Stage, away: str | None, log_lines: LogLines) -> None:
    small = stage.with_settings(inline_result_bytes=1)
    job_id = small.submit("aaaabbbb")
    small.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))
    small.documents.away = away is not None
    real = small.store

    async def gone() -> None:
        assert away or f"results/{job_id}/1" in small.documents.objects
        await real.delete(job_id, "local")

    meanwhile(small, **{"rest_finalize" if away else "finish": gone})
    small.finalize(job_id)

    assert f"results/{job_id}/1" not in small.documents.objects
    assert [line for line in log_lines() if line["level"] == "ERROR"] == []


def test_a_finalizer_that_was_second_leaves_the_object_of_the_first(stage: Stage) -> None:
    small = stage.with_settings(inline_result_bytes=1)
    job_id = small.submit("aaaa")
    small.work(ChunkHint(job_id, 0, 0))
    first = small.run(small.store.begin_finalize(job_id, 1))
    assert first
    small.pass_time(61)
    finish = small.store.finish
    key = f"results/{job_id}/1"
    meanwhile(
        small,
        finish=lambda: finish(first, result=None, result_key=key, result_bytes=6, error_summary=None, error=None),
    )

    small.finalize(job_id)

    assert small.job(job_id).result_key == key
    assert small.documents.objects[key] == b"<aaaa>"


def test_deleting_a_migrated_job_erases_the_old_text_and_no_way_back_brings_it_home(database_url: str) -> None:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE analysis_jobs (id INTEGER PRIMARY KEY, raw_text TEXT, analysis_result TEXT)"
        )
        connection.exec_driver_sql("INSERT INTO analysis_jobs VALUES (1, 'secret', 'r'), (2, 'kept', NULL)")
    upgrade(database_url)
    stage = Stage.on(database_url)
    with stage.engine.begin() as connection:
        job_id = connection.scalars(sa.select(jobs.c.job_id).where(jobs.c.document_key == "legacy/1")).one()
        owner = connection.scalars(sa.select(jobs.c.owner).distinct()).one()

    assert stage.run(stage.store.delete(job_id, owner)) == [Deletion(key) for key in results(job_id, 1)]

    with stage.engine.begin() as connection:
        assert connection.scalars(sa.select(legacy_documents.c.raw_text)).all() == ["kept"]
    stage.close()
    downgrade(database_url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT id, raw_text FROM analysis_jobs").all() == [(2, "kept")]


def test_twenty_threads_with_every_verb_and_every_worker_at_once(stage: Stage) -> None:
    for turn in range(6):
        job_id = stage.submit("aaaabbbbcccc", planned=bool(turn % 2))
        if turn % 2:
            stage.model.lines = {1: [NO]}
            stage.settle(job_id)
        acts: list[Callable[[], object]] = [
            lambda: stage.run(stage.store.delete(job_id, "local")),  # noqa: B023
            lambda: stage.run(stage.store.cancel(job_id, "local")),  # noqa: B023
            lambda: stage.run(stage.store.retry(job_id, "local", run=1)),  # noqa: B023
            lambda: stage.plan(job_id),  # noqa: B023
            lambda: stage.work(*[ChunkHint(job_id, index, 0) for index in range(3)]),  # noqa: B023
            lambda: stage.work(*[ChunkHint(job_id, index, 2) for index in range(3)]),  # noqa: B023
            lambda: stage.finalize(job_id),  # noqa: B023
            lambda: stage.run(stage.store.rest_ended(10)),
        ]
        with ThreadPoolExecutor(20) as threads:
            for answer in [threads.submit(acts[number % len(acts)]) for number in range(20)]:
                answer.result()

        assert left(stage) == (0, 0)
        stage.queues.lose_everything()
