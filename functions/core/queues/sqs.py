"""The three queues in SQS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from functions.core.aws import ANY_FAILURE, client_config, reason
from functions.core.errors import Misconfigured, QueueUnavailable
from functions.core.logs import logger
from functions.core.messages import dump_chunk, dump_finalize, dump_plan, group_of
from functions.core.settings import PREFIX

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from functions.core.model import ChunkHint, PlanHint
    from functions.core.ports import Runner

BATCH = 10  # entries of a batch request at most: SQS's limit; ten pointers are far below its 1 MiB
SENDERS = 4  # batches of one send under way at once
SENDS = 3  # times a batch is sent, without the entries that SQS has taken
_COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

_MISSING = {  # GetQueueUrl's codes; a role that names its queues gets the last one for every other name
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "AccessDenied",
}

T = TypeVar("T")


def untraced() -> None:
    """The trace where nothing is traced."""


def make_sqs(session: boto3.Session, *, endpoint_url: str | None = None, connections: int = 10) -> SQSClient:
    """A client for `SqsQueues`; `connections`: how many threads may use it at once."""
    config = client_config(connections=connections, read_timeout=6)
    return session.client("sqs", endpoint_url=endpoint_url, config=config)


class SqsQueues:
    """`ports.Queues` over boto3. Queues are given by name: a URL belongs to the address one came by.

    `trace`: the X-Ray header of the invocation under way; each message carries it as `AWSTraceHeader`, from where
    Lambda links the invocation that it leads to ("Amazon SQS and AWS X-Ray" in the X-Ray Developer Guide).
    """

    def __init__(
        self,
        client: SQSClient,
        runner: Runner,
        *,
        plan_queue: str,
        chunk_queue: str,
        finalize_queue: str,
        trace: Callable[[], str | None] = untraced,
    ) -> None:
        self._client = client
        self._runner = runner
        self._plan_queue = plan_queue
        self._chunk_queue = chunk_queue
        self._finalize_queue = finalize_queue
        self._trace = trace
        self._checked = False
        self._urls: dict[str, str] = {}
        self._lock = Lock()

    async def check(self) -> None:
        """Find the queues that a request sends to, once. Raises Misconfigured; an SQS that is away is no reason to."""
        if self._checked:
            return
        try:
            await self._runner(self._find)
        except ANY_FAILURE as error:
            logger.warning("the queues were not checked", extra={"reason": reason(error)})
        self._checked = True

    async def send_chunks(self, hints: Sequence[ChunkHint], *, delay: int = 0) -> None:
        """One message a chunk, `BATCH` a request, `SENDERS` requests at once; `delay` in whole seconds, at most 900.

        Raises QueueUnavailable when at least one was not taken; the others may have been.
        """
        batches = _batches(hints)
        senders = [self._send_batches(batches, delay) for _ in range(min(SENDERS, -(-len(hints) // BATCH)))]
        for failure in await asyncio.gather(*senders, return_exceptions=True):
            if failure is not None:
                raise failure

    async def send_plan(self, hint: PlanHint) -> None:
        """Ask for a job's plan. Raises QueueUnavailable."""
        await self._send(self._plan_queue, [{"Id": "0", "MessageBody": dump_plan(hint)}])

    async def send_finalize(self, job_id: str, run: int) -> None:
        """Ask for a job's result to be put together. Raises QueueUnavailable."""
        await self._send(self._finalize_queue, [{"Id": "0", "MessageBody": dump_finalize(job_id, run)}])

    async def chunk_queue_is_empty(self) -> bool:
        """Whether visible, in flight and delayed are all 0, which SQS tells approximately. Raises QueueUnavailable."""
        return await self._call("GetQueueAttributes", self._count_chunks) == 0

    async def hold_back(self, receipt_handles: Sequence[tuple[str, int]]) -> None:
        """Set the visibility timeout (seconds, at most 43,200) of chunk messages; what fails keeps the queue's own."""
        for batch in _batches(receipt_handles):
            try:
                await self._call("ChangeMessageVisibilityBatch", partial(self._hide, batch))
            except QueueUnavailable as error:
                logger.warning("messages come back by the queue's own timeout", extra={"error": str(error)})

    async def _send_batches(self, batches: Iterator[Sequence[ChunkHint]], delay: int) -> None:
        """Take batches until there are none, together with the other senders."""
        for batch in batches:
            await self._send(self._chunk_queue, [_entry(number, hint, delay) for number, hint in enumerate(batch)])

    async def _send(self, queue: str, entries: Sequence[SendMessageBatchRequestEntryTypeDef]) -> None:
        if trace := self._trace():
            for entry in entries:
                entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
        await self._call("SendMessageBatch", lambda: self._send_entries(queue, entries))

    async def _call(self, operation: str, call: Callable[[], T]) -> T:
        try:
            return await self._runner(call)
        except ANY_FAILURE as error:
            raise QueueUnavailable(f"SQS {operation}: {reason(error)}") from error

    # -- on the runner's threads

    def _find(self) -> None:
        for setting, queue in (("PLAN_QUEUE", self._plan_queue), ("CHUNK_QUEUE", self._chunk_queue)):
            try:
                self._url(queue)
            except ClientError as error:
                if reason(error) in _MISSING:
                    raise Misconfigured(f"{PREFIX}{setting}: there is no queue {queue!r} for this function") from None
                raise

    def _send_entries(self, queue: str, entries: Sequence[SendMessageBatchRequestEntryTypeDef]) -> None:
        """A batch may be taken in part (the answer is 200 all the same): send the rest again."""
        url = self._url(queue)
        codes: list[str] = []
        for _ in range(SENDS):
            answer = self._client.send_message_batch(QueueUrl=url, Entries=entries)
            codes = sorted({entry["Code"] for entry in answer.get("Failed", [])})
            refused = {entry["Id"] for entry in answer.get("Failed", [])}
            entries = [entry for entry in entries if entry["Id"] in refused]
            if not entries:
                return
        raise QueueUnavailable(f"SQS SendMessageBatch: {len(entries)} entries not taken: {', '.join(codes)}")

    def _count_chunks(self) -> int:
        url = self._url(self._chunk_queue)
        answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)

    def _hide(self, batch: Sequence[tuple[str, int]]) -> None:
        self._client.change_message_visibility_batch(
            QueueUrl=self._url(self._chunk_queue),
            Entries=[
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, (handle, seconds) in enumerate(batch)
            ],
        )

    def _url(self, queue: str) -> str:
        with self._lock:
            if queue not in self._urls:
                self._urls[queue] = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
            return self._urls[queue]


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _entry(number: int, hint: ChunkHint, delay: int) -> SendMessageBatchRequestEntryTypeDef:
    if hint.owner is None:
        raise ValueError(f"a message for chunk {hint.chunk_index} of job {hint.job_id} that says nothing of its owner")
    return {
        "Id": str(number),
        "MessageBody": dump_chunk(hint),
        "DelaySeconds": delay,
        "MessageGroupId": group_of(hint.owner),
    }
