"""The three SQS calls that carry the load, answered from the index; all others, and all errors, by moto itself.

A call through moto's Flask application, request parser and serializer costs 2 to 10 ms of CPU, the same call here about
a tenth of a millisecond. Whatever is not quite ordinary (attributes of messages, a value out of range, unknown queues)
is handed to moto untouched, so that its checks and its words for errors are the only ones.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from moto.sqs.constants import MAXIMUM_MESSAGE_LENGTH, MAXIMUM_VISIBILITY_TIMEOUT
from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import Message, sqs_backends

from local.moto.http import ClientGoneError, Receive, Reply, Request
from local.moto.sqs_model import IndexedQueue, IndexedSqs
from local.moto.stock import Stock

Params = dict[str, Any]
Answer = dict[str, Any]

_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/sqs/")
_BATCH_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
_BATCH = 10
_LONGEST_DELAY = 900
_LONGEST_WAIT = 20
_RECEIVE_KEYS = {
    "QueueUrl", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds",
    "AttributeNames", "MessageSystemAttributeNames", "MessageAttributeNames",
}  # fmt: skip
_SEND_KEYS = {"Id", "MessageBody", "DelaySeconds", "MessageGroupId", "MessageSystemAttributes"}
_GROUP = re.compile(r"[!-~]{1,128}")  # SQS's own rule; moto takes anything
_BAD_GROUP = {"SenderFault": True, "Code": "InvalidParameterValue", "Message": "MessageGroupId is not valid"}
_DELETE_KEYS = {"Id", "ReceiptHandle"}
_SYSTEM_ATTRIBUTES: dict[str, Callable[[Any], str | None]] = {
    "SenderId": lambda message: str(message.sender_id),
    "SentTimestamp": lambda message: str(message.sent_timestamp),
    "ApproximateReceiveCount": lambda message: str(message.approximate_receive_count),
    "ApproximateFirstReceiveTimestamp": lambda message: str(message.approximate_first_receive_timestamp),
    "MessageGroupId": lambda message: message.group_id,
    "AWSTraceHeader": lambda message: message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
}


class SqsFront:
    """SQS over HTTP in moto's account `account`. All of it runs on the event loop's thread: nothing needs a lock."""

    def __init__(self, account: str) -> None:
        self._backends = sqs_backends[account]
        self._backends.backend = IndexedSqs
        self._stock = Stock("sqs", account)
        self._polls: set[asyncio.Event] = set()
        self._closing = False

    async def answer(self, request: Request, receive: Receive) -> Reply:
        """The answer; a ReceiveMessage with a wait time may take that long. Raises ClientGoneError."""
        action = request.headers.get("x-amz-target", "").removeprefix("AmazonSQS.")
        if action not in _HOT:
            return self._stock(request)
        try:
            params = json.loads(request.body)
            queue = self._queue(request, params)
        except (ValueError, TypeError, AttributeError, KeyError, QueueDoesNotExist):
            return self._stock(request)
        answer = _HOT[action](queue, params)
        if answer == {} and action == "ReceiveMessage":
            answer = await self._wait(queue, params, receive)
        return self._stock(request) if answer is None else _json(answer)

    def close(self) -> None:
        """Let every waiting call answer now."""
        self._closing = True
        for poll in self._polls:
            poll.set()

    def _queue(self, request: Request, params: Params) -> IndexedQueue:
        """Raises what a request without queue or signature raises on the way: moto finds the words."""
        match = _REGION.search(request.headers["authorization"])
        if match is None:
            raise KeyError("region")
        backend = self._backends[match[1]]
        assert isinstance(backend, IndexedSqs)
        return backend.indexed(params["QueueUrl"].rpartition("/")[2])

    async def _wait(self, queue: IndexedQueue, params: Params, receive: Receive) -> Answer | None:
        """Long polling: sleeps until something changes, a delay or a visibility timeout ends, or the caller hangs up.

        A caller that died must not be handed messages: they would be in flight, with nobody, for half an hour.
        """
        loop = asyncio.get_running_loop()
        seconds = params.get("WaitTimeSeconds", queue.receive_message_wait_time_seconds)
        end = loop.time() + seconds
        changed = asyncio.Event()
        self._polls.add(changed)
        queue.listeners.add(changed.set)
        gone = asyncio.ensure_future(receive())
        gone.add_done_callback(lambda _: changed.set())
        try:
            answer: Answer | None = {}
            while answer == {} and not self._closing and (left := end - loop.time()) > 0:
                due = queue.next_due()
                timer = loop.call_later(left if due is None else min(left, due), changed.set)
                await changed.wait()
                timer.cancel()
                changed.clear()
                if gone.done():
                    raise ClientGoneError
                answer = _receive(queue, params)
            return answer
        finally:
            gone.cancel()
            queue.listeners.discard(changed.set)
            self._polls.discard(changed)


def _receive(queue: IndexedQueue, params: Params) -> Answer | None:
    count = params.get("MaxNumberOfMessages", 1)
    wait = params.get("WaitTimeSeconds", 0)
    visibility = params.get("VisibilityTimeout", queue.visibility_timeout)
    if not (queue.plain and params.keys() <= _RECEIVE_KEYS):
        return None
    if not (_within(count, 1, _BATCH) and _within(wait, 0, _LONGEST_WAIT)):
        return None
    if not _within(visibility, 0, MAXIMUM_VISIBILITY_TIMEOUT):
        return None
    names = {*params.get("AttributeNames", ()), *params.get("MessageSystemAttributeNames", ())}
    messages = queue.take(count, visibility)
    return {"Messages": [_described(message, names) for message in messages]} if messages else {}


def _described(message: Message, names: set[str]) -> Answer:
    described: Answer = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
    }
    if names:
        wanted = _SYSTEM_ATTRIBUTES if "All" in names else [name for name in _SYSTEM_ATTRIBUTES if name in names]
        values = {name: _SYSTEM_ATTRIBUTES[name](message) for name in wanted}
        described["Attributes"] = {name: value for name, value in values.items() if value is not None}
    return described


def _send(queue: IndexedQueue, params: Params) -> Answer | None:
    entries = params.get("Entries", ())
    if not 0 < len(entries) <= _BATCH or not all(_can_be_sent(entry, queue) for entry in entries):
        return None
    if len({entry["Id"] for entry in entries}) < len(entries):
        return None
    if sum(len(entry["MessageBody"]) for entry in entries) > MAXIMUM_MESSAGE_LENGTH:
        return None
    taken = [entry for entry in entries if _GROUP.fullmatch(entry.get("MessageGroupId", "none"))]
    sent = [(entry["Id"], _take_in(queue, entry)) for entry in taken]
    return {
        "Successful": [{"Id": id_, "MessageId": m.id, "MD5OfMessageBody": _md5(m.body)} for id_, m in sent],
        "Failed": [{"Id": entry["Id"], **_BAD_GROUP} for entry in entries if entry not in taken],
    }


def _take_in(queue: IndexedQueue, entry: Params) -> Message:
    attributes = entry.get("MessageSystemAttributes", {})
    return queue.send(entry["MessageBody"], entry.get("DelaySeconds"), entry.get("MessageGroupId"), attributes)


def _can_be_sent(entry: Params, queue: IndexedQueue) -> bool:
    if not entry.keys() <= _SEND_KEYS or not _BATCH_ID.fullmatch(entry.get("Id", "")):
        return False
    if not _within(entry.get("DelaySeconds", 0), 0, _LONGEST_DELAY):
        return False
    if not entry.get("MessageSystemAttributes", {}).keys() <= {"AWSTraceHeader"}:
        return False
    return 0 < len(entry.get("MessageBody", "")) <= queue.maximum_message_size


def _delete(queue: IndexedQueue, params: Params) -> Answer | None:
    entries = params.get("Entries", ())
    if not 0 < len(entries) <= _BATCH or any(entry.keys() != _DELETE_KEYS for entry in entries):
        return None
    handles = {entry["ReceiptHandle"] for entry in entries}
    if len(handles) < len(entries) or not all(queue.knows(handle) for handle in handles):
        return None
    for handle in handles:
        queue.delete_message(handle)
    return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}


_HOT: dict[str, Callable[[IndexedQueue, Params], Answer | None]] = {
    "ReceiveMessage": _receive,
    "SendMessageBatch": _send,
    "DeleteMessageBatch": _delete,
}
"""Each answers, or returns None before any effect: then moto does."""


def _within(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _json(answer: Answer) -> Reply:
    headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amzn-requestid", str(uuid.uuid4())),
    ]
    body = json.dumps(answer).encode()
    return Reply(200, [*headers, ("content-length", str(len(body)))], body)
