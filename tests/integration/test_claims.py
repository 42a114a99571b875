"""PROTOCOL: what a worker does with a message, row by row of its table; fencing; leases."""

from __future__ import annotations

import itertools

import pytest

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, ChunkResult, Claim, Failure
from tests.fakes.stage import Stage

WHY = Failure("timeout", "no answer")


def claim(stage: Stage, job_id: str, index: int = 0, number: int = 0) -> Claim | None:
    """Claim one chunk by its message."""
    batch = stage.run(stage.store.claim([ChunkHint(job_id, index, number)], seconds=60))
    return batch.claims[0] if batch.claims else None


def test_a_pending_chunk_is_claimed_and_its_job_starts(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")

    held = claim(stage, job_id, 1)

    assert held is not None
    assert (held.claim_no, held.attempts, held.crashes, held.max_attempts) == (1, 0, 0, 3)
    assert (held.span.char_start, held.span.char_end) == (4, 8)
    assert stage.job(job_id).status is JobStatus.PROCESSING
    assert [row.status for row in stage.rows(job_id)] == [ChunkStatus.PENDING, ChunkStatus.PROCESSING]


def test_a_batch_is_claimed_in_one_write_across_jobs(stage: Stage) -> None:
    first, second = stage.submit("aaaabbbb"), stage.submit("ccccdddd")
    hints = [ChunkHint(second, 1, 0), ChunkHint(first, 0, 0), ChunkHint(second, 0, 0)]

    batch = stage.run(stage.store.claim(hints, seconds=60))

    assert [(held.job_id, held.chunk_index) for held in batch.claims] == [(first, 0), (second, 0), (second, 1)]
    assert stage.row(first, 1).status == ChunkStatus.PENDING


def test_a_chunk_that_is_being_worked_on_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert claim(stage, job_id)

    batch = stage.run(stage.store.claim([ChunkHint(job_id, 0, 0), ChunkHint(job_id, 0, 1)], seconds=60))

    assert (batch.claims, batch.early) == ([], [])


@pytest.mark.parametrize("status", [ChunkStatus.COMPLETED, ChunkStatus.FAILED])
def test_a_terminal_chunk_is_left_alone(stage: Stage, status: ChunkStatus) -> None:
    job_id = stage.submit("aaaa")
    stage.change(job_id, 0, status=status)

    assert claim(stage, job_id) is None


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.PARTIAL_SUCCESS])
def test_a_chunk_of_a_job_that_is_not_active_is_left_alone(stage: Stage, status: JobStatus) -> None:
    job_id = stage.submit("aaaa")
    stage.change_job(job_id, status=status)

    assert claim(stage, job_id) is None


def test_a_chunk_of_an_unknown_job_is_left_alone(stage: Stage) -> None:
    assert claim(stage, "nosuchjob") is None


