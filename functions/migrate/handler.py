"""The migrate function: a custom resource's request in, CloudFormation told how it ended.

A custom resource that never answers holds its stack for an hour, so whatever goes wrong is an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.errors import PiecewiseError
from functions.core.logs import bug, logger
from functions.core.ports import Deadline
from functions.migrate.reply import Reply
from functions.migrate.request import Answer, Request

MARGIN = 30.0  # seconds before the function's end at which the database gives up
LATEST = 15.0  # and by which CloudFormation is answered

_LATE = Answer(succeeded=False, reason="the migration was not done when the function's time ended; its log says more")

Migrate = Callable[[str, float], str]
"""(the revision that is wanted, seconds there are) → what was done, in a line."""


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Lambda's entry."""
    respond(event, LambdaDeadline(context), _migrate)


def respond(event: dict[str, Any], deadline: Deadline, migrate: Migrate) -> None:
    """One request, answered in time."""
    request = Request.of(event)
    reply = Reply(request)
    left = deadline.remaining()
    with reply.due_in(max(0.0, left - LATEST), _LATE):
        reply.send(outcome(request, max(0.0, left - MARGIN), migrate))


def outcome(request: Request, seconds: float, migrate: Migrate) -> Answer:
    """How the request ends; a Delete drops nothing, whatever state the database is in."""
    if request.kind == "Delete":
        return Answer(succeeded=True, reason="tables and rows stay")
    try:
        return Answer(succeeded=True, reason=migrate(request.head, seconds))
    except PiecewiseError as error:
        return Answer(succeeded=False, reason=str(error))
    except Exception as error:  # noqa: BLE001 (a bug is an answer too)
        logger.error("the migration met a bug", extra=bug(error))
        return Answer(succeeded=False, reason=f"a bug in the migration ({type(error).__name__}); its log says where")


def _migrate(head: str, seconds: float) -> str:
    # here and not above: an artifact that cannot be imported must be answered too
    from functions.migrate.migrate import from_environment

    return from_environment(head, seconds)
