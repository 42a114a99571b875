"""The rules as tables: states and moves, what an error means, how long to wait, what a result looks like."""

from __future__ import annotations

from random import Random

import pytest

from functions.core.ids import job_id_of, new_job_id
from functions.core.jobs import (
    ACTIVE_JOB,
    CHUNK_MOVES,
    JOB_MOVES,
    RETRIABLE_JOB,
    ChunkStatus,
    JobStatus,
    Progress,
    outcome,
    progress_pct,
)
from functions.core.messages import group_of
from functions.core.outcomes import OUTCOMES, Outcome, code_of_status, full_jitter, park_seconds
from functions.core.results import error_summary, storable


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (429, "rate_limited", Outcome.OUTAGE),
        (503, "unavailable", Outcome.OUTAGE),
        (529, "overloaded", Outcome.OUTAGE),
        (500, "server_error", Outcome.ERROR),
        (502, "server_error", Outcome.ERROR),
        (504, "server_error", Outcome.ERROR),
        (408, "timeout", Outcome.ERROR),
        (400, "invalid_request", Outcome.PERMANENT),
        (404, "invalid_request", Outcome.PERMANENT),
        (422, "invalid_request", Outcome.PERMANENT),
        (401, "bad_credentials", Outcome.PERMANENT),
        (403, "bad_credentials", Outcome.PERMANENT),
    ],
)
def test_what_a_status_means_is_one_table(status: int, code: str, meaning: Outcome) -> None:
    assert code_of_status(status) == code
    assert OUTCOMES[code] is meaning


def test_a_refused_connection_is_an_outage_and_a_broken_one_an_error() -> None:
    assert OUTCOMES["connection_refused"] is Outcome.OUTAGE
    assert {OUTCOMES["connection_reset"], OUTCOMES["timeout"], OUTCOMES["bad_response"]} == {Outcome.ERROR}


@pytest.mark.parametrize("attempt", [1, 2, 3, 5, 10, 10_000])
def test_full_jitter_is_uniform_between_zero_and_a_doubling_bound(attempt: int) -> None:
    waits = [full_jitter(attempt, base=1, cap=30, random=Random(seed)) for seed in range(500)]
    bound = min(30.0, 2.0 ** min(attempt - 1, 30))
    assert 0 <= min(waits) < bound * 0.05
    assert bound * 0.95 < max(waits) <= bound


def test_a_parked_chunk_waits_longer_the_longer_it_waits_and_never_more_than_one_hop() -> None:
    waits = [park_seconds(parked, None, random=Random(1)) for parked in (0, 60, 600, 6_000, 60_000)]
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert max(waits) <= 900
    assert all(60 <= park_seconds(0, 60.0, random=Random(seed)) <= 75 for seed in range(100))
    assert park_seconds(0, 10**9, random=Random(1)) == 900


def test_the_outcome_of_a_job() -> None:
    assert outcome(Progress(3, 3, 0)) is JobStatus.COMPLETED
    assert outcome(Progress(3, 1, 2)) is JobStatus.PARTIAL_SUCCESS
    assert outcome(Progress(3, 0, 3)) is JobStatus.FAILED
    for open_still in (Progress(None, 0, 0), Progress(3, 1, 1)):
        with pytest.raises(ValueError, match="not done"):
            outcome(open_still)


def test_every_outcome_is_a_legal_move_and_terminal_states_stay() -> None:
    for active in ACTIVE_JOB:
        assert {JobStatus.COMPLETED, JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED, JobStatus.CANCELLED} <= JOB_MOVES[
            active
        ]
    assert JOB_MOVES[JobStatus.COMPLETED] == JOB_MOVES[JobStatus.CANCELLED] == frozenset()
    ended = JOB_MOVES.keys() - set(ACTIVE_JOB)
    assert set(RETRIABLE_JOB) == {status for status in ended if JOB_MOVES[status]}  # a retry, and nothing else
    assert CHUNK_MOVES[ChunkStatus.COMPLETED] == frozenset()
    assert CHUNK_MOVES[ChunkStatus.FAILED] == {ChunkStatus.PENDING}  # a retry, and nothing else


def test_progress_is_rounded_down_and_100_only_at_the_end() -> None:
    assert progress_pct(JobStatus.PENDING, Progress(None, 0, 0)) == 0
    assert progress_pct(JobStatus.PROCESSING, Progress(None, 5, 0)) == 0
    assert progress_pct(JobStatus.PROCESSING, Progress(3, 1, 1)) == 66
    assert progress_pct(JobStatus.PROCESSING, Progress(3, 3, 0)) == 99
    assert progress_pct(JobStatus.PARTIAL_SUCCESS, Progress(3, 2, 1)) == 100
    assert progress_pct(JobStatus.FAILED, Progress(None, 0, 0)) == 100


def test_progress_never_falls_as_chunks_move() -> None:
    shown = [progress_pct(JobStatus.PROCESSING, Progress(7, done, 0)) for done in range(8)]
    assert shown == sorted(shown)


def test_the_summary_names_the_failed_ones() -> None:
    assert error_summary(5, 0, []) is None
    assert error_summary(5, 1, [("timeout", 1, [3])]) == "1 of 5 chunks failed (timeout: chunk 3)"
    many = error_summary(90, 32, [("timeout", 30, list(range(20))), ("refused_content", 2, [4, 9])])
    assert many is not None
    assert many.endswith("19 and 10 more; refused_content: chunks 4, 9)")


def test_what_is_stored_is_storable_and_otherwise_untouched() -> None:
    assert storable("fine 👩‍👩‍👧 ä") == "fine 👩‍👩‍👧 ä"
    assert storable("a\0b\ud800c") == "a\ufffdb\ufffdc"


def test_job_ids_are_sortable_by_time_and_never_alike() -> None:
    moments = (0, 1, 1, 10**12, 1_795_328_220_000, 2**47)
    ids = [job_id_of(moment, bits) for bits, moment in enumerate(moments)] + [new_job_id()]
    assert [job_id[:10] for job_id in ids[:-1]] == sorted(job_id[:10] for job_id in ids[:-1])
    assert len(set(ids)) == len(ids)
    assert all(len(job_id) == 30 and job_id.isalnum() for job_id in ids)


@pytest.mark.parametrize(
    "owner", ["local", "auth0|5f7c8ec7c33c6c004bbafe82", "a@b.example", "x" * 128, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]
)
def test_an_owner_that_sqs_takes_is_its_own_group(owner: str) -> None:
    assert group_of(owner) == owner


@pytest.mark.parametrize("owner", ["", "two words", "Ünïcode", "x" * 129, "x" * 255, "tab\t", "\ud800"])
def test_an_owner_that_sqs_refuses_is_in_the_group_of_its_digest(owner: str) -> None:
    group = group_of(owner)

    assert group == group_of(owner)
    assert group_of(group) == group, "a digest is a group"
    assert owner not in group or not owner


def test_owners_that_differ_are_in_groups_that_differ() -> None:
    owners = ["x" * 128, "x" * 129, "x" * 130, "two words", "two  words", "local"]
    assert len({group_of(owner) for owner in owners}) == len(owners)
