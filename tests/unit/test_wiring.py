"""What wiring takes from Lambda's own variables: the stack's name, and the trace of the invocation under way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from functions.core import wiring
from functions.core.logs import SERVICE, log_as, logger
from functions.core.meter import EmfMeter, Unmetered
from functions.core.model import Metric
from functions.core.queues.sqs import SqsQueues
from functions.core.settings import Settings
from functions.core.wiring import Parts
from tests.fixtures.logs import LogLines

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture(autouse=True)
def _somewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    for name in ("POWERTOOLS_SERVICE_NAME", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    yield
    log_as(SERVICE)


def wired(**settings: Any) -> Parts:
    return wiring.wire(
        Settings(
            database_url="sqlite://", bucket="b", plan_queue="p", chunk_queue="c", finalize_queue="f", **settings
        )
    )  # fmt: skip


@pytest.mark.parametrize(("given", "service"), [("my-stack", "my-stack"), ("", "piecewise")])
def test_log_lines_and_metrics_carry_the_name_of_the_stack(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, capsys: pytest.CaptureFixture[str], given: str, service: str
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", given)
    meter = wired().meter
    logger.warning("a line")
    meter.add(Metric.STUCK_JOBS, 0)
    meter.flush()

    assert [line["service"] for line in log_lines()] == [service]
    assert f'"service": "{service}"' in capsys.readouterr().out


def test_metrics_can_be_switched_off() -> None:
    assert isinstance(wired().meter, EmfMeter)
    assert isinstance(wired(metrics=False).meter, Unmetered)


def test_the_trace_is_that_of_the_invocation_under_way(monkeypatch: pytest.MonkeyPatch, log_lines: LogLines) -> None:
    trace = cast("SqsQueues", wired().queues)._trace
    assert trace() is None

    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    logger.warning("a line")

    assert trace() == TRACE
    assert [line["xray_trace_id"] for line in log_lines()] == ["1-5759e988-bd862e3fe1be46a994272793"]
