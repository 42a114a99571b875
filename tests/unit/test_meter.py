"""What CloudWatch reads from the log."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.core.meter import EmfMeter, Unmetered
from functions.core.model import Metric


@pytest.fixture
def lines() -> list[str]:
    return []


def test_what_was_added_is_one_line_with_the_stack_as_dimension(lines: list[str]) -> None:
    meter = EmfMeter("my-stack", lines.append)
    meter.add(Metric.CHUNKS_COMPLETED, 1)
    meter.add(Metric.CHUNKS_COMPLETED, 7)
    meter.add(Metric.STUCK_JOBS, 0)
    meter.flush()

    [line] = map(json.loads, lines)
    [described] = line["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Piecewise"
    assert described["Dimensions"] == [["service"]]
    assert described["Metrics"] == [
        {"Name": "ChunksCompleted", "Unit": "Count"},
        {"Name": "StuckJobs", "Unit": "Count"},
    ]
    assert (line["service"], line["ChunksCompleted"], line["StuckJobs"]) == ("my-stack", [8.0], [0.0])


def test_nothing_added_is_nothing_said(lines: list[str]) -> None:
    meter = EmfMeter("my-stack", lines.append)
    meter.flush()
    meter.add(Metric.CHUNKS_FAILED, 1)
    meter.flush()
    meter.flush()

    assert len(lines) == 1


def test_threads_share_a_meter_and_lose_nothing(lines: list[str]) -> None:
    meter = EmfMeter("my-stack", lines.append)

    def work(_: int) -> None:
        meter.add(Metric.CHUNKS_PARKED, 1)
        meter.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))

    assert sum(sum(json.loads(line)["ChunksParked"]) for line in lines) == 200


def test_a_laptop_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    meter: Any = Unmetered()
    meter.add(Metric.CHUNKS_FAILED, 1)
    meter.flush()

    assert capsys.readouterr() == ("", "")
