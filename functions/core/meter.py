"""Metrics as lines of the log: CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from threading import Lock

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from functions.core.model import Metric

NAMESPACE = "Piecewise"


class Unmetered:
    """`ports.Meter` where nobody counts."""

    def add(self, metric: Metric, value: int) -> None:
        """Nothing happens."""

    def flush(self) -> None:
        """Nothing happens."""


class EmfMeter:
    """`ports.Meter`: one line of JSON a flush, with the dimension `service`. Any number of threads may share it.

    What a process that dies had added since its last flush is not reported: a metric shows a trend, the rows the truth.
    """

    def __init__(self, service: str, write: Callable[[str], None] = print) -> None:
        self._service = service
        self._write = write
        self._values: Counter[Metric] = Counter()
        self._lock = Lock()

    def add(self, metric: Metric, value: int) -> None:
        """Add to the next line; 0 is a report too."""
        with self._lock:
            self._values[metric] += value

    def flush(self) -> None:
        """Write the line, if there is anything to say."""
        with self._lock:
            values, self._values = self._values, Counter()
        if not values:
            return
        line = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=self._service)
        for metric, value in values.items():
            line.add_metric(metric.value, MetricUnit.Count, value)
        self._write(json.dumps(line.serialize_metric_set()))
