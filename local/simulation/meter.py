"""Metrics of a simulated invocation, which may never say more than the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from functions.core.model import Metric


@dataclass
class SimulatedMeter:
    """`functions.core.ports.Meter` of one invocation; `totals` are those of the whole history."""

    totals: Counter[Metric]
    own: Counter[Metric] = field(default_factory=Counter)

    def add(self, metric: Metric, value: int) -> None:
        """Counted at once: what a crash would lose is no matter here."""
        self.totals[metric] += value
        self.own[metric] += value

    def flush(self) -> None:
        """Nobody reads it."""
