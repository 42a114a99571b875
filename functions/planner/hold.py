"""A plan in the hands of one planner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from functions.core.model import Plan
from functions.core.ports import Deadline
from functions.core.wiring import Parts


class Lost(Exception):
    """Somebody else holds the plan by now, or nobody wants it any more."""


class Near(Exception):
    """The invocation ends soon, and the plan does not: another one goes on with it."""


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Hold:
    """A plan that we hold, how far it is, and since when: a lease that is a third over is to be renewed."""

    parts: Parts
    deadline: Deadline
    plan: Plan
    since: float = field(default_factory=_loop_time)

    def moved_on(self, plan: Plan | None) -> None:
        """What a transition left of the plan, with its lease begun anew. Raises Lost."""
        if plan is None:
            raise Lost
        self.plan, self.since = plan, _loop_time()

    def is_due(self) -> bool:
        """Whether the lease is to be renewed: one request to a slow S3 later it could be too late."""
        return _loop_time() - self.since >= self.parts.settings.plan_lease / 3

    async def stay(self) -> None:
        """Renew the lease once that is due. Raises Lost.

        That is no progress: a plan at which every planner dies runs out of them all the same.
        """
        if self.is_due():
            if not await self.parts.store.hold_plan(self.plan):
                raise Lost
            self.since = _loop_time()

    def is_near(self) -> bool:
        """Whether the invocation ends too soon to begin anything."""
        return self.deadline.remaining() < self.parts.settings.call_margin

    def check_time(self) -> None:
        """Raise Near when that is so."""
        if self.is_near():
            raise Near
