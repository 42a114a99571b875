"""Our SQS where moto's own cannot be compared with: many clients at once, long polls, callers that die."""

from __future__ import annotations

import json
import socket
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.moto.sqs_model import IndexedQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

MESSAGES = 600


@pytest.fixture
def url(sqs: SQSClient) -> str:
    return sqs.create_queue(QueueName=uuid.uuid4().hex, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]


def send(sqs: SQSClient, url: str, bodies: range) -> None:
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in bodies])


def counts(sqs: SQSClient, url: str) -> set[str]:
    found = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    return set(found["Attributes"].values())


def test_many_clients_at_once_lose_nothing_and_share_nothing(sqs: SQSClient, url: str) -> None:
    received: list[str] = []

    def work() -> None:
        while len(received) < MESSAGES:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=8, WaitTimeSeconds=1).get("Messages", [])
            received.extend(message["Body"] for message in messages)
            if messages:
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]

    with ThreadPoolExecutor(12) as pool:
        workers = [pool.submit(work) for _ in range(8)]
        sends = [pool.submit(send, sqs, url, range(n, n + 10)) for n in range(0, MESSAGES, 10)]
        for future in (*sends, *workers):
            future.result()
    assert Counter(received) == Counter(str(n) for n in range(MESSAGES))
    assert counts(sqs, url) == {"0"}


def test_a_waiting_receive_gets_what_comes(sqs: SQSClient, url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        sqs.send_message(QueueUrl=url, MessageBody="here")
        assert [message["Body"] for message in waiting.result(timeout=15)["Messages"]] == ["here"]


def test_a_waiting_receive_gets_what_comes_back(sqs: SQSClient, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="back")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        assert [message["Body"] for message in waiting.result(timeout=15)["Messages"]] == ["back"]


def test_one_message_wakes_one_of_many(sqs: SQSClient, url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=2) for _ in range(6)]
        sqs.send_message(QueueUrl=url, MessageBody="one")
        got = [message["Body"] for future in waiting for message in future.result().get("Messages", [])]
    assert got == ["one"]


def test_a_caller_that_hung_up_is_handed_nothing(sqs: SQSClient, url: str, aws_endpoint: str) -> None:
    dead = socket.create_connection((urlsplit(aws_endpoint).hostname, urlsplit(aws_endpoint).port))
    dead.sendall(_receive(url))
    sqs.list_queues()  # the poll waits by now: requests are taken up in the order of their arrival
    dead.close()
    sqs.list_queues()  # and its end has been seen
    sqs.send_message(QueueUrl=url, MessageBody="for the living")
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=url)["Messages"]] == ["for the living"]


def _receive(url: str) -> bytes:
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20}).encode()
    head = [
        "POST / HTTP/1.1",
        "host: 127.0.0.1",
        "x-amz-target: AmazonSQS.ReceiveMessage",
        "content-type: application/x-amz-json-1.0",
        "authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/sqs/aws4_request",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def test_a_fifo_queue_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError, match="not emulated"):
        sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})


def test_an_expired_message_is_gone() -> None:
    queue = IndexedQueue("q", "us-east-1", "000000000000", MessageRetentionPeriod=60)
    old, new = queue.send("old", None), queue.send("new", None)
    old.sent_timestamp -= 61_000  # type: ignore[operator, assignment]
    assert [message.id for message in queue.take(10, 30)] == [new.id]
    assert len(queue.messages) == 0


def test_a_moved_visibility_leaves_no_second_copy() -> None:
    queue = IndexedQueue("q", "us-east-1", "000000000000")
    queue.send("a", None)
    for _ in range(5):
        (message,) = queue.take(10, 30)
        assert message.receipt_handle is not None
        queue.change_visibility(message.receipt_handle, 600)
        queue.change_visibility(message.receipt_handle, 0)
        while queue.next_due():  # until the clock has moved on, less than a millisecond
            pass
    assert len(queue.take(10, 30)) == 1
    assert queue.take(10, 30) == []


def test_a_deleted_message_does_not_come_back_when_its_timeout_ends() -> None:
    queue = IndexedQueue("q", "us-east-1", "000000000000")
    queue.send("a", None)
    (message,) = queue.take(1, 0)
    assert message.receipt_handle is not None
    queue.delete_message(message.receipt_handle)
    assert queue.take(1, 0) == []
    assert queue.next_due() is None


def test_a_batch_keeps_its_trace_header(sqs: SQSClient) -> None:
    """As on AWS, and in moto's single send; moto's batch forgets it."""
    url = sqs.create_queue(QueueName="traced")["QueueUrl"]
    entry: Any = {"Id": "1", "MessageBody": "a", "MessageSystemAttributes": traced("Root=1-2-3")}
    sqs.send_message_batch(QueueUrl=url, Entries=[entry, {"Id": "2", "MessageBody": "b"}])

    asked: Any = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["AWSTraceHeader"]}
    messages = sqs.receive_message(QueueUrl=url, **asked)["Messages"]

    assert [message["Attributes"] for message in messages] == [{"AWSTraceHeader": "Root=1-2-3"}, {}]


def test_a_group_that_sqs_would_refuse_fails_alone(sqs: SQSClient) -> None:
    url = sqs.create_queue(QueueName="grouped")["QueueUrl"]
    groups = ["fits", "two words", "é", "x" * 128, "x" * 129]
    entries: Any = [{"Id": str(n), "MessageBody": "a", "MessageGroupId": group} for n, group in enumerate(groups)]

    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "3"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("1", True),
        ("2", True),
        ("4", True),
    ]


def test_groups_and_traces_do_not_make_a_queue_slow() -> None:
    queue = IndexedQueue("q", "us-east-1", "000000000000")
    queue.send("a", None, "client-1", traced("Root=1-2-3"))
    assert queue.plain


def traced(header: str) -> dict[str, Any]:
    return {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
