"""The threads that handlers run on."""

from __future__ import annotations

import threading

import pytest

from local.daemon_pool import DaemonPool


@pytest.fixture
def pool() -> DaemonPool:
    return DaemonPool(2, "test")


def test_a_result_and_an_error_reach_the_caller(pool: DaemonPool) -> None:
    assert pool.submit(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result()
    pool.close()


def test_no_more_run_than_there_are_threads(pool: DaemonPool) -> None:
    started, release = threading.Barrier(3), threading.Event()
    busy = [pool.submit(lambda: (started.wait(), release.wait())) for _ in range(2)]
    waiting = pool.submit(lambda: 7)
    started.wait()
    assert not waiting.running()
    release.set()
    assert waiting.result() == 7
    assert [future.result()[1] for future in busy] == [True, True]
    pool.close()


def test_a_call_that_still_waits_can_be_taken_back(pool: DaemonPool) -> None:
    started, release = threading.Barrier(3), threading.Event()
    for _ in range(2):
        pool.submit(lambda: (started.wait(), release.wait()))
    waiting = pool.submit(lambda: 7)
    started.wait()
    assert waiting.cancel()
    release.set()
    assert pool.submit(lambda: 8).result() == 8
    pool.close()
