"""The finalizer: elected by one guarded UPDATE, in chunk order, bounded."""

from __future__ import annotations

import json

from functions.core.errors import ProviderError
from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, ChunkResult
from tests.fakes.stage import Stage

NO = ProviderError("refused_content", "no")


def test_results_are_joined_in_chunk_order_however_chunks_finish(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbccccdddd")
    for index in (3, 1, 0, 2):
        stage.work(ChunkHint(job_id, index, 0))

    stage.finalize(*stage.queues.finals[0])

    assert stage.job(job_id).analysis_result == "<aaaa>\n\n<bbbb>\n\n<cccc>\n\n<dddd>"
    stage.check(job_id)


def test_one_chunk_that_always_fails_is_partial_success(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbcccc")
    stage.model.lines[1] = [NO]

    job = stage.settle(job_id)

    assert (job.status, job.analysis_result) == (JobStatus.PARTIAL_SUCCESS, "<aaaa>\n\n<cccc>")
    assert job.error_summary == "1 of 3 chunks failed (refused_content: chunk 1)"
    [error] = stage.run(stage.store.chunk_errors(job_id, 100))
    assert (error.span.chunk_index, error.span.char_start, error.span.char_end) == (1, 4, 8)
    assert (error.failure.code, error.failure.message, error.attempts) == ("refused_content", "no", 1)


def test_all_chunks_failing_is_failed(stage: Stage) -> None:
    job_id = stage.submit("a" * 4 * 25)
    stage.model.always = NO

    job = stage.settle(job_id)

    assert (job.status, job.analysis_result) == (JobStatus.FAILED, None)
    assert job.error_summary
    assert job.error_summary.startswith("25 of 25 chunks failed (refused_content: chunks 0, 1, 2")
    assert job.error_summary.endswith("19 and 5 more)")


def test_a_second_finalizer_does_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    first = stage.run(stage.store.begin_finalize(job_id, 1))
    assert stage.run(stage.store.begin_finalize(job_id, 1)) is None  # the first one holds the lease
    stage.pass_time(61)
    second = stage.run(stage.store.begin_finalize(job_id, 1))
    assert first
    assert second

    ends = [
        stage.run(
            stage.store.finish(task, result=text, result_key=None, result_bytes=1, error_summary=None, error=None)
        )
        for task, text in ((first, "1"), (second, "2"))
    ]

    assert ends == [True, False]
    assert stage.job(job_id).analysis_result == "1"
    assert stage.run(stage.store.begin_finalize(job_id, 1)) is None


def test_a_finalizer_of_another_run_does_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    task = stage.run(stage.store.begin_finalize(job_id, 1))
    assert task
    stage.change_job(job_id, run=2)

    assert not stage.run(
        stage.store.finish(task, result="x", result_key=None, result_bytes=1, error_summary=None, error=None)
    )
    stage.finalize(job_id, 1)

    assert stage.job(job_id).status is JobStatus.PROCESSING


def test_a_finalize_message_that_comes_too_early_does_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.work(ChunkHint(job_id, 0, 0))

    stage.finalize(job_id)

    assert stage.job(job_id).status is JobStatus.PROCESSING


def test_a_large_result_goes_to_the_bucket(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    small = stage.with_settings(inline_result_bytes=10)
    small.deliver()

    job = stage.job(job_id)
    assert (job.analysis_result, job.result_key, job.result_bytes) == (None, f"results/{job_id}/1", 14)
    assert stage.documents.objects[f"results/{job_id}/1"] == b"<aaaa>\n\n<bbbb>"


def test_a_result_of_exactly_the_limit_is_inline(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.with_settings(inline_result_bytes=14).deliver()

    assert stage.job(job_id).analysis_result == "<aaaa>\n\n<bbbb>"


def test_a_result_that_cannot_be_put_together_ends_the_job_from_its_counters(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.model.lines[1] = [NO]
    small = stage.with_settings(inline_result_bytes=1, finalize_tries=2)
    small.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))
    for _ in range(2):  # two finalizers that were never heard of again
        assert small.run(small.store.begin_finalize(job_id, 1))
        small.pass_time(61)

    small.finalize(job_id)

    job = stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.PARTIAL_SUCCESS, "assembly_failed")
    assert stage.run(stage.store.results(job_id, after=-1, limit=9)) == [ChunkResult(0, "<aaaa>")]


def test_a_bucket_that_is_away_is_no_try_however_long_it_lasts(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    small = stage.with_settings(inline_result_bytes=1)
    small.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))
    small.documents.away = True
    for _ in range(10):
        small.deliver()
        small.pass_time(61)
        small.reconcile()
        assert small.queues.finals == [(job_id, 1)]

    small.documents.away = False
    small.deliver()

    job = stage.job(job_id)
    assert (job.status, job.error, job.result_key) == (JobStatus.COMPLETED, None, f"results/{job_id}/1")


def test_time_in_which_nothing_ran_is_no_reason_to_give_up(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    stage.pass_time(25 * 3600)
    stage.change_job(job_id, updated_at=0)

    stage.finalize(job_id)

    assert (stage.job(job_id).analysis_result, stage.job(job_id).error) == ("<aaaa>", None)


def test_a_bucket_that_is_away_for_longer_than_max_park_ends_the_job_from_its_counters(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    small = stage.with_settings(inline_result_bytes=1)
    small.work(ChunkHint(job_id, 0, 0))
    small.documents.away = True
    small.change_job(job_id, updated_at=0)

    small.deliver()

    job = stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.COMPLETED, "assembly_failed")


def test_many_copies_of_a_finalize_message_are_one_try(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    assert stage.run(stage.store.begin_finalize(job_id, 1))

    for _ in range(9):
        stage.finalize(job_id)

    assert stage.job_row(job_id).finalize_tries == 1


def test_a_laptop_restart_releases_a_finalizer_s_lease(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.work(ChunkHint(job_id, 0, 0))
    assert stage.run(stage.store.begin_finalize(job_id, 1))
    stage.queues.lose_everything()

    stage.run(stage.store.recover())
    stage.reconcile()
    stage.deliver()

    assert stage.job(job_id).status is JobStatus.COMPLETED


def test_the_state_machine_is_what_the_database_does(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    seen = [stage.job(job_id).status]
    stage.work(ChunkHint(job_id, 0, 0))
    seen.append(stage.job(job_id).status)
    stage.work(ChunkHint(job_id, 1, 0))
    seen.append(stage.job(job_id).status)
    stage.finalize(job_id)
    seen.append(stage.job(job_id).status)

    assert json.dumps(seen) == json.dumps(["PENDING", "PROCESSING", "PROCESSING", "COMPLETED"])
