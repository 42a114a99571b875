"""Brings a set of processes up in the order of their needs, starts anew what dies, and takes all of it down.

Knows nothing of AWS: what a child needs is a set of facts, and facts are lines that children write.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from local.stack.child import Ended, Event, Facts, Line, Process, Said, Spec

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_LIVED_WELL = 10.0  # seconds after which a process that dies again is started anew without a long pause


class StackError(Exception):
    """The stack cannot start; the message is one line that names the cause."""


class Supervisor:
    """Owns the child processes. `start()` and `stop()` are for one thread; `kill()` for any, also a signal handler."""

    def __init__(
        self, specs: Sequence[Spec], *, env: Mapping[str, str], log: Callable[[str], Path], say: Callable[[str], None]
    ) -> None:
        self._specs = specs
        self._env = env
        self._log = log
        self._say = say
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._running: dict[str, Process] = {}
        self._facts: Facts = {}
        self._started_at: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._up = False
        self._watcher: threading.Thread | None = None

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now, by name."""
        return {name: process.popen.pid for name, process in list(self._running.items())}

    def ready(self) -> dict[str, int]:
        """The process ids of what runs now and has said that it is ready."""
        return {name: process.popen.pid for name, process in list(self._running.items()) if "ready" in process.heard}

    def fact(self, name: str) -> Line:
        """What a child has said last under that name. Raises KeyError."""
        return self._facts[name]

    def start(self, timeout: float) -> None:
        """Start all at once and return when each has said that it is ready. Raises StackError; stop() in any case."""
        until = time.monotonic() + timeout
        for spec in self._specs:
            self._spawn(spec)
        while not all("ready" in process.heard for process in self._running.values()):
            self._boot_event(until)
        self._up = True
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self, groups: Iterable[Iterable[str]], grace: float) -> None:
        """End the children group after group; each group gets `grace` seconds, then is killed.

        One that never was up has nothing to finish and gets none.
        """
        self._events.put(None)
        if self._watcher is not None:
            self._watcher.join()
        for group in groups:
            members = [self._running[name] for name in group if name in self._running]
            until = time.monotonic() + (grace if self._up else 0)
            for process in members:
                process.popen.terminate()
            for process in members:
                process.end(until - time.monotonic())
                del self._running[process.spec.name]

    def kill(self) -> None:
        """Kill every child now, so that a stop() under way has nothing to wait for."""
        for process in list(self._running.values()):
            process.popen.kill()

    def _boot_event(self, until: float) -> None:
        try:
            event = self._events.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            late = [process for process in self._running.values() if "ready" not in process.heard]
            names, logs = ", ".join(process.spec.name for process in late), late[0].log.parent
            raise StackError(f"not ready in time: {names} (the logs are in {logs})") from None
        if isinstance(event, Ended):
            raise StackError(_obituary(event))
        if isinstance(event, Said):
            self._hear(event)

    def _hear(self, said: Said) -> None:
        """A line is either the child's failure to start, in words for the user, or a fact."""
        if "failed" in said.line:
            said.process.failure = str(said.line["failed"])
            if not self._up:
                raise StackError(said.process.failure)
            return
        fact = str(said.line.get("event", said.process.spec.name))
        said.process.heard.add(fact)
        if not said.process.spec.needs:
            said.process.heard.add("ready")
        self._facts[fact] = said.line
        for process in list(self._running.values()):
            if fact in process.spec.needs:
                self._go(process)

    def _go(self, process: Process) -> None:
        if process.spec.needs and process.spec.needs <= self._facts.keys():
            process.send({"do": "go", "first": not self._up, "facts": self._facts})

    def _spawn(self, spec: Spec) -> None:
        process = Process.start(spec, self._facts, env=self._env, log=self._log(spec.name), tell=self._events.put)
        self._running[spec.name] = process
        self._started_at[spec.name] = time.monotonic()
        if self._up:
            self._go(process)

    def _watch(self) -> None:
        """Until stop(): hear what children say, and start anew, after a growing pause, what has ended."""
        while True:
            try:
                event = self._events.get(timeout=self._until_due())
            except Empty:
                self._restart_due()
                continue
            if event is None:
                return
            if isinstance(event, Said):
                self._hear(event)
            else:
                self._bury(event)

    def _until_due(self) -> float | None:
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def _restart_due(self) -> None:
        now = time.monotonic()
        for spec in self._specs:
            if self._due.get(spec.name, math.inf) > now:
                continue
            try:
                self._spawn(spec)
                del self._due[spec.name]
            except OSError as error:  # no memory or no process left: later, perhaps
                self._due[spec.name] = now + _LONGEST_PAUSE
                self._say(f"{spec.name} could not be started: {error.strerror}")

    def _bury(self, ended: Ended) -> None:
        name = ended.process.spec.name
        if self._running.get(name) is not ended.process:
            return
        ended.process.end(0)
        del self._running[name]
        now = time.monotonic()
        lived_well = now - self._started_at[name] >= _LIVED_WELL
        self._pauses[name] = (
            _FIRST_PAUSE if lived_well else min(_LONGEST_PAUSE, 2 * self._pauses.get(name, _FIRST_PAUSE))
        )
        self._due[name] = now + self._pauses[name]
        self._say(f"{_obituary(ended)}; starting it again")


def _obituary(ended: Ended) -> str:
    how = f"ended with status {ended.code}" if ended.code >= 0 else f"was ended by {_signal_name(-ended.code)}"
    why = ended.process.failure or (ended.process.last_log_line() if ended.code > 0 else "")
    return f"{ended.process.spec.name} {how}" + (f": {why}" if why else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