def test_a_message_older_than_the_row_is_left_alone(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.change(job_id, 0, claim_no=2)

    assert claim(stage, job_id, number=1) is None
    assert claim(stage, job_id, number=2) is not None


def test_a_message_that_comes_too_early_is_told_how_long_to_wait(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    held = claim(stage, job_id)
    assert held
    assert stage.run(stage.store.park(held, WHY, seconds=2_000, throttled=True))

    batch = stage.run(stage.store.claim([ChunkHint(job_id, 0, 1)], seconds=60))

    assert (batch.claims, batch.early) == ([], [(ChunkHint(job_id, 0, 1), 900)])
    stage.pass_time(2_001)
    assert claim(stage, job_id, number=1) is not None


def test_a_message_that_comes_just_at_its_not_before_is_not_swallowed(fresh_sqlite: str) -> None:
    """The claim sees `not_before` ahead, the look at the rest sees it past: early all the same."""
    ticks = itertools.count(1_000_000)  # the clock goes on between any two looks
    stage = Stage.on(fresh_sqlite, clock=lambda: next(ticks))
    job_id = stage.submit("aaaa")
    for offset in range(12):
        stage.change(job_id, 0, not_before=next(ticks) + offset)
        batch = stage.run(stage.store.claim([ChunkHint(job_id, 0, 0)], seconds=60))
        assert batch.claims or batch.early == [(ChunkHint(job_id, 0, 0), 1)]
        stage.change(job_id, 0, status=ChunkStatus.PENDING, claim_no=0)
    stage.close()


def test_a_lease_that_ran_out_is_taken_over_and_counts_a_crash(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert claim(stage, job_id)
    stage.pass_time(61)

    second = claim(stage, job_id)

    assert second is not None
    assert (second.claim_no, second.crashes) == (2, 1)


def test_the_crash_limit_stands_in_the_claim_itself(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert claim(stage, job_id)
    stage.change(job_id, 0, crashes=2)
    stage.pass_time(61)

    assert claim(stage, job_id) is None


def test_a_renewed_lease_is_not_taken_over(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    held = claim(stage, job_id)
    assert held
    stage.pass_time(50)

    assert stage.run(stage.store.renew([held], seconds=60)) == {(job_id, 0)}
    stage.pass_time(50)

    assert claim(stage, job_id) is None


def test_fail_defer_renew_and_count_need_the_claim(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    zombie = claim(stage, job_id)
    stage.pass_time(61)
    owner = claim(stage, job_id)
    assert zombie
    assert owner

    assert not stage.run(stage.store.fail(zombie, WHY, attempts=1)).chunk_indexes
    assert not stage.run(stage.store.park(zombie, WHY, seconds=1, throttled=False))
    assert not stage.run(stage.store.count_attempt(zombie, WHY))
    assert not stage.run(stage.store.renew([zombie], seconds=60))
    assert not stage.run(stage.store.wanted([zombie]))
    assert stage.run(stage.store.wanted([owner])) == {(job_id, 0)}
    stage.check(job_id)


def test_a_result_is_accepted_from_anyone_while_the_chunk_is_open(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    assert claim(stage, job_id)
    stage.pass_time(61)
    stage.reconcile()  # the lease is ended: PENDING again

    moved = stage.run(stage.store.complete(job_id, [ChunkResult(0, "late"), ChunkResult(1, "early")]))

    assert moved.chunk_indexes == {0, 1}
    assert moved.all_done
    stage.finalize(job_id)
    assert stage.job(job_id).analysis_result == "late\n\nearly"
    stage.check(job_id)


def test_the_first_result_wins(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")

    assert stage.run(stage.store.complete(job_id, [ChunkResult(0, "first")])).chunk_indexes == {0}
    assert stage.run(stage.store.complete(job_id, [ChunkResult(0, "second")])).chunk_indexes == set()

    assert stage.row(job_id).result == "first"
    stage.check(job_id)


def test_a_late_result_on_a_failed_chunk_is_refused(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    held = claim(stage, job_id)
    assert held
    stage.run(stage.store.fail(held, WHY, attempts=3))

    moved = stage.run(stage.store.complete(job_id, [ChunkResult(0, "late"), ChunkResult(1, "fine")]))

    assert moved.chunk_indexes == {1}
    assert [row.status for row in stage.rows(job_id)] == [ChunkStatus.FAILED, ChunkStatus.COMPLETED]
    stage.check(job_id)


def test_an_attempt_is_counted_once_when_its_transaction_is_run_again(stage: Stage) -> None:
    """The commit happened, its answer was lost: the whole guarded transaction is run again."""
    job_id = stage.submit("aaaa")
    held = claim(stage, job_id)
    assert held

    assert stage.run(stage.store.count_attempt(held, WHY))
    assert stage.run(stage.store.count_attempt(held, WHY))

    assert stage.row(job_id).attempts == 1


def test_whoever_finds_a_job_complete_and_not_finalized_says_so(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert stage.run(stage.store.complete(job_id, [ChunkResult(0, "a")])).all_done

    again = stage.run(stage.store.complete(job_id, [ChunkResult(0, "a")]))

    assert (again.chunk_indexes, again.all_done, again.run) == (frozenset(), True, 1)


def test_a_result_of_a_cancelled_job_is_kept_and_counted_and_changes_no_state(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert claim(stage, job_id)
    stage.change_job(job_id, status=JobStatus.CANCELLED)

    moved = stage.run(stage.store.complete(job_id, [ChunkResult(0, "a")]))

    assert moved.chunk_indexes == {0}
    assert not moved.all_done
    assert stage.job(job_id).status is JobStatus.CANCELLED
    assert stage.job(job_id).progress.completed == 1
    stage.check(job_id)


def test_a_laptop_restart_releases_leases_without_counting_a_crash(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    assert claim(stage, job_id)

    assert stage.run(stage.store.recover()) == 1

    row = stage.row(job_id)
    assert (row.status, row.crashes, row.claim_no) == (ChunkStatus.PENDING, 0, 1)
    assert stage.run(stage.store.due_hints(10)) == [ChunkHint(job_id, 0, 1), ChunkHint(job_id, 1, 0)]
