"""The SQS event, and Lambda's reading of a batch response."""

from __future__ import annotations

from typing import Any

import pytest

from local.event_source.events import MalformedAnswer, failed_ids, sqs_event

IDS = {"a", "b"}


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_nothing_named_is_success(answer: Any) -> None:
    assert failed_ids(answer, IDS) == set()


def test_what_is_named_stays() -> None:
    assert failed_ids({"batchItemFailures": [{"itemIdentifier": "b"}]}, IDS) == {"b"}


@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        [],
        {"batchItemFailures": "a"},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"messageId": "a"}]},
        {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]},
    ],
)
def test_a_malformed_answer_fails_the_whole_batch(answer: Any) -> None:
    with pytest.raises(MalformedAnswer):
        failed_ids(answer, IDS)


def test_a_record_has_lambdas_names() -> None:
    message: Any = {
        "MessageId": "m1",
        "ReceiptHandle": "r1",
        "Body": "{}",
        "MD5OfBody": "md5",
        "Attributes": {"ApproximateReceiveCount": "2"},
        "MessageAttributes": {
            "kind": {"DataType": "String", "StringValue": "x"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00"},
        },
    }
    (record,) = sqs_event([message], "arn:aws:sqs:eu-west-1:000000000000:q")["Records"]
    assert record == {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "2"},
        "messageAttributes": {
            "kind": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "raw": {"binaryValue": "AA==", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
        },
        "md5OfBody": "md5",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:q",
        "awsRegion": "eu-west-1",
    }
