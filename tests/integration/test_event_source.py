"""Event source mappings against moto's SQS over HTTP."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.event_source import EventSourceMapping, Sqs
from local.invoke import Function

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A MappingLike."""

    queue_name: str = "work"
    batch_size: int = 10
    window: float = 0
    maximum_concurrency: int | None = 2
    report_batch_item_failures: bool = True


class Calls:
    """A handler that hands every event to the test and answers what the test has said."""

    def __init__(self) -> None:
        self.events: queue.Queue[Any] = queue.Queue()
        self.answer: Callable[[Any], Any] = lambda _event: None

    def __call__(self, event: Any, _context: Any) -> Any:
        self.events.put(event)
        return self.answer(event)

    def bodies(self, count: int) -> list[str]:
        """The bodies of the next `count` messages, sorted."""
        found: list[str] = []
        while len(found) < count:
            found += [record["body"] for record in self.events.get()["Records"]]
        return sorted(found)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def sqs(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQSClient]:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("sqs")
    yield client
    client.close()


@pytest.fixture
def work(sqs: SQSClient) -> Iterator[str]:
    """The URL of a queue named `work`."""
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "1800"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def start(sqs: SQSClient) -> Iterator[Callable[..., EventSourceMapping]]:
    running: list[EventSourceMapping] = []

    def begin(handler: Any, timeout: float = 60, **spec: Any) -> EventSourceMapping:
        mapping = EventSourceMapping(
            Function(name="room", handler=handler, timeout=timeout), Spec(**spec), Sqs.from_environment()
        )
        running.append(mapping)
        mapping.start()
        return mapping

    yield begin
    for mapping in running:
        mapping.stop(grace=10)


@pytest.fixture
def said() -> Iterator[queue.Queue[str]]:
    """What is logged about the queue."""
    lines: queue.Queue[str] = queue.Queue()
    handler = logging.Handler()
    handler.emit = lambda record: lines.put(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("local.event_source.queue").addHandler(handler)
    yield lines
    logging.getLogger("local.event_source.queue").removeHandler(handler)


def send(sqs: SQSClient, url: str, *bodies: str) -> None:
    entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)


