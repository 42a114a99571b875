"""The most memory that each process takes for a document of 3.5 MB: accepted, planned, analysed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from local.bench.accept import post
from local.bench.beside import bare_endpoint
from local.bench.figures import Figure, Goal, times
from local.bench.processes import peak_mb
from local.bench.running import run_job, stack
from local.bench.texts import json_body
from local.client import Client
from local.options import DEFAULT_CONCURRENCY, HOST

_SIZE = 3_500_000
_LIMIT_MB = 200.0


def memory(book: str, *, say: Callable[[str], None]) -> list[Figure]:
    """Peak resident memory in MB, by process, after one job with the real analysis of the provider `local`."""
    say("memory: a document of 3.5 MB, analysed by the provider local")
    body = json_body(book, _SIZE)
    with bare_endpoint() as bare, closing(HTTPConnection(HOST, bare.port)) as theirs:
        post(theirs, body)
        beside = peak_mb(bare.pid)
    with (
        stack(say, concurrency=DEFAULT_CONCURRENCY, model="local", simulate={}) as running,
        Client(running.url) as client,
        closing(HTTPConnection(HOST, urlsplit(running.url).port)) as ours,
    ):
        run = run_job(running, client, lambda: post(ours, body)[1])
        peaks = {name: peak_mb(pid) for name, pid in running.pids().items()}
    return [
        times(
            f"memory.{name}",
            f"peak of {name}, {run.chunks} chunks",
            peak,
            "MB",
            (beside, "bare endpoint after the same body"),
            goal=Goal("value", _LIMIT_MB),
        )
        for name, peak in peaks.items()
    ]
