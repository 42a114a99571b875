"""A plan in the hands of one planner."""

from __future__ import annotations

from dataclasses import dataclass

from functions.core.model import Plan
from functions.core.ports import Deadline
from functions.core.wiring import Parts


class Lost(Exception):
    """Somebody else holds the plan by now, or nobody wants it any more."""


class Near(Exception):
    """The invocation ends soon, and the plan does not: another one goes on with it."""


@dataclass(slots=True)
class Hold:
    """A plan that we hold, and how far it is."""

    parts: Parts
    deadline: Deadline
    plan: Plan

    def moved_on(self, plan: Plan | None) -> None:
        """What a transition left of the plan. Raises Lost."""
        if plan is None:
            raise Lost
        self.plan = plan

    def is_near(self) -> bool:
        """Whether the invocation ends too soon to begin anything."""
        return self.deadline.remaining() < self.parts.settings.call_margin

    def check_time(self) -> None:
        """Raise Near when that is so."""
        if self.is_near():
            raise Near