def counts(sqs: SQSClient, url: str) -> tuple[int, int]:
    """Messages that are visible, and in flight."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def fail(*bodies: str) -> Callable[[Any], Any]:
    """An answer that names the messages with these bodies."""

    def answer(event: Any) -> Any:
        failed = [record["messageId"] for record in event["Records"] if record["body"] in bodies]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}

    return answer


# -- what a handler gets


def test_a_batch_arrives_as_lambda_hands_it(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    attributes: Any = {"kind": {"DataType": "String", "StringValue": "x"}}
    sent = sqs.send_message(QueueUrl=work, MessageBody="hello", MessageAttributes=attributes)
    start(calls)
    (record,) = calls.events.get()["Records"]
    assert (record["messageId"], record["md5OfBody"], record["body"]) == (
        sent["MessageId"],
        sent["MD5OfMessageBody"],
        "hello",
    )
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= record["attributes"].keys()
    assert record["messageAttributes"]["kind"]["stringValue"] == "x"
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "eu-west-1")
    assert record["eventSourceARN"].endswith(":work")


def test_a_batch_has_no_more_than_its_size(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    send(sqs, work, *"abcde")
    start(calls, batch_size=2)
    sizes: list[int] = []
    while sum(sizes) < 5:
        sizes.append(len(calls.events.get()["Records"]))
    assert max(sizes) == 2


def test_a_window_fills_a_batch_beyond_one_receive(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    send(sqs, work, *"abcdefghij")
    send(sqs, work, *"klmnopqrst")
    start(calls, batch_size=20, window=300)
    assert len(calls.events.get()["Records"]) == 20


# -- what its answer does


def test_what_did_not_fail_is_deleted(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    calls.answer = fail()
    send(sqs, work, "a", "b")
    mapping = start(calls)
    calls.bodies(2)
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 0)


def test_what_failed_stays_for_its_visibility_timeout(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    calls.answer = fail("b")
    send(sqs, work, "a", "b", "c")
    mapping = start(calls)
    calls.bodies(3)
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 1)


def test_a_malformed_answer_fails_all(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    calls.answer = lambda _event: {"batchItemFailures": [{"itemIdentifier": "unknown"}]}
    send(sqs, work, "a", "b")
    mapping = start(calls)
    calls.bodies(2)
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 2)


def test_an_exception_fails_all(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    calls.answer = lambda _event: 1 / 0
    send(sqs, work, "a", "b")
    mapping = start(calls)
    calls.bodies(2)
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 2)


def test_without_the_setting_an_answer_means_nothing(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    calls.answer = fail("a")
    send(sqs, work, "a")
    mapping = start(calls, report_batch_item_failures=False)
    calls.bodies(1)
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 0)


def test_a_handler_may_set_when_a_failed_message_comes_again(
    sqs: SQSClient, work: str, calls: Calls, start: Any
) -> None:
    def at_once(event: Any) -> Any:
        for record in event["Records"]:
            sqs.change_message_visibility(QueueUrl=work, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0)
        return fail("a")(event) if event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1" else None

    calls.answer = at_once
    send(sqs, work, "a")
    start(calls)
    assert [calls.events.get()["Records"][0]["attributes"]["ApproximateReceiveCount"] for _ in "12"] == ["1", "2"]


def test_what_fails_too_often_goes_to_the_dead_letter_queue(
    sqs: SQSClient, work: str, calls: Calls, start: Any
) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=work, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})
    calls.answer = fail("a")
    dead_calls = Calls()
    start(dead_calls, queue_name="dead")
    start(calls, batch_size=1)  # or the same message, visible at once, would fill the batch up
    send(sqs, work, "a")
    assert dead_calls.bodies(1) == ["a"]
    assert calls.events.qsize() == 2
    sqs.delete_queue(QueueUrl=dead)


# -- how many at once


def test_as_many_invocations_as_allowed_run_at_once(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    together = threading.Barrier(3)

    def answer(_event: Any) -> None:
        together.wait()

    calls.answer = answer
    send(sqs, work, *"abc")
    mapping = start(calls, batch_size=1, maximum_concurrency=3)
    assert calls.bodies(3) == list("abc")
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 0)


def test_no_more_than_allowed_run_at_once_and_no_more_are_received(
    sqs: SQSClient, work: str, calls: Calls, start: Any
) -> None:
    release = threading.Event()
    calls.answer = lambda _event: release.wait() and None
    send(sqs, work, *"abcde")
    mapping = start(calls, batch_size=1, maximum_concurrency=2)
    first = calls.bodies(2)
    # Two slots, long invocations: the other three are left to whoever is free.
    assert counts(sqs, work) == (3, 2)
    release.set()
    assert sorted(first + calls.bodies(3)) == list("abcde")
    assert mapping.stop(grace=60)
    assert counts(sqs, work) == (0, 0)


# -- stopping


def test_stopping_lets_what_runs_end(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    release = threading.Event()
    calls.answer = lambda _event: release.wait() and None
    send(sqs, work, "a")
    mapping = start(calls)
    calls.bodies(1)
    ended: queue.Queue[bool] = queue.Queue()
    stopping = threading.Thread(target=lambda: ended.put(mapping.stop(grace=60)))
    stopping.start()
    release.set()
    assert ended.get()
    stopping.join()
    assert counts(sqs, work) == (0, 0)


def test_after_its_grace_stopping_waits_no_longer(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    release = threading.Event()
    calls.answer = lambda _event: release.wait() and None
    send(sqs, work, "a")
    mapping = start(calls)
    calls.bodies(1)
    assert not mapping.stop(grace=0)
    assert counts(sqs, work) == (0, 1)
    release.set()


def test_what_was_fetched_and_not_started_is_visible_again(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    release = threading.Event()

    def answer(event: Any) -> None:
        if event["Records"][0]["body"] == "busy":
            release.wait()

    calls.answer = answer
    mapping = start(calls, batch_size=1, maximum_concurrency=1)
    send(sqs, work, "short")
    calls.bodies(1)  # a short invocation: from now on one batch is fetched ahead
    send(sqs, work, "busy")
    calls.bodies(1)
    send(sqs, work, "ahead")
    while counts(sqs, work) != (0, 2):
        pass
    assert not mapping.stop(grace=0)
    assert counts(sqs, work) == (1, 1)
    release.set()
    assert calls.events.empty()


def test_nothing_is_taken_after_the_stop(sqs: SQSClient, work: str, calls: Calls, start: Any) -> None:
    mapping = start(calls)
    assert mapping.stop(grace=60)
    send(sqs, work, "a")
    assert counts(sqs, work) == (1, 0)


# -- outages


def test_a_queue_that_is_not_there_yet_is_waited_for(
    sqs: SQSClient, calls: Calls, start: Any, said: queue.Queue[str]
) -> None:
    mapping = start(calls, queue_name="later")
    assert said.get().startswith("later does not answer, trying until it does: ")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    send(sqs, url, "a")
    assert calls.bodies(1) == ["a"]
    assert mapping.stop(grace=60)
    assert (said.get(), said.qsize()) == ("later answers again", 0)
    sqs.delete_queue(QueueUrl=url)


def test_a_moto_that_was_away_is_found_again(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    first = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    first.start()
    port = first.get_host_and_port()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    sqs: Any = boto3.client("sqs")
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    poller = Sqs.from_environment()
    mapping = EventSourceMapping(Function(name="room", handler=calls, timeout=60), Spec(), poller)
    mapping.start()
    send(sqs, url, "before")
    assert calls.bodies(1) == ["before"]
    first.stop()
    second = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    second.start()
    second.get_host_and_port()
    send(sqs, sqs.create_queue(QueueName="work")["QueueUrl"], "after")
    assert calls.bodies(1) == ["after"]
    assert mapping.stop(grace=60)
    second.stop()
    sqs.close()
    poller.close()
