"""Windows of time in which a service is away altogether."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from local.simulation.faults import Fault, Faults

OUTAGES = (Fault.DATABASE_OUTAGE, Fault.SQS_OUTAGE, Fault.S3_OUTAGE, Fault.MODEL_OUTAGE, Fault.MODEL_STORM)
_LENGTHS = (3.0, 30.0, 200.0)  # seconds


class Outages:
    """For each service at most one window in a history."""

    def __init__(self, random: Random, faults: Faults, clock: Callable[[], float], *, end: float) -> None:
        self._clock = clock
        self._faults = faults
        self._met: set[Fault] = set()
        self._windows: dict[Fault, tuple[float, float]] = {}
        for fault in OUTAGES:
            if faults.drawn(fault):
                start = random.uniform(0, end)
                self._windows[fault] = (start, min(end, start + random.choice(_LENGTHS) * random.uniform(0.5, 1.5)))

    def now(self, fault: Fault) -> bool:
        """Whether that service is away; counted when it is first met."""
        window = self._windows.get(fault)
        if window is None or self._faults.over or not window[0] <= self._clock() < window[1]:
            return False
        if fault not in self._met:
            self._met.add(fault)
            self._faults.struck(fault)
        return True
