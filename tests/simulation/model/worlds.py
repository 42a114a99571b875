"""The worlds that are explored whole: `SMALL` in the test run, `LARGE` on request."""

from __future__ import annotations

from tests.simulation.model.rules import Setup
from tests.simulation.model.states import Budget

SMALL: dict[str, Setup] = {
    # one duplicate and one crash, for each size of a job
    "1 chunk": Setup(1, Budget(copy=1, crash=1)),
    "2 chunks": Setup(2, Budget(copy=1, crash=1)),
    "3 chunks": Setup(3, Budget(copy=1, crash=1)),
    "1 chunk, planned": Setup(1, Budget(copy=1, crash=1), planners=1),
    "2 chunks, planned, a crash": Setup(2, Budget(crash=1), planners=1),
    # each verb of a client
    "1 chunk, cancelled": Setup(1, Budget(copy=1, crash=1, cancel=1)),
    "2 chunks, cancelled, a crash": Setup(2, Budget(crash=1, cancel=1)),
    "3 chunks, cancelled, a duplicate": Setup(3, Budget(copy=1, cancel=1)),
    "1 chunk, deleted": Setup(1, Budget(copy=1, crash=1, delete=1)),
    "2 chunks, deleted, a duplicate": Setup(2, Budget(copy=1, delete=1)),
    "3 chunks, deleted, a crash": Setup(3, Budget(crash=1, delete=1)),
    "1 chunk, retried": Setup(1, Budget(copy=1, crash=1, error=1, retry=1)),
    "2 chunks, retried, a crash": Setup(2, Budget(crash=1, error=1, retry=1)),
    "3 chunks, retried, a duplicate": Setup(3, Budget(copy=1, error=1, retry=1)),
    "1 chunk, retried twice": Setup(1, Budget(copy=1, error=2, retry=2)),
    "1 chunk, planned, retried": Setup(1, Budget(crash=1, error=1, retry=1), planners=1),
    "1 chunk, planned, buried and retried, a crash": Setup(1, Budget(crash=1, bury=1, retry=1), planners=1),
    # zombies, outages, dead letters
    "1 chunk, a zombie": Setup(1, Budget(crash=1, freeze=1)),
    "2 chunks, a zombie": Setup(2, Budget(copy=1, freeze=1)),
    "1 chunk, planned, a zombie": Setup(1, Budget(copy=1, freeze=1), planners=2),
    "1 chunk, an outage and an error": Setup(1, Budget(copy=1, error=1, outage=1)),
    "1 chunk, planned, an outage and a crash": Setup(1, Budget(crash=1, outage=1), planners=1),
    "1 chunk, planned, two crashes": Setup(1, Budget(crash=2), workers=1, planners=1),
    "1 chunk, buried and retried, a crash": Setup(1, Budget(crash=1, bury=1, retry=1)),
    "1 chunk, a lost answer": Setup(1, Budget(crash=1, answer=1)),
    "2 chunks, a lost answer": Setup(2, Budget(copy=1, answer=1)),
    "1 chunk, retried, a lost answer": Setup(1, Budget(copy=1, answer=1, error=1, retry=1)),
    "2 chunks, planned, a lost answer": Setup(2, Budget(answer=1), planners=1),
    "2 chunks, a lost message": Setup(2, Budget(crash=1, lose=1)),
}
LARGE: dict[str, Setup] = {
    "1 chunk, everything that queues and processes do": Setup(1, Budget(copy=1, crash=1, lose=1, freeze=1)),
    "1 chunk, a zombie and a retry": Setup(1, Budget(copy=1, crash=1, freeze=1, error=1, retry=1)),
    "1 chunk, an outage, an error and a crash": Setup(1, Budget(copy=1, crash=1, error=1, outage=1)),
    "1 chunk, three crashes": Setup(1, Budget(copy=1, crash=3)),
    "1 chunk, two finalizers, a zombie and a retry": Setup(1, Budget(copy=1, freeze=1, error=1, retry=1), finalizers=2),
    "1 chunk, planned, buried and retried": Setup(1, Budget(copy=1, error=1, bury=1, retry=1), planners=1),
    "1 chunk, planned, buried and retried, two crashes": Setup(
        1, Budget(crash=2, bury=1, retry=1), workers=1, planners=1
    ),
    "2 chunks, planned, retried, a lost answer": Setup(2, Budget(answer=1, error=1, retry=1), planners=1),
    "2 chunks, a lost answer, a crash": Setup(2, Budget(copy=1, crash=1, answer=1)),
    "1 chunk, buried, retried, a lost answer": Setup(1, Budget(copy=1, answer=1, bury=1, retry=1)),
    "3 chunks, retried, a crash": Setup(3, Budget(crash=1, error=1, retry=1)),
    "2 chunks, retried": Setup(2, Budget(copy=1, crash=1, error=1, retry=1)),
    "2 chunks, a zombie and a crash": Setup(2, Budget(copy=1, crash=1, freeze=1)),
    "1 chunk, a planner of an earlier run": Setup(1, Budget(copy=1, freeze=1, bury=1, retry=1), planners=1),
    "2 chunks, planned": Setup(2, Budget(copy=1, crash=1), planners=1),
    "1 chunk, buried and retried": Setup(1, Budget(copy=1, crash=1, bury=1, retry=1)),
    "2 chunks, deleted": Setup(2, Budget(copy=1, crash=1, delete=1)),
    "3 chunks, deleted": Setup(3, Budget(copy=1, crash=1, delete=1)),
    "2 chunks, planned, a lost message": Setup(2, Budget(copy=1, crash=1, lose=1), planners=1),
    "2 chunks, cancelled": Setup(2, Budget(copy=1, crash=1, cancel=1)),
    "3 chunks, cancelled": Setup(3, Budget(copy=1, crash=1, cancel=1)),
    "3 chunks, three workers": Setup(3, Budget(copy=1, crash=1), workers=3),
}
