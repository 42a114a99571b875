"""Metrics in memory: what was added, and what was reported."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from functions.core.model import Metric


@dataclass
class MemoryMeter:
    """`functions.core.ports.Meter`."""

    values: Counter[Metric] = field(default_factory=Counter)  # since the beginning
    waiting: list[tuple[Metric, int]] = field(default_factory=list)
    reports: list[list[tuple[Metric, int]]] = field(default_factory=list)

    def add(self, metric: Metric, value: int) -> None:
        """Keep it."""
        self.values[metric] += value
        self.waiting.append((metric, value))

    def flush(self) -> None:
        """A report."""
        self.reports.append(self.waiting)
        self.waiting = []
