"""The event Lambda makes of a batch, and what its answer means.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_sqs.type_defs import MessageTypeDef


class MalformedAnswer(Exception):
    """Not a batch response, or one that names what is not in the batch: Lambda takes the whole batch as failed."""


def sqs_event(messages: Sequence[MessageTypeDef], arn: str) -> dict[str, Any]:
    """The event of a batch received from the queue with this ARN."""
    region = arn.split(":")[3]
    return {"Records": [_record(message, arn, region) for message in messages]}


def failed_ids(answer: Any, ids: set[str]) -> set[str]:
    """The message ids that a handler's answer leaves in the queue. Raises MalformedAnswer."""
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        raise MalformedAnswer("the answer is not an object")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        raise MalformedAnswer("batchItemFailures is not a list")
    failed = {_identifier(failure) for failure in failures}
    if unknown := failed - ids:
        raise MalformedAnswer(f"{len(unknown)} of the failed ids are not in the batch")
    return failed


def _identifier(failure: Any) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, str) or not identifier:
        raise MalformedAnswer("an item of batchItemFailures has no itemIdentifier")
    return identifier


def _record(message: MessageTypeDef, arn: str, region: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return attribute
