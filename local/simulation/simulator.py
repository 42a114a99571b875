"""Plays histories one after the other in this program: what is dear to make is made once."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from local.simulation.database import SimulatedDatabase
from local.simulation.faults import Fault
from local.simulation.log import LogSink, logged_to
from local.simulation.world import History, World
from local.templates.deployment import Deployment
from local.templates.laptop import load_template


@cache
def _stage() -> tuple[SimulatedDatabase, Deployment]:
    return SimulatedDatabase(), load_template()


def play(seed: int, only: Collection[Fault] = frozenset()) -> History:
    """The history of a seed; `only`: with these faults and no others."""
    database, deployment = _stage()
    sink = LogSink()
    with logged_to(sink):
        return World(seed, database, deployment, sink, only).play()
