"""The schedule of a function."""

from __future__ import annotations

import queue
import threading
from typing import Any

from local.invoke import Function
from local.schedule import Schedule


def schedule(handler: Any, seconds: float) -> Schedule:
    return Schedule(Function(name="reconciler", handler=handler, timeout=60), seconds, name="reconcile")


def test_the_first_run_is_at_once_and_has_eventbridges_event() -> None:
    events: queue.Queue[dict[str, Any]] = queue.Queue()
    runs = schedule(lambda event, _context: events.put(event), seconds=3600)
    runs.start()
    event = events.get()
    assert runs.stop(grace=60)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/reconcile"]


def test_it_runs_again_and_again_though_a_run_fails() -> None:
    runs_left = threading.Semaphore(0)

    def handler(_event: Any, _context: Any) -> None:
        runs_left.release()
        raise RuntimeError("once more")

    runs = schedule(handler, seconds=0.001)
    runs.start()
    for _ in range(3):
        runs_left.acquire()
    assert runs.stop(grace=60)


def test_stopping_waits_for_a_run_no_longer_than_its_grace() -> None:
    began, release = threading.Event(), threading.Event()

    def handler(_event: Any, _context: Any) -> None:
        began.set()
        release.wait()

    runs = schedule(handler, seconds=0.001)
    runs.start()
    began.wait()
    assert not runs.stop(grace=0)
    release.set()
    assert runs.stop(grace=60)


def test_never_two_at_once() -> None:
    at_once = threading.Lock()
    overlaps: list[bool] = []
    enough = threading.Semaphore(0)

    def handler(_event: Any, _context: Any) -> None:
        overlaps.append(not at_once.acquire(blocking=False))
        at_once.release()
        enough.release()

    runs = schedule(handler, seconds=0.0001)
    runs.start()
    for _ in range(20):
        enough.acquire()
    runs.stop(grace=60)
    assert not any(overlaps)
