"""`SqsQueues` against SQS over HTTP, and against an endpoint that misbehaves as SQS may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.core.errors import QueueUnavailable
from functions.core.messages import group_of, parse_chunk, parse_finalize, parse_plan
from functions.core.model import ChunkHint, PlanHint
from functions.core.queues.sqs import BATCH, SENDERS, SENDS, SqsQueues, make_sqs
from functions.core.threads import inline, on_threads
from local.event_source.events import sqs_event
from tests.fixtures.logs import LogLines

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

T = TypeVar("T")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
NAMES: dict[str, Any] = {"plan_queue": "plans", "chunk_queue": "chunks", "finalize_queue": "finals"}


@pytest.fixture
def queues(sqs: SQSClient, queue_names: dict[str, Any]) -> SqsQueues:
    return SqsQueues(sqs, on_threads(SENDERS, "queues"), **queue_names)


def url_of(sqs: SQSClient, name: str) -> str:
    return sqs.get_queue_url(QueueName=name)["QueueUrl"]


def bodies(sqs: SQSClient, name: str) -> Iterator[str]:
    """Every visible message of a queue, which is emptied."""
    url = url_of(sqs, name)
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]


def hints(count: int) -> list[ChunkHint]:
    return [ChunkHint("01jd0000000000000000000000abcd", index, index % 3, "client-1") for index in range(count)]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 137])
def test_every_hint_becomes_one_message(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str], count: int
) -> None:
    asyncio.run(queues.send_chunks(hints(count)))
    got = [parse_chunk(body) for body in bodies(sqs, queue_names["chunk_queue"])]
    assert sorted(got, key=lambda hint: hint.chunk_index) == hints(count)


def test_a_delayed_hint_is_not_visible_and_the_queue_not_empty(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    asyncio.run(queues.send_chunks(hints(3), delay=900))
    assert list(bodies(sqs, queue_names["chunk_queue"])) == []
    assert not asyncio.run(queues.chunk_queue_is_empty())


def test_plan_and_finalize_go_to_their_own_queues(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    asyncio.run(queues.send_plan(PlanHint("job1", 3)))
    asyncio.run(queues.send_finalize("job2", 3))
    assert [parse_plan(body) for body in bodies(sqs, queue_names["plan_queue"])] == [PlanHint("job1", 3)]
    assert [parse_finalize(body) for body in bodies(sqs, queue_names["finalize_queue"])] == [("job2", 3)]
    assert asyncio.run(queues.chunk_queue_is_empty())


def received(sqs: SQSClient, name: str) -> list[MessageTypeDef]:
    """Up to ten messages, with everything that SQS says of them."""
    asked: Any = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]}
    return sqs.receive_message(QueueUrl=url_of(sqs, name), **asked).get("Messages", [])


def test_a_chunk_message_is_in_the_group_of_its_owner_and_its_body_says_nothing_of_it(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    owners = ["client-1", "client-2", "Ünïcode Ltd."]
    asyncio.run(queues.send_chunks([ChunkHint("job", index, 0, owner) for index, owner in enumerate(owners)]))

    messages = received(sqs, queue_names["chunk_queue"])

    groups = [message["Attributes"]["MessageGroupId"] for message in messages]
    assert groups == ["client-1", "client-2", group_of("Ünïcode Ltd.")]
    assert not any(owner in message["Body"] for message in messages for owner in owners)


def test_a_chunk_message_without_an_owner_is_not_sent(queues: SqsQueues) -> None:
    with pytest.raises(ValueError, match="says nothing of its owner"):
        asyncio.run(queues.send_chunks([ChunkHint("job", 0, 0)]))


def test_plan_and_finalize_messages_are_in_no_group(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    asyncio.run(queues.send_plan(PlanHint("job", 0)))
    [message] = received(sqs, queue_names["plan_queue"])
    assert "MessageGroupId" not in message["Attributes"]


def test_every_message_carries_the_trace_of_the_invocation_that_sends_it(
    sqs: SQSClient, queue_names: dict[str, Any]
) -> None:
    traces = iter([TRACE, TRACE, TRACE, None])
    queues = SqsQueues(sqs, inline, **queue_names, trace=lambda: next(traces))

    async def send() -> None:
        await queues.send_plan(PlanHint("job", 0))
        await queues.send_chunks(hints(1))
        await queues.send_finalize("job", 1)
        await queues.send_finalize("job", 1)  # in an invocation that is not traced

    asyncio.run(send())

    found = {
        kind: [message["Attributes"].get("AWSTraceHeader") for message in received(sqs, name)]
        for kind, name in queue_names.items()
    }
    assert found == {"plan_queue": [TRACE], "chunk_queue": [TRACE], "finalize_queue": [TRACE, None]}


def test_the_trace_reaches_the_next_invocation(sqs: SQSClient, queue_names: dict[str, str]) -> None:
    asyncio.run(SqsQueues(sqs, inline, **queue_names, trace=lambda: TRACE).send_chunks(hints(1)))

    event = sqs_event(received(sqs, queue_names["chunk_queue"]), "arn:aws:sqs:us-east-1:000000000000:chunks")

    assert event["Records"][0]["attributes"]["AWSTraceHeader"] == TRACE


def test_a_message_in_flight_keeps_the_queue_from_being_empty(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    url = url_of(sqs, queue_names["chunk_queue"])
    assert asyncio.run(queues.chunk_queue_is_empty())
    asyncio.run(queues.send_chunks(hints(1)))
    assert not asyncio.run(queues.chunk_queue_is_empty())
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert not asyncio.run(queues.chunk_queue_is_empty())
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert asyncio.run(queues.chunk_queue_is_empty())


def test_held_back_messages_come_back_at_their_new_time(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    url = url_of(sqs, queue_names["chunk_queue"])
    asyncio.run(queues.send_chunks(hints(10)))
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)["Messages"]
    now = {message["ReceiptHandle"]: 0 for message in messages[:4]}
    later = {message["ReceiptHandle"]: 900 for message in messages[4:]}
    asyncio.run(queues.hold_back(list((now | later).items())))
    assert sorted(bodies(sqs, queue_names["chunk_queue"])) == sorted(message["Body"] for message in messages[:4])


def test_holding_back_never_raises_and_says_nothing_sensitive(sqs: SQSClient, log_lines: LogLines) -> None:
    nowhere = SqsQueues(sqs, inline, **NAMES)
    asyncio.run(nowhere.hold_back([("a-secret-handle", 30)]))
    [line] = log_lines()
    assert "NonExistentQueue" in line["error"]
    assert "a-secret-handle" not in str(line)


def test_an_unknown_receipt_handle_is_no_trouble(queues: SqsQueues) -> None:
    asyncio.run(queues.hold_back([("no-such-handle", 30)]))


def test_several_event_loops_share_the_queues_and_the_threads(
    queues: SqsQueues, sqs: SQSClient, queue_names: dict[str, str]
) -> None:
    outer = on_threads(4, "invocations")

    async def invocations() -> None:
        await asyncio.gather(*(outer(lambda: asyncio.run(queues.send_chunks(hints(25)))) for _ in range(4)))

    asyncio.run(invocations())
    assert len(list(bodies(sqs, queue_names["chunk_queue"]))) == 100


@pytest.mark.parametrize(
    "call",
    [
        lambda queues: queues.send_chunks(hints(25)),
        lambda queues: queues.send_plan(PlanHint("job", 0)),
        lambda queues: queues.send_finalize("job", 1),
        lambda queues: queues.chunk_queue_is_empty(),
    ],
)
def test_a_missing_queue_is_unavailable(sqs: SQSClient, call: Callable[[SqsQueues], Awaitable[object]]) -> None:
    async def run() -> None:
        await call(SqsQueues(sqs, inline, **NAMES))

    with pytest.raises(QueueUnavailable, match="NonExistentQueue"):
        asyncio.run(run())


def test_a_closed_port_is_unavailable(aws_session: boto3.Session, unused_port: int) -> None:
    client = make_sqs(aws_session, endpoint_url=f"http://127.0.0.1:{unused_port}")
    client.meta.events.register("needs-retry.sqs.*", lambda **_: None)
    with pytest.raises(QueueUnavailable, match="EndpointConnectionError"):
        asyncio.run(SqsQueues(client, inline, **NAMES).send_plan(PlanHint("job", 0)))


class PartialSqs:
    """Takes batches as SQS may: some entries of the first `times` answers are refused; `broken` requests fail."""

    def __init__(self, *, refuse: set[str], times: int, broken: range = range(0)) -> None:
        self.refuse = refuse
        self.times = times
        self.broken = broken
        self.requests = 0
        self.taken: list[str] = []
        self.lookups = 0

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803
        self.lookups += 1
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "https://sqs/chunks"
        assert 1 <= len(Entries) <= BATCH
        self.requests += 1
        if self.requests - 1 in self.broken:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "text of ours"}}, "SendMessageBatch")
        refused = [entry for entry in Entries if entry["Id"] in self.refuse and self.requests <= self.times]
        self.taken += [entry["MessageBody"] for entry in Entries if entry not in refused]
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in refused]} if refused else {}


def partial_queues(client: PartialSqs) -> SqsQueues:
    return SqsQueues(client, inline, **NAMES)  # type: ignore[arg-type]


def test_entries_not_taken_are_sent_again_alone() -> None:
    client = PartialSqs(refuse={"2", "7"}, times=SENDS - 1)
    asyncio.run(partial_queues(client).send_chunks(hints(10)))
    assert sorted(parse_chunk(body).chunk_index for body in client.taken) == list(range(10))
    assert client.requests == SENDS


def test_entries_never_taken_are_an_error_and_the_others_stay_sent() -> None:
    client = PartialSqs(refuse={"2"}, times=SENDS)
    with pytest.raises(QueueUnavailable, match="1 entries not taken: InternalError"):
        asyncio.run(partial_queues(client).send_chunks(hints(10)))
    assert len(client.taken) == 9


def test_a_failed_batch_of_many_raises_after_the_others_were_sent() -> None:
    client = PartialSqs(refuse=set(), times=0, broken=range(1, 2))
    with pytest.raises(QueueUnavailable, match=r"SQS SendMessageBatch: ThrottlingException$"):
        asyncio.run(partial_queues(client).send_chunks(hints(1_000)))
    assert len(client.taken) == 990


def test_an_outage_stops_a_large_send_soon() -> None:
    client = PartialSqs(refuse=set(), times=0, broken=range(10_000))
    with pytest.raises(QueueUnavailable):
        asyncio.run(partial_queues(client).send_chunks(hints(10_000)))
    assert client.requests == SENDERS


def test_a_queue_is_looked_up_once() -> None:
    client = PartialSqs(refuse=set(), times=0)
    queues = partial_queues(client)
    asyncio.run(queues.send_chunks(hints(100)))
    asyncio.run(queues.send_chunks(hints(1)))
    assert client.lookups == 1


def test_a_large_send_has_a_bounded_number_of_requests_under_way() -> None:
    under_way = most = 0

    async def slowly(call: Callable[[], T]) -> T:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return call()

    client = PartialSqs(refuse=set(), times=0)
    asyncio.run(SqsQueues(client, slowly, **NAMES).send_chunks(hints(2_000)))  # type: ignore[arg-type]
    assert most == SENDERS
    assert len(client.taken) == 2_000
