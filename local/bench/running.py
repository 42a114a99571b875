"""A stack to measure, and jobs on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from local.bench.processes import Snapshot, Spent
from local.client import Client, Job
from local.options import Options
from local.stack import Stack

_POLL = 0.5  # seconds; a look costs the gateway a few milliseconds that belong to the figures


class JobFailed(Exception):
    """A job of the bench did not end COMPLETED."""


@dataclass(frozen=True, slots=True)
class Run:
    """One job from before its POST to its end: `wall` in seconds."""

    wall: float
    chunks: int
    spent: Spent


@contextmanager
def stack(say: Callable[[str], None], *, concurrency: int, model: str, simulate: Mapping[str, str]) -> Iterator[Stack]:
    """A fresh stack on a free port, its state in a temporary directory."""
    options = Options(port=0, model=model, concurrency=concurrency, simulate=simulate, grace=0.0)
    with Stack(options, say=say) as running:
        yield running


def run_job(running: Stack, client: Client, submit: Callable[[], Mapping[str, object]]) -> Run:
    """Submit, wait for the end. Raises JobFailed, ProcessDied.

    The end is the job's own `finished_at`, by this machine's clock: polling adds nothing to it.
    """
    before = Snapshot.take(running.pids())
    started = time.time()
    job = wait(client, str(submit()["job_id"]), lambda job: job["finished_at"] is not None)
    spent = Snapshot.take(running.pids()).since(before)
    if job["status"] != "COMPLETED":
        raise JobFailed(f"a job of the bench ended {job['status']}: {job['error_summary'] or job['error']}")
    return Run(_epoch(job["finished_at"] or "") - started, job["total_chunks"] or 0, spent)


def wait(client: Client, job_id: str, until: Callable[[Job], bool], every: float = _POLL) -> Job:
    """The job as soon as a look at it satisfies `until`; `every` so many seconds."""
    seen = client.look(job_id)
    while not until(seen.job):
        time.sleep(every)
        seen = client.look(job_id, seen)
    return seen.job


def _epoch(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()
