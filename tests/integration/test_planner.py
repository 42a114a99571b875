"""The planner: blocks behind a cursor, resumable, one planner at a time, and plans that cannot succeed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from functions.core.chunking import split
from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, Failure, Plan, Span
from functions.planner import plan as planner
from tests.fakes.stage import FixedDeadline, Stage
from tests.fixtures.virtual_time import run_virtual

TEXT = "One line.\r\nZwölf Boxkämpfer jagen Viktor.\n\n日本語の文。👩‍👩‍👧 end. " * 20


def test_a_plan_is_what_the_text_s_own_split_is(stage: Stage) -> None:
    job_id = stage.submit(TEXT, max_chunk_chars=10, planned=False)

    stage.with_settings(plan_block=7).plan(job_id)

    spans = [Span(r.chunk_index, r.char_start, r.char_end, r.byte_start, r.byte_end) for r in stage.rows(job_id)]
    assert spans == split(TEXT, 10)
    assert stage.job(job_id).progress.total == len(spans)
    assert [hint for hint, _ in stage.queues.chunks] == [ChunkHint(job_id, span.chunk_index, 0) for span in spans]
    stage.check(job_id)


def test_a_planned_document_is_analysed_in_order(stage: Stage) -> None:
    job_id = stage.submit(TEXT, max_chunk_chars=50, planned=False)

    job = stage.settle(job_id)

    assert job.status is JobStatus.COMPLETED
    assert job.analysis_result == "\n\n".join(f"<{TEXT[span.char_start : span.char_end]}>" for span in split(TEXT, 50))
    stage.check(job_id)


def test_the_total_is_unknown_and_nothing_is_final_until_the_plan_is_complete(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    held = stage.run(stage.store.begin_plan(job_id))
    assert held
    first, second = split("aaaabbbb", 4)
    held = stage.run(stage.store.add_chunks(held, [first]))
    assert held

    stage.work(ChunkHint(job_id, 0, 0))

    assert stage.job(job_id).progress.total is None
    assert stage.queues.finals == []
    stage.finalize(job_id)
    assert stage.job(job_id).status is JobStatus.PROCESSING
    held = stage.run(stage.store.add_chunks(held, [second]))
    assert held
    stage.work(ChunkHint(job_id, 1, 0))
    moved = stage.run(stage.store.close_plan(held))
    assert moved
    assert moved.all_done  # the closing UPDATE tests the same condition as the counter's


def test_a_second_planner_stays_away_while_the_first_holds_its_lease(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    assert stage.run(stage.store.begin_plan(job_id))

    stage.plan(job_id)

    assert stage.rows(job_id) == []


def test_a_planner_that_lost_its_lease_stops_at_its_next_block(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    zombie = stage.run(stage.store.begin_plan(job_id))
    assert zombie
    stage.pass_time(61)
    stage.plan(job_id)

    first, second = split("aaaabbbb", 4)
    assert stage.run(stage.store.add_chunks(zombie, [first, second])) is None
    assert stage.run(stage.store.close_plan(zombie)) is None
    assert not stage.run(stage.store.fail_plan(zombie, Failure("x", "x")))
    stage.check(job_id)


def test_a_block_that_is_run_again_after_a_lost_answer_is_inserted_once(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    held = stage.run(stage.store.begin_plan(job_id))
    assert held
    block = split("aaaabbbb", 4)[:1]

    once = stage.run(stage.store.add_chunks(held, block))
    again = stage.run(stage.store.add_chunks(held, block))

    assert once
    assert again
    assert again.next_chunk == once.next_chunk == 1
    assert len(stage.rows(job_id)) == 1


def test_a_plan_near_its_deadline_rests_and_goes_on_where_it_stopped(stage: Stage) -> None:
    text = "abcdefgh" * 400_000  # more than one block of the planner's reading
    job_id = stage.submit(text, max_chunk_chars=1_000, planned=False)
    stage.deadline = FixedDeadline(1)

    stage.plan(job_id)

    assert 0 < len(stage.rows(job_id)) < 3_200
    assert stage.queues.plans == [job_id, job_id]
    stage.deadline = FixedDeadline(300)
    stage.plan(job_id)
    assert stage.job(job_id).progress.total == 3_200
    assert stage.job_row(job_id).plan_crashes == 0
    stage.check(job_id)


def test_a_document_that_is_gone_ends_the_job_with_the_reason(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    stage.documents.objects.clear()

    stage.deliver()

    job = stage.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "document_missing"


@pytest.mark.parametrize("data", [b"aaaa\xff\xffbb", b"aaaabbb\xc3", b"\xed\xa0\x80aaaaa"])
def test_bytes_that_are_not_text_end_the_job(sqlite_stage: Stage, data: bytes) -> None:
    job_id = sqlite_stage.submit("aaaabbbb", planned=False)
    sqlite_stage.documents.objects[f"documents/{job_id}"] = data

    sqlite_stage.deliver()

    job = sqlite_stage.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "document_unreadable"


def test_chunks_that_do_not_tile_the_document_end_the_job(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaabbbb", planned=False)
    sqlite_stage.change_job(job_id, document_chars=9)

    sqlite_stage.deliver()

    job = sqlite_stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "document_unreadable")


def test_no_chunks_at_all_is_failed(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaa", planned=False)
    sqlite_stage.documents.objects[f"documents/{job_id}"] = b""
    sqlite_stage.change_job(job_id, document_chars=0, document_bytes=0)

    assert sqlite_stage.settle(job_id).status is JobStatus.FAILED


def test_a_bucket_that_is_away_is_no_crash_of_the_planner(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    stage.documents.away = True
    for _ in range(10):
        stage.deliver()
        stage.pass_time(61)
        stage.reconcile()
        assert stage.queues.plans == [job_id]  # one message, however long it lasts

    stage.documents.away = False

    assert stage.settle(job_id).status is JobStatus.COMPLETED
    assert stage.job_row(job_id).plan_crashes == 0


def test_a_bucket_that_is_away_for_longer_than_max_park_ends_the_job(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    stage.documents.away = True
    stage.change_job(job_id, updated_at=0)

    stage.deliver()

    job = stage.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "storage_unavailable")


def test_crashes_with_progress_in_between_do_not_add_up(stage: Stage) -> None:
    text = "aaaa" * 5
    job_id = stage.submit(text, planned=False)
    for span in split(text, 4):
        held = stage.run(stage.store.begin_plan(job_id))
        assert held
        assert stage.run(stage.store.add_chunks(held, [span]))
        stage.pass_time(61)  # the planner is never heard of again

    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_planner_whose_deadline_is_near_keeps_what_it_has(stage: Stage) -> None:
    job_id = stage.submit("a" * 400, planned=False)
    stage.deadline = FixedDeadline(1)

    for _ in range(3):
        stage.with_settings(plan_block=50).plan(job_id)

    assert len(stage.rows(job_id)) >= 98
    stage.deadline = FixedDeadline(300)
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_cancelled_job_is_planned_no_further(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    held = stage.run(stage.store.begin_plan(job_id))
    assert held
    stage.change_job(job_id, status=JobStatus.CANCELLED)

    assert stage.run(stage.store.add_chunks(held, split("aaaabbbb", 4))) is None
    stage.plan(job_id)

    assert stage.rows(job_id) == []


@pytest.mark.parametrize("max_chunk_chars", [1, 5])
def test_however_small_the_chunks_are_few_of_them_are_held_at_once(sqlite_stage: Stage, max_chunk_chars: int) -> None:
    """And the time, the lease and the limit are looked at in between."""
    job_id = sqlite_stage.submit("a" * 60_000, max_chunk_chars=max_chunk_chars, planned=False)
    small = sqlite_stage.with_settings(plan_block=100)
    held, looked = [], 0
    real = small.store.add_chunks

    async def noted(plan: Plan, spans: Sequence[Span]) -> Plan | None:
        held.append(len(spans))
        return await real(plan, spans)

    class Counting(FixedDeadline):
        def remaining(self) -> float:
            nonlocal looked
            looked += 1
            return super().remaining()

    small.store.add_chunks = noted  # type: ignore[method-assign]
    small.deadline = Counting()
    small.plan(job_id)

    assert max(held) == 100
    assert looked > 60_000 // planner.LEAST_SLICE + len(held)
    assert small.job(job_id).progress.total == 60_000 // max_chunk_chars


def test_a_document_of_too_many_chunks_is_refused_before_all_of_it_is_cut(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("a" * 200_000, max_chunk_chars=1, planned=False)
    few = sqlite_stage.with_settings(max_chunks=9_000)

    few.plan(job_id)

    job = few.job(job_id)
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "too_many_chunks")
    assert few.rows(job_id) == []


class VirtualClock:
    """The database's clock, as slow or fast as the loop's."""

    loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> int:
        """Milliseconds."""
        return 1_700_000_000_000 + round((self.loop.time() if self.loop else 0) * 1000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_slow_bucket_takes_no_planner_its_lease(tmp_path: Path, encoding: str) -> None:
    """Each request to S3 takes as long as its client tries, and nobody else finds the plan free."""
    clock = VirtualClock()
    stage = Stage.on(f"sqlite:///{tmp_path}/slow.db", clock=clock)
    text = "a line of text\n" * 400_000
    job_id = stage.submit_upload(stage.upload(text.encode(encoding)), max_chunk_chars=100_000)
    requests = 0

    def slow(call: Any) -> Any:
        async def slowly(*args: Any, **more: Any) -> Any:
            nonlocal requests
            requests += 1
            assert await stage.store.begin_plan(job_id) is None
            await asyncio.sleep(24)
            assert await stage.store.begin_plan(job_id) is None, (call.__name__, args[:1])
            return await call(*args, **more)

        return slowly

    for port, names in (
        (stage.documents, ["read"]),
        (stage.uploads, ["keep", "look", "begin", "parts", "put_part", "complete"]),
    ):
        for name in names:
            setattr(port, name, slow(getattr(port, name)))

    async def plan() -> None:
        clock.loop = asyncio.get_running_loop()
        await planner.plan(stage.parts, job_id, stage.deadline)

    run_virtual(plan())

    assert stage.job(job_id).document_chars == len(text)
    assert requests > 3
    assert (stage.job_row(job_id).plan_crashes, stage.job_row(job_id).plan_claim_no) == (0, 1)
    stage.close()


def test_a_renewed_lease_is_no_progress(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    for _ in range(stage.settings.crash_limit):
        held = stage.run(stage.store.begin_plan(job_id))
        assert held
        stage.pass_time(40)
        assert stage.run(stage.store.hold_plan(held))
        stage.pass_time(40)
        assert stage.run(stage.store.begin_plan(job_id)) is None
        stage.pass_time(21)

    assert stage.run(stage.store.begin_plan(job_id)) is None  # they have crashed, each and every one


def test_a_planner_that_was_followed_or_whose_job_was_cancelled_renews_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    zombie = stage.run(stage.store.begin_plan(job_id))
    stage.pass_time(61)
    held = stage.run(stage.store.begin_plan(job_id))
    assert zombie
    assert held

    assert not stage.run(stage.store.hold_plan(zombie))
    assert stage.run(stage.store.hold_plan(held))
    stage.cancel(job_id)
    assert not stage.run(stage.store.hold_plan(held))
