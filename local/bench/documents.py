"""Documents by size: uploaded, planned and analysed; what a megabyte costs, and how much memory each process takes."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.bench.figures import Figure, Goal, times
from local.bench.processes import Snapshot, Spent, peak_mb
from local.bench.running import JobFailed, stack, wait
from local.bench.texts import write_prose
from local.client import Client, Job
from local.options import DEFAULT_CONCURRENCY
from local.stack import Stack

SIZES = (1, 10, 100, 1000)
"""MB of 1,000,000 bytes."""

MB = 1_000_000
_BASE = 10  # MB: the size that the others are compared with
_CHUNK = 20_000  # characters: 1 GB is half of the most chunks that a job may have
_PLANNED_ONLY = 1000  # MB: from here on the analysis takes longer than anybody waits for a figure
_LOOK = 0.1  # seconds
_MEMORY_MB = 200.0
_LINEAR = 1.2
_NUMBERED = re.compile(r"-\d+$")
_NOT_OURS = ("moto",)
_PHASES = {"upload": "uploaded", "plan": "planned", "analysis": "analysed after that"}


@dataclass(frozen=True, slots=True)
class Phase:
    """What one step of a document's way took: seconds, and CPU by process."""

    wall: float
    spent: Spent


@dataclass(frozen=True, slots=True)
class Measured:
    """A document of `size` MB on its way; `phases` in order, without an analysis where it was only planned."""

    size: int
    chunks: int
    phases: Mapping[str, Phase]
    peaks: Mapping[str, float]

    @property
    def wall(self) -> float:
        """Seconds from the first byte to the end."""
        return sum(phase.wall for phase in self.phases.values())

    @property
    def cpu(self) -> dict[str, float]:
        """CPU seconds of each kind of process."""
        total: dict[str, float] = {}
        for phase in self.phases.values():
            for name, seconds in phase.spent.cpu.items():
                total[kind(name)] = total.get(kind(name), 0.0) + seconds
        return total


def documents(book: bytes, sizes: Sequence[int], *, analyse_all: bool, say: Callable[[str], None]) -> list[Figure]:
    """A fresh stack for each size, so that each peak is its own. Raises JobFailed, ProcessDied, StackError."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="piecewise-bench-") as folder:
        for size in sorted(set(sizes)):
            say(f"documents: {size} MB")
            path = Path(folder) / "document.txt"
            write_prose(book, size * MB, path)
            with (
                stack(say, concurrency=DEFAULT_CONCURRENCY, model="local", simulate={}) as running,
                Client(running.url) as client,
            ):
                measured.append(_measure(running, client, path, size, analyse=analyse_all or size < _PLANNED_ONLY))
            say(f"documents: {size} MB took {measured[-1].wall:.1f} s")
    return figures_of(measured)


def kind(process: str) -> str:
    """`worker` for `worker-2`."""
    return _NUMBERED.sub("", process)


def figures_of(measured: Sequence[Measured]) -> list[Figure]:
    """Time and CPU a MB beside those at 10 MB (the first size where there is no such), and peaks of memory."""
    base = next((each for each in measured if each.size == _BASE), measured[0])
    return [figure for each in measured for figure in _figures(each, base)]


def _figures(each: Measured, base: Measured) -> list[Figure]:
    name, at = f"documents.{each.size}MB", f"at {base.size} MB"
    made = [
        times(
            f"{name}.{phase}", f"{each.size} MB {_PHASES[phase]}, a MB", _a_mb(each, each.phases[phase].wall), "s",
            (_a_mb(base, base.phases[phase].wall), at), more=_more(each, phase),
        )
        for phase in each.phases if phase in base.phases
    ]  # fmt: skip
    if each.phases.keys() == base.phases.keys():
        goal = Goal("ratio", _LINEAR) if each.size > base.size >= _BASE else None
        chunks = {"chunks": each.chunks, "wall_seconds": round(each.wall, 3)}
        made.append(
            times(
                f"{name}.time", f"{each.size} MB from the first byte to the end, a MB", _a_mb(each, each.wall), "s",
                (_a_mb(base, base.wall), at), goal=goal, more=chunks,
            )
        )  # fmt: skip
        made.append(_cpu(name, each, base, goal))
    return made + [_peak(name, each, base, process) for process in sorted(_by_kind(each.peaks))]


def _cpu(name: str, each: Measured, base: Measured, goal: Goal | None) -> Figure:
    """Of all processes but moto, whose work is AWS's."""
    a_mb = {process: round(1000 * _a_mb(each, seconds), 2) for process, seconds in each.cpu.items()}
    return times(
        f"{name}.cpu", f"CPU a MB at {each.size} MB, without moto", 1000 * _a_mb(each, _ours(each.cpu)), "ms",
        (1000 * _a_mb(base, _ours(base.cpu)), f"at {base.size} MB"), goal=goal, more={"ms_a_mb": a_mb},
    )  # fmt: skip


