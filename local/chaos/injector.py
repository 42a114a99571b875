"""Does to a running stack what a schedule says; each fault on a thread of its own, so that they may overlap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil

from local.chaos.databases import Database
from local.chaos.faults import FREEZES, KILLS, Fault, Kind
from local.chaos.journal import Journal
from local.chaos.queues import purge, queues_at
from local.event_source.wire import SqsError
from local.stack import Stack

_AT_ONCE = 8
_PATIENCE = 5.0  # seconds in which the process to strike must be there


class Missed(Exception):
    """There was nothing to strike."""


class Injector:
    """`switch` is the file that puts the simulated provider out of order."""

    def __init__(self, stack: Stack, database: Database, journal: Journal, *, switch: Path) -> None:
        self._stack = stack
        self._database = database
        self._journal = journal
        self._switch = switch
        self._stopping = threading.Event()

    def run(self, faults: Sequence[Fault], seconds: float) -> None:
        """Inject all, for so many seconds; every fault is undone when this returns."""
        began = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE, "fault") as pool:
            try:
                injected: list[Future[None]] = []
                for fault in faults:
                    self._stopping.wait(max(0.0, began + fault.at - time.monotonic()))
                    injected.append(pool.submit(self._inject, fault))
                self._stopping.wait(max(0.0, began + seconds - time.monotonic()))
            finally:
                self._stopping.set()
        for each in injected:
            each.result()

    def _inject(self, fault: Fault) -> None:
        try:
            effect = self._effect(fault)
            with self._journal.entry(fault), effect:
                self._stopping.wait(fault.seconds)
        except (Missed, psutil.NoSuchProcess, SqsError):
            self._journal.miss(fault)
        except self._database.errors:
            self._journal.miss(fault)

    def _effect(self, fault: Fault) -> AbstractContextManager[None]:
        if fault.kind in KILLS:
            return _at_once(self._victim(fault.process).kill)
        if fault.kind in FREEZES:
            return _frozen(self._victim(fault.process))
        if fault.kind is Kind.PURGE:
            return _at_once(self._purge)
        if fault.kind in (Kind.OUTAGE, Kind.THROTTLE):
            return self._provider_out("unavailable" if fault.kind is Kind.OUTAGE else "rate_limited")
        return self._database.fault(fault.kind)

    def _victim(self, name: str) -> psutil.Process:
        """By process and not by id, which may be another's a moment later. Raises Missed, psutil.NoSuchProcess."""
        until = time.monotonic() + _PATIENCE
        while (pid := self._stack.ready().get(name)) is None:
            if time.monotonic() > until or self._stopping.wait(0.05):
                raise Missed
        return psutil.Process(pid)

    def _purge(self) -> None:
        with queues_at(self._stack.aws_url()) as sqs:
            purge(sqs)

    @contextmanager
    def _provider_out(self, code: str) -> Iterator[None]:
        draft = self._switch.with_suffix(f".{code}")
        draft.write_text(code)
        draft.replace(self._switch)
        try:
            yield
        finally:
            self._switch.unlink(missing_ok=True)


@contextmanager
def _frozen(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):  # killed meanwhile: it was frozen all the same
            process.resume()


@contextmanager
def _at_once(strike: Callable[[], object]) -> Iterator[None]:
    strike()
    yield
