"""When an invocation ends, from Lambda's context."""

from __future__ import annotations

from typing import Protocol


class LambdaContext(Protocol):
    """What this project reads of Lambda's context object."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


class LambdaDeadline:
    """`functions.core.ports.Deadline` of a running invocation."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    def remaining(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self._context.get_remaining_time_in_millis() / 1000)
