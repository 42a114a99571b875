"""Who crashes, who freezes, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from local.simulation.faults import Fault, Faults
from local.simulation.process import Process

if TYPE_CHECKING:
    from local.simulation.loop import SimulatedLoop
    from local.simulation.trace import Trace

_FROZEN = (2.0, 30.0, 90.0, 250.0)  # seconds: within a lease, past it, past several
_SHORT = ("Planner", "Finalizer", "DeadLetter")  # take few steps in a history: each is struck more often
_FEW_STEPS = 5


class Fate:
    """Strikes processes between their steps, and says what became of them."""

    def __init__(self, faults: Faults, random: Random, trace: Trace) -> None:
        self._faults = faults
        self._random = random
        self._trace = trace
        self._mourners: dict[Process, Callable[[], None]] = {}
        self.loop: SimulatedLoop

    def strike(self, process: Process) -> bool:
        """Whether a fault keeps the process from its next step."""
        short = process.name.startswith(_SHORT)
        fault = self._faults.one_of(*(Fault.CRASH, Fault.FREEZE) * (_FEW_STEPS if short else 1))
        if fault is Fault.CRASH:
            self.kill(process, fault)
        elif fault is Fault.FREEZE:
            self.freeze(process, fault)
        elif short and not process.blows and self._random.random() < 1 / _FEW_STEPS:
            return self.turn_into_zombie(process, self._random.uniform(65, 250))
        return fault is not None

    def turn_into_zombie(self, process: Process, seconds: float) -> bool:
        """Maybe freeze it for so long, which is longer than its lease lasts."""
        if not self._faults.strikes(Fault.ZOMBIE):
            return False
        self.freeze(process, Fault.ZOMBIE, seconds)
        return True

    def kill(self, process: Process, why: Fault) -> None:
        """It dies; whoever waits for it is told."""
        if not process.alive:
            return
        self._trace.note(process.name, why)
        process.blows += 1
        self.loop.kill(process)
        mourner = self._mourners.pop(process, None)
        if mourner:
            mourner()

    def freeze(self, process: Process, why: Fault, seconds: float | None = None) -> None:
        """It stands still for so long, or for a while."""
        seconds = self._random.choice(_FROZEN) * self._random.uniform(0.5, 1.5) if seconds is None else seconds
        self._trace.note(process.name, why, f"for {seconds:.1f} s")
        process.blows += 1
        self.loop.freeze(process, seconds)

    def when_killed(self, process: Process, tell: Callable[[], None]) -> None:
        """Call `tell` if it dies."""
        self._mourners[process] = tell

    def forget(self, process: Process) -> None:
        """It has ended by itself; what it left running is not run any more."""
        self._mourners.pop(process, None)
        self.loop.kill(process)
