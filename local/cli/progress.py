"""A job's progress on stderr: a live line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.cli.pace import Count, Pace, duration
from local.cli.say import note

if TYPE_CHECKING:
    from local.client import Job

Show = Callable[["Job"], None]


@contextmanager
def progress() -> Iterator[Show]:
    """A function to call with the job each time it has been seen."""
    if not sys.stderr.isatty():
        yield _Plain().show
        return
    with _live() as show:
        yield show


def words(count: Count, pace: Pace) -> str:
    """`120/807 chunks done, 2 failed, 687 waiting, 31.0 chunks/s, 22 s left`."""
    if count.total is None:
        return "planning"
    parts = [f"{count.done}/{count.total} chunks done", f"{count.failed} failed", f"{count.waiting} waiting"]
    if pace.rate is not None:
        parts.append(f"{pace.rate:.1f} chunks/s")
    left = pace.left(count.waiting)
    if left is not None and count.waiting:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


class _Plain:
    """A line at each quarter of the way."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._said: set[int] = set()

    def show(self, job: Job) -> None:
        count = Count.of(job)
        self._pace.see(time.monotonic(), count.done)
        quarter = 4 * count.done // count.total if count.total else 0
        if quarter not in self._said:
            self._said.add(quarter)
            note(words(count, self._pace))


@contextmanager
def _live() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    pace = Pace()
    columns = (SpinnerColumn(), BarColumn(bar_width=30), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("waiting for a worker", total=None)

        def show(job: Job) -> None:
            count = Count.of(job)
            pace.see(time.monotonic(), count.done)
            display.update(task, total=count.total, completed=count.done, description=words(count, pace))

        yield show
