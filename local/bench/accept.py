"""How long POST takes while the model takes 5 s a chunk, beside an endpoint that only parses the same body."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from local.bench.beside import bare_endpoint
from local.bench.figures import Figure, Goal, percentile, times
from local.bench.running import stack, wait
from local.bench.texts import json_body
from local.client import Client
from local.options import DEFAULT_CONCURRENCY, HOST

SIZES = ((1_000, "1 KB", 100), (100_000, "100 KB", 100), (1_000_000, "1 MB", 50), (3_500_000, "3.5 MB", 40))
"""Bytes of the body, how to call it, and requests."""

_WARM = 3  # requests that are not counted
_PROMISE_MS = 100.0
_PROMISED_TO = 1_000_000  # bytes; a larger body may take twice what parsing it takes
_LATENCY = "5"


def accept(book: str, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """p50 and p99 in milliseconds, each request on a quiet stack: one client, the last document's plan complete."""
    figures = []
    with (
        bare_endpoint() as bare,
        stack(say, concurrency=DEFAULT_CONCURRENCY, model="simulated", simulate={"latency": _LATENCY}) as running,
        Client(running.url) as client,
        closing(HTTPConnection(HOST, urlsplit(running.url).port)) as ours,
        closing(HTTPConnection(HOST, bare.port)) as theirs,
    ):
        for size, name, count in SIZES:
            requests = max(5, count // 5) if quick else count
            say(f"accept: {requests} bodies of {name}")
            body = json_body(book, size)
            pairs = [_pair(ours, theirs, body, client) for _ in range(requests + _WARM)][_WARM:]
            figures += _figures(size, name, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return figures


def _pair(ours: HTTPConnection, theirs: HTTPConnection, body: bytes, client: Client) -> tuple[float, float]:
    """Milliseconds of one request each, one right after the other: what disturbs one disturbs both alike."""
    theirs_ms, _ = post(theirs, body)
    ours_ms, job = post(ours, body)
    if job["total_chunks"] is None:
        wait(client, str(job["job_id"]), lambda seen: seen["total_chunks"] is not None)
    return ours_ms, theirs_ms


def post(connection: HTTPConnection, body: bytes) -> tuple[float, dict[str, Any]]:
    """Milliseconds until the whole answer was there, and the answer. Raises OSError when it is not a 202."""
    began = time.perf_counter()
    connection.request("POST", "/v1/analyze", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    took = (time.perf_counter() - began) * 1000
    if answer.status != 202:
        raise OSError(f"POST was answered {answer.status}: {said[:200].decode(errors='replace')}")
    return took, json.loads(said)


def _figures(size: int, name: str, ours: list[float], theirs: list[float]) -> list[Figure]:
    more = {"requests": len(ours), "body_bytes": size}
    absolute = Goal("value", _PROMISE_MS) if size <= _PROMISED_TO else None
    goals = {50: absolute or Goal("ratio", 2.0), 99: absolute}
    return [
        times(
            f"accept.{size}.p{percent}",
            f"POST {name}, p{percent}",
            percentile(ours, percent),
            "ms",
            (percentile(theirs, percent), f"bare endpoint, p{percent}"),
            goal=goal,
            more=more,
        )
        for percent, goal in goals.items()
    ]
