"""An SQS event as Lambda hands it over, and the answer Lambda wants.

Shapes: "Using Lambda with Amazon SQS" and "Reporting batch item failures" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BatchResponse = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a batch; `receive_count` is 1 at the first delivery."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int


def records(event: Mapping[str, Any]) -> list[Record]:
    """The messages of the event, in order."""
    return [
        Record(
            item["messageId"],
            item["receiptHandle"],
            item["body"],
            int(item.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for item in event["Records"]
    ]


def batch_response(failed_message_ids: Iterable[str]) -> BatchResponse:
    """The answer of a function with `ReportBatchItemFailures`: these stay in the queue, the others are deleted."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed_message_ids]}
