"""How near a document comes to the ideal: chunks x latency / concurrency, and what CPU a chunk costs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from functions.core.chunking import split, take_bom
from functions.core.model import ModelCall
from functions.core.providers.simulated import SimulatedProvider, SimulateOptions
from local.bench.figures import Figure, Goal, times
from local.bench.running import Run, run_job, stack
from local.client import Client
from local.options import DEFAULT_CONCURRENCY

_CHUNK = 4000


@dataclass(frozen=True, slots=True)
class Pace:
    """A latency of the simulated model in seconds, the ratio promised for it, and how often it is measured."""

    latency: float
    goal: float
    runs: int


PACES = (Pace(0.2, 0.60, 3), Pace(2.0, 0.90, 1))


def throughput(document: bytes, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """Wall time and CPU of whole jobs; `quick` leaves the slow model out."""
    say("throughput: the same calls in a bare asyncio loop")
    bare = bare_loop(document.decode(), PACES[0].latency)
    figures = []
    for pace in PACES[:1] if quick else PACES:
        say(f"throughput: a model of {pace.latency:g} s, {pace.runs} times")
        simulate = {"latency": str(pace.latency)}
        with (
            stack(say, concurrency=DEFAULT_CONCURRENCY, model="simulated", simulate=simulate) as running,
            Client(running.url) as client,
        ):
            runs = [
                run_job(running, client, lambda: client.submit(document, max_chunk_chars=_CHUNK))
                for _ in range(pace.runs)
            ]
        figures += figures_of(pace, runs, bare)
    return figures


@dataclass(frozen=True, slots=True)
class BareLoop:
    """The calls alone, nothing kept, nothing that survives: seconds in all, and CPU seconds a chunk."""

    latency: float
    wall: float
    ideal: float
    cpu_a_chunk: float


def bare_loop(document: str, latency: float) -> BareLoop:
    """Cut the document and call the simulated model for each chunk, as many at once as the stack does."""
    began, cpu = time.perf_counter(), time.process_time()
    text, _ = take_bom(document)
    spans = split(text, _CHUNK)
    provider = SimulatedProvider(SimulateOptions(latency=latency))

    async def run() -> None:
        free = asyncio.Semaphore(DEFAULT_CONCURRENCY)

        async def one(call: ModelCall) -> None:
            async with free:
                await provider.analyse(call)

        calls = [
            ModelCall("bench", span.chunk_index, 1, text[span.char_start : span.char_end], span.char_start, None)
            for span in spans
        ]
        await asyncio.gather(*map(one, calls))

    asyncio.run(run())
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    return BareLoop(latency, wall, len(spans) * latency / DEFAULT_CONCURRENCY, spent / len(spans))


def figures_of(pace: Pace, runs: Sequence[Run], bare: BareLoop) -> list[Figure]:
    """The wall time of the median run against the ideal, and its CPU against the bare loop's."""
    chunks = runs[0].chunks
    ideal = chunks * pace.latency / DEFAULT_CONCURRENCY
    waves = math.ceil(chunks / DEFAULT_CONCURRENCY) * pace.latency
    wall = median(run.wall for run in runs)
    middle = min(runs, key=lambda run: abs(run.wall - wall))
    more: dict[str, Any] = {
        "chunks": chunks,
        "concurrency": DEFAULT_CONCURRENCY,
        "chunks_a_second": round(chunks / wall, 1),
        "ratios_of_the_runs": [round(ideal / run.wall, 3) for run in runs],
        "ideal_in_whole_waves": round(waves, 3),
        "ratio_to_whole_waves": round(waves / wall, 3),
        "cores_taken_by_others": [round(run.spent.other_cores, 2) for run in runs],
    }
    if pace.latency == bare.latency:
        more["ratio_of_the_bare_loop"] = round(bare.ideal / bare.wall, 3)
    a_chunk = {name: round(1000 * cpu / chunks, 2) for name, cpu in middle.spent.cpu.items()}
    name = f"throughput.{pace.latency:g}s"
    return [
        Figure(
            f"{name}.wall", f"{chunks} chunks at {pace.latency:g} s, {DEFAULT_CONCURRENCY}-way", wall, "s",
            ideal, "ideal", ideal / wall, Goal("ratio", pace.goal, at_least=True), more,
        ),
        times(
            f"{name}.cpu", f"CPU a chunk at {pace.latency:g} s, whole stack", 1000 * middle.spent.total / chunks, "ms",
            (1000 * bare.cpu_a_chunk, "bare asyncio loop"), more={"by_process": a_chunk},
        ),
    ]  # fmt: skip
