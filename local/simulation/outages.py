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
        self.windows: dict[Fault, tuple[float, float]] = {}
        for fault in OUTAGES:
            if faults.strikes(fault):
                start = random.uniform(0, end)
                self.windows[fault] = (start, min(end, start + random.choice(_LENGTHS) * random.uniform(0.5, 1.5)))

    def now(self, fault: Fault) -> bool:
        """Whether that service is away."""
        window = self.windows.get(fault)
        return window is not None and window[0] <= self._clock() < window[1]
