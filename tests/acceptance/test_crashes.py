"""SIGKILL at random moments, real processes: every job ends right and at most the calls in flight are made again."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from local.chaos.evidence import Call
from local.stack import Stack
from tests.acceptance.conftest import NewDatabase
from tests.acceptance.up import Up, up
from tests.fixtures.running import SOON, Running, running, until

CONCURRENCY = 16
PAGES = 150
UNDYING = {"PIECEWISE_CRASH_LIMIT": "30", "PIECEWISE_FINALIZE_TRIES": "30"}  # a chunk may be met by every kill


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[tuple[Running, Stack]]:
    with running(
        tmp_path_factory.mktemp("crashes"), env=UNDYING, concurrency=CONCURRENCY, database_url=new_database(),
        latency="0.2", latency_sigma="0.3",
    ) as started:  # fmt: skip
        yield started


@dataclass
class Killer:
    """Kills at random moments and remembers what was finished before each of them."""

    chance: random.Random
    killed: set[int] = field(default_factory=set)
    finished: list[tuple[float, set[tuple[str, int]]]] = field(default_factory=list)

    def kill_part(self, seen: Running, stack: Stack, name: str) -> None:
        """Kill the process of that name, which must be another one than the last time."""
        self.kill(seen, psutil.Process(until(lambda: {stack.pids().get(name, 0)} - {0} - self.killed).pop()))

    def kill(self, seen: Running, *victims: psutil.Process) -> None:
        """SIGKILL, a random fraction of a call after this moment."""
        rows = seen.rows("SELECT job_id, chunk_index FROM chunk_records WHERE status = 'COMPLETED'")
        self.finished.append((time.time(), {(row["job_id"], row["chunk_index"]) for row in rows}))
        time.sleep(self.chance.uniform(0, 0.3))
        for victim in victims:
            self.killed.add(victim.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        psutil.wait_procs(victims, timeout=60)

    def check(self, calls: list[Call]) -> None:
        """No chunk whose result was stored has been called for again; of the others at most what was in flight."""
        for moment, finished in self.finished:
            assert not [call for call in calls if call.start > moment and (call.job_id, call.chunk_index) in finished]
        chunks = {(call.job_id, call.chunk_index) for call in calls}
        assert len(calls) - len(chunks) <= CONCURRENCY * len(self.finished)


def pages(count: int) -> str:
    """A document that `max_chunk_chars=30` cuts into one chunk a page."""
    return "".join(f"Page {number:03} of the log.\n\n" for number in range(count))


def check_all(seen: Running, job_ids: list[str], text: str) -> None:
    """Every job has ended right."""
    for job_id in job_ids:
        job = seen.check(job_id, text)
        assert (job["status"], job["chunks_failed"]) == ("COMPLETED", 0)


def test_a_chunk_worker_killed_eight_times(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    killer = Killer(random.Random(1))
    job_id = seen.submit(pages(PAGES), max_chunk_chars=30)
    for turn in range(8):
        until(lambda turn=turn: len(seen.done(job_id)) >= turn * PAGES // 9 + 5)  # type: ignore[misc]
        killer.kill_part(seen, stack, f"worker-{1 + turn % 2}")
    check_all(seen, [job_id], pages(PAGES))
    killer.check(seen.calls(job_id))
    assert max(row["crashes"] for row in seen.chunks(job_id)) >= 1


def test_planner_finalizer_and_reconciler_killed_four_times(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    killer = Killer(random.Random(2))
    jobs: list[str] = []
    for _ in range(4):
        jobs += [seen.submit(pages(count), max_chunk_chars=30) for count in (8, 24, 8, 24)]
        killer.kill_part(seen, stack, "control")
    for job_id, count in zip(jobs, (8, 24) * 8, strict=True):
        check_all(seen, [job_id], pages(count))
        assert sorted(call.chunk_index for call in seen.calls(job_id)) == list(range(count))
        assert len(seen.logged(job_id=job_id, message="the job ended")) <= 1


def test_the_gateway_killed_three_times(both: tuple[Running, Stack]) -> None:
    """A request that breaks off has made a job or none, and never half of one."""
    seen, stack = both
    killer = Killer(random.Random(3))
    [before] = seen.rows("SELECT max(job_id) AS last FROM analysis_jobs")

    def made() -> list[str]:
        rows = seen.rows("SELECT job_id FROM analysis_jobs WHERE job_id > :last", last=before["last"])
        return [row["job_id"] for row in rows]

    def post(_: int) -> str | None:
        with contextlib.suppress(httpx.TransportError):
            return seen.submit(pages(8), max_chunk_chars=30)
        return None

    with ThreadPoolExecutor(4) as clients:
        posts = clients.map(post, range(40))
        for turn in range(3):
            until(lambda turn=turn: len(made()) > 8 * turn)  # type: ignore[misc]
            killer.kill_part(seen, stack, "gateway")
        answered = set(posts) - {None}
    assert answered <= set(made())
    check_all(seen, made(), pages(8))
    assert all(len(seen.calls(job_id)) == 8 for job_id in made())


def test_queues_and_bucket_killed_twice(both: tuple[Running, Stack]) -> None:
    seen, stack = both
    killer = Killer(random.Random(4))
    job_id = seen.submit(pages(PAGES), max_chunk_chars=30)
    for turn in range(2):
        until(lambda turn=turn: len(seen.done(job_id)) >= (turn + 1) * PAGES // 4)  # type: ignore[misc]
        killer.kill_part(seen, stack, "moto")
    check_all(seen, [job_id], pages(PAGES))
    assert sorted(call.chunk_index for call in seen.calls(job_id)) == list(range(PAGES))


def test_the_whole_stack_killed_three_times(tmp_path: Path, new_database: NewDatabase) -> None:
    killer, database_url = Killer(random.Random(5)), new_database()
    jobs: list[str] = []
    for _ in range(3):
        with up_on(tmp_path, database_url) as (seen, started):
            jobs.append(seen.submit(pages(60), max_chunk_chars=30))
            enough = killer.chance.randrange(20)
            until(lambda: len(seen.done(jobs[-1])) >= enough)  # noqa: B023
            killer.kill(seen, psutil.Process(started.process.pid), *started.children)
    with up_on(tmp_path, database_url) as (seen, _):
        check_all(seen, jobs, pages(60))
        killer.check(seen.calls())
        assert {row["crashes"] for row in seen.rows("SELECT DISTINCT crashes FROM chunk_records")} == {0}


@contextmanager
def up_on(where: Path, database_url: str | None) -> Iterator[tuple[Running, Up]]:
    """`piecewise up` on a state directory, and on a database elsewhere if there is one."""
    simulate = ("latency=0.2", "latency_sigma=0.3", f"log={where / 'calls.jsonl'}")
    options = [word for each in simulate for word in ("--simulate", each)]
    elsewhere = () if database_url is None else ("--database-url", database_url)
    arguments = ("--state-dir", str(where), "--concurrency", str(CONCURRENCY), *elsewhere, *options)
    with (
        up(*arguments, env={**SOON, **UNDYING}) as started,
        closing(Running(started.url, state=where, log=where / "calls.jsonl", database_url=database_url)) as seen,
    ):
        yield seen, started
