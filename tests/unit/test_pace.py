from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cli.pace import Count, Pace, duration
from local.cli.progress import words
from local.options import shares


def test_the_rate_is_that_of_the_last_twenty_seconds() -> None:
    pace = Pace()
    for second in range(60):
        pace.see(second, 10 * min(second, 30))
    assert pace.rate is None
    pace.see(60, 400)
    assert pace.rate == pytest.approx(5.0)
    assert pace.left(50) == pytest.approx(10.0)


def test_no_rate_is_told_before_anything_is_done() -> None:
    pace = Pace()
    pace.see(0, 0)
    pace.see(1, 0)
    assert pace.rate is None
    assert pace.left(5) is None


def test_progress_in_words() -> None:
    pace = Pace()
    pace.see(0, 0)
    pace.see(4, 120)
    count = Count(807, 118, 2)
    assert words(count, pace) == "120/807 chunks done, 2 failed, 687 waiting, 30.0 chunks/s, 23 s left"
    assert words(Count(None, 0, 0), pace) == "planning"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("concurrency", "cpus", "batch_size", "invocations"),
    [(64, 2, 8, (4, 4)), (1, 8, 1, (1,)), (8, 8, 8, (1,)), (10, 8, 5, (1, 1)), (64, 3, 8, (3, 3, 2))],
)
def test_concurrency_is_shared_out(concurrency: int, cpus: int, batch_size: int, invocations: tuple[int, ...]) -> None:
    share = shares(concurrency, 8, cpus)
    assert (share.batch_size, share.invocations) == (batch_size, invocations)


@given(st.integers(1, 1024), st.integers(1, 10), st.integers(1, 64))
def test_never_more_chunks_at_once_than_asked_for_and_not_many_less(concurrency: int, batch: int, cpus: int) -> None:
    share = shares(concurrency, batch, cpus)
    at_once = share.batch_size * sum(share.invocations)
    assert share.batch_size <= batch
    assert min(share.invocations) >= 1
    assert len(share.invocations) <= cpus
    assert at_once <= concurrency < at_once + sum(share.invocations)