def _peak(name: str, each: Measured, base: Measured, process: str) -> Figure:
    goal = None if process in _NOT_OURS else Goal("value", _MEMORY_MB)
    beside = (_by_kind(base.peaks)[process], f"at {base.size} MB")
    what = f"peak of {process} at {each.size} MB"
    return times(f"{name}.memory.{process}", what, _by_kind(each.peaks)[process], "MB", beside, goal=goal)


def _more(each: Measured, phase: str) -> dict[str, Any]:
    taken = each.phases[phase]
    return {
        "wall_seconds": round(taken.wall, 3),
        "cpu_seconds": {name: round(seconds, 3) for name, seconds in taken.spent.cpu.items()},
        "cores_taken_by_others": [round(taken.spent.other_cores, 2)],
    }


def _by_kind(peaks: Mapping[str, float]) -> dict[str, float]:
    """Of several processes of a kind the largest."""
    highest: dict[str, float] = {}
    for name, peak in peaks.items():
        highest[kind(name)] = max(peak, highest.get(kind(name), 0.0))
    return highest


def _ours(cpu: Mapping[str, float]) -> float:
    return sum(seconds for process, seconds in cpu.items() if process not in _NOT_OURS)


def _a_mb(each: Measured, value: float) -> float:
    return max(value, 1e-6) / each.size


def _measure(running: Stack, client: Client, path: Path, size: int, *, analyse: bool) -> Measured:
    clock = _Clock(running)
    document = client.upload(path, content_type="text/plain; charset=utf-8")
    clock.lap("upload")
    job_id = client.submit_document(document["document_id"], max_chunk_chars=_CHUNK)["job_id"]
    job = wait(client, job_id, lambda job: job["total_chunks"] is not None or job["finished_at"] is not None, _LOOK)
    clock.lap("plan")
    if analyse:
        job = wait(client, job_id, lambda job: job["finished_at"] is not None, _LOOK)
        clock.lap("analysis")
        _check(job)
    else:
        client.cancel(job_id)
    peaks = {name: peak_mb(pid) for name, pid in running.pids().items()}
    return Measured(size, job["total_chunks"] or 0, clock.phases, peaks)


class _Clock:
    """Wall and CPU from one lap to the next."""

    def __init__(self, running: Stack) -> None:
        self.phases: dict[str, Phase] = {}
        self._running = running
        self._last = self._now()

    def lap(self, phase: str) -> None:
        """The phase ends here."""
        now = self._now()
        self.phases[phase] = Phase(now[0] - self._last[0], now[1].since(self._last[1]))
        self._last = now

    def _now(self) -> tuple[float, Snapshot]:
        return time.monotonic(), Snapshot.take(self._running.pids())


def _check(job: Job) -> None:
    if job["status"] != "COMPLETED":
        raise JobFailed(f"a job of the bench ended {job['status']}: {job['error_summary'] or job['error']}")
