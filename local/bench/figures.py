"""A figure: what was measured, what stands beside it, and what was promised. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise about a figure's value, or about its ratio to what stands beside it."""

    of: Literal["value", "ratio"]
    limit: float
    at_least: bool = False  # else at most

    def is_met(self, figure: Figure) -> bool:
        """Whether the figure keeps it."""
        measured = figure.value if self.of == "value" else figure.ratio
        return measured >= self.limit if self.at_least else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    `id` never changes, for whoever compares runs; `value` and `beside` are in `unit`; `ratio` says how the two
    compare; `more` is detail in JSON's types.
    """

    id: str
    what: str
    value: float
    unit: str
    beside: float
    beside_what: str
    ratio: float
    goal: Goal | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """Whether its goal is met; None without one."""
        return self.goal.is_met(self) if self.goal else None

    def as_json(self) -> dict[str, Any]:
        """The figure in JSON's types; field names and order are stable."""
        goal = self.goal
        return {
            "id": self.id,
            "what": self.what,
            "value": _round(self.value),
            "unit": self.unit,
            "beside": _round(self.beside),
            "beside_what": self.beside_what,
            "ratio": _round(self.ratio),
            "goal": goal and {"of": goal.of, "at_least" if goal.at_least else "at_most": goal.limit},
            "met": self.is_met,
            "more": dict(self.more),
        }


def times(id: str, what: str, value: float, unit: str, beside: tuple[float, str], **rest: Any) -> Figure:  # noqa: A002
    """A figure whose ratio is so many times what stands beside it: less is better."""
    return Figure(id, what, value, unit, beside[0], beside[1], value / beside[0], **rest)


def missed(figures: Sequence[Figure]) -> list[str]:
    """The ids of the figures whose goal is not met."""
    return [figure.id for figure in figures if figure.is_met is False]


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of at least one value: always one that was measured."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _round(number: float) -> float:
    """Four significant digits: the rest is noise."""
    return float(f"{number:.4g}")
