"""The whole stack on Postgres, each function in processes of its own under AWS's runtime client: what matters most."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psutil
import pytest

from local.stack import Stack
from tests.fixtures.postgres import empty_database
from tests.fixtures.running import Running, running, until

HANDLER = "functions.chunk_worker.handler.handler"
TIMEOUT = 6.0


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[tuple[Running, Stack]]:
    with empty_database(postgres_url) as database_url, running(
        tmp_path_factory.mktemp("isolated"), concurrency=16, isolated=True, database_url=database_url,
        chunk_timeout=TIMEOUT, latency="1.5", poison="POISON",
        env={
            "PIECEWISE_CALL_TIMEOUT": "4", "PIECEWISE_CALL_MARGIN": "0.5",
            "PIECEWISE_CRASH_LIMIT": "100",  # we strike as often as it takes
        },
    ) as started:  # fmt: skip
        yield started


def pages(count: int, *, poisoned: tuple[int, ...] = ()) -> str:
    """A document that `max_chunk_chars=40` cuts into one chunk a page."""
    return "".join(
        f"Page {number:03} {'is POISON' if number in poisoned else 'tells the tale'}.\n\n" for number in range(count)
    )


def at_work(stack: Stack) -> list[psutil.Process]:
    """The processes of the chunk worker that have a batch: the others are frozen."""
    found = []
    for process in psutil.Process(stack.pids()["worker-1"]).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [process] if process.status() != psutil.STATUS_STOPPED and HANDLER in process.cmdline() else []
    return found


def struck(seen: Running, stack: Stack, strike: Callable[[psutil.Process], None], words: str) -> None:
    """Strike whatever is at work until an invocation of the chunk worker fails with these words in the log.

    Once is not enough: a process may have finished between the look and the strike, and that harms nobody.
    """
    before = failures(seen, words)

    def again() -> bool:
        for process in at_work(stack):
            with contextlib.suppress(psutil.NoSuchProcess):
                strike(process)
        return failures(seen, words) > before

    until(again)


def failures(seen: Running, words: str) -> int:
    """How many invocations of the chunk worker failed with these words, as the log says."""
    return sum(words in line["message"] for line in seen.logged(function_name="chunk_worker", level="ERROR"))


def test_a_document_is_analysed_by_processes_under_awss_client(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    for count in (3, 60):
        job = seen.check(seen.submit(pages(count), max_chunk_chars=40), pages(count))
        assert (job["status"], job["chunks_completed"]) == ("COMPLETED", count)
    for role in ("gateway", "control", "worker-1"):
        commands = [child.cmdline() for child in psutil.Process(stack.pids()[role]).children()]
        assert commands
        assert all("awslambdaric" in command for command in commands)


def test_a_chunk_that_always_fails_leaves_a_partial_success(both: tuple[Running, Stack]) -> None:
    seen, _ = both
    text = pages(12, poisoned=(5,))
    job = seen.check(seen.submit(text, max_chunk_chars=40), text)
    assert (job["status"], job["chunks_failed"]) == ("PARTIAL_SUCCESS", 1)
    assert job["chunk_errors"][0]["attempts"] == 3


def test_processes_that_die_in_the_midst_of_a_batch_lose_nothing(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    job_id = seen.submit(pages(40), max_chunk_chars=40)
    until(lambda: seen.done(job_id))
    struck(seen, stack, psutil.Process.kill, "Runtime.ExitError: Runtime exited with error: signal: killed")
    assert seen.check(job_id, pages(40))["status"] == "COMPLETED"


def test_processes_that_overrun_their_time_are_killed_and_lose_nothing(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    job_id = seen.submit(pages(40), max_chunk_chars=40)
    until(lambda: seen.done(job_id))
    struck(seen, stack, psutil.Process.suspend, f"Task timed out after {TIMEOUT:.2f} seconds")
    assert seen.check(job_id, pages(40))["status"] == "COMPLETED"
