"""When a client is told to ask again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.api.pace import retry_after
from functions.core.jobs import JobStatus, Progress
from functions.core.model import JobView

START = 1_000_000
JOB = JobView(
    job_id="j",
    status=JobStatus.PROCESSING,
    run=1,
    progress=Progress(100, 10, 0),
    model="local",
    max_chunk_chars=4000,
    max_attempts=3,
    document_chars=1,
    document_bytes=1,
    bom_removed=False,
    error=None,
    error_summary=None,
    analysis_result=None,
    result_key=None,
    result_bytes=None,
    created_at=START,
    started_at=START,
    updated_at=START,
    finished_at=None,
)


@pytest.mark.parametrize(
    ("done", "after", "seconds"),
    [(10, 4.0, 18), (50, 4.0, 2), (99, 4.0, 1), (1, 4.0, 60), (50, 0.0, 1), (50, -5.0, 1)],
)
def test_half_of_what_the_rest_takes_at_the_pace_so_far(done: int, after: float, seconds: int) -> None:
    assert retry_after(replace(JOB, progress=Progress(100, done, 0)), START + round(after * 1000)) == seconds


def test_failed_chunks_are_done_too() -> None:
    assert retry_after(replace(JOB, progress=Progress(100, 20, 30)), START + 4_000) == 2


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, progress=Progress(None, 0, 0), started_at=None, status=JobStatus.PENDING),
        replace(JOB, progress=Progress(None, 5, 0)),
        replace(JOB, progress=Progress(100, 0, 0)),
        replace(JOB, progress=Progress(100, 90, 10)),
        replace(JOB, run=2),
    ],
    ids=["not started", "not planned", "nothing done", "being put together", "a retry"],
)
def test_a_job_that_shows_no_pace_is_asked_for_less_and_less_often(job: JobView) -> None:
    assert [retry_after(job, START + 1_000 * age) for age in (-9, 0, 9, 11, 300, 10**6)] == [1, 1, 1, 2, 30, 60]


def test_a_client_that_follows_it_learns_of_the_end_soon_and_asks_seldom() -> None:
    chunks, each = 1_000, 0.7  # seconds
    now, asked = 0.0, 0
    while (done := int(now / each)) < chunks:
        now += retry_after(replace(JOB, progress=Progress(chunks, done, 0)), START + round(now * 1000))
        asked += 1
    assert now - chunks * each <= 2
    assert asked < 25
