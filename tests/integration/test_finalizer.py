"""The finalizer: elected by one guarded UPDATE, in chunk order, bounded."""

from __future__ import annotations

import json
from typing import Any

from functions.core.errors import ProviderError
from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, ChunkView
from functions.core.records import record
from functions.finalizer.assemble import PAGE, PAGE_BYTES
from tests.fakes.killer import KilledStore, Killer
from tests.fakes.meanwhile import meanwhile
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


def lines(data: bytes) -> list[dict[str, object]]:
    """What NDJSON says."""
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def test_the_results_chunk_by_chunk_go_to_the_bucket_when_they_are_more_than_an_answer_holds(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbé\u2028cc")
    stage.model.lines[1] = [NO]
    stage.with_settings(response_bytes=300).deliver()

    job, data = stage.job(job_id), stage.documents.objects[f"results/{job_id}/1.ndjson"]
    assert job.analysis_result == "<aaaa>\n\n<é\u2028cc>"  # the text is small, and where it was
    assert job.records_bytes == len(data)
    first = {"char_start": 0, "char_end": 4, "byte_start": 0, "byte_end": 4, "attempts": 1}
    assert lines(data) == [
        {"chunk_index": 0, "status": "COMPLETED", **first, "result": "<aaaa>", "error": None},
        {
            "chunk_index": 1, "status": "FAILED", "char_start": 4, "char_end": 8, "byte_start": 4, "byte_end": 8,
            "attempts": 1, "result": None, "error": {"code": "refused_content", "message": "no"},
        },
        {
            "chunk_index": 2, "status": "COMPLETED", "char_start": 8, "char_end": 12, "byte_start": 8, "byte_end": 15,
            "attempts": 1, "result": "<é\u2028cc>", "error": None,
        },
    ]  # fmt: skip


def test_small_results_chunk_by_chunk_are_no_object(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.deliver()

    size = sum(len(record(chunk)) for chunk in pages(stage, job_id))
    assert (stage.job(job_id).records_bytes, f"results/{job_id}/1.ndjson" in stage.documents.objects) == (None, False)
    again = stage.submit("aaaabbbb")
    stage.with_settings(response_bytes=size).deliver()
    assert stage.job(again).records_bytes is None
    again = stage.submit("aaaabbbb")
    stage.with_settings(response_bytes=size - 1).deliver()
    assert stage.job(again).records_bytes == size


def pages(stage: Stage, job_id: str) -> list[ChunkView]:
    """All chunks, with their results."""
    return stage.run(stage.store.chunk_page(job_id, after=-1, limit=10_000, status=None, result_bytes=10**9))


def test_the_results_of_many_pages_are_all_there_and_in_order(stage: Stage) -> None:
    job_id = stage.submit("abcd" * (2 * PAGE + 1))
    stage.with_settings(response_bytes=1, inline_result_bytes=1).deliver(batch=100)

    data = stage.documents.objects[f"results/{job_id}/1.ndjson"]
    assert [line["chunk_index"] for line in lines(data)] == list(range(2 * PAGE + 1))
    assert data == b"".join(record(chunk) for chunk in pages(stage, job_id))
    assert len(stage.documents.objects[f"results/{job_id}/1"]) == (2 * PAGE + 1) * 8 - 2


def test_a_result_that_is_larger_than_a_page_is_in_its_line(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaabbbbcccc")
    sqlite_stage.model.lines[1] = ["x" * (PAGE_BYTES + 1)]

    sqlite_stage.with_settings(response_bytes=100).deliver()

    found = lines(sqlite_stage.documents.objects[f"results/{job_id}/1.ndjson"])
    assert [len(str(line["result"])) for line in found] == [6, PAGE_BYTES + 1, 6]


def test_no_more_than_a_page_of_results_is_read_at_once(sqlite_stage: Stage) -> None:
    """But for a result that is larger alone."""
    text = "x" * (PAGE_BYTES // 4)
    job_id = sqlite_stage.submit("abcd" * 12)
    sqlite_stage.model.lines = {**{index: [text] for index in range(12)}, 5: ["y" * (PAGE_BYTES + 1)]}
    sizes: list[int] = []
    real = sqlite_stage.store.chunk_page

    async def noted(*args: Any, **more: Any) -> list[ChunkView]:
        page = await real(*args, **more)
        sizes.append(sum(len(chunk.result or "") for chunk in page))
        return page

    sqlite_stage.store.chunk_page = noted  # type: ignore[method-assign]
    sqlite_stage.with_settings(response_bytes=1, inline_result_bytes=1).deliver()

    assert sorted(set(sizes))[-2:] == [PAGE_BYTES, PAGE_BYTES + 1]
    assert sizes.count(PAGE_BYTES + 1) == 2  # in the text and in its line
    expected = "\n\n".join(["x" * len(text)] * 5 + ["y" * (PAGE_BYTES + 1)] + ["x" * len(text)] * 6)
    assert sqlite_stage.documents.objects[f"results/{job_id}/1"] == expected.encode()
    assert sqlite_stage.job(job_id).result_bytes == len(expected)


def test_a_job_of_failures_has_lines_too(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.model.always = NO

    stage.with_settings(response_bytes=100).deliver()

    job = stage.job(job_id)
    assert (job.status, job.result_key) == (JobStatus.FAILED, None)
    assert job.records_bytes == len(stage.documents.objects[f"results/{job_id}/1.ndjson"])


def test_each_run_has_lines_of_its_own(stage: Stage) -> None:
    small = stage.with_settings(response_bytes=100)
    job_id = small.submit("aaaabbbb")
    small.model.lines[1] = [NO]
    small.deliver()
    small.retry(job_id)
    assert small.job(job_id).records_bytes is None

    small.deliver()

    assert [line["status"] for line in lines(small.documents.objects[f"results/{job_id}/2.ndjson"])] == [
        "COMPLETED",
        "COMPLETED",
    ]
    assert small.job(job_id).records_bytes == len(small.documents.objects[f"results/{job_id}/2.ndjson"])


def test_what_was_written_for_a_job_that_was_deleted_meanwhile_goes(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))
    owner = "local"
    meanwhile(stage, finish=lambda: stage.store.delete(job_id, owner))

    stage.with_settings(inline_result_bytes=1, response_bytes=1).finalize(job_id)

    assert set(stage.documents.objects) == {f"documents/{job_id}"}  # which the api room deletes


def test_the_lease_is_held_over_both_forms_of_the_result(stage: Stage) -> None:
    job_id = stage.submit("abcd" * (PAGE + 1))
    stage.work(*[hint for hint, _ in stage.queues.chunks])
    effects = Killer(at=-1, after=False)
    stage.store = KilledStore(stage.store, effects)  # type: ignore[assignment]

    stage.finalize(job_id)

    assert effects.names.count("hold_finalize") == 2


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
    assert [row.result for row in stage.rows(job_id)] == ["<aaaa>", None]


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
