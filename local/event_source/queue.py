"""One queue as a poller sees it: named, never by a stored URL, and allowed to be away for a while."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from local.event_source.wire import SqsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from local.event_source.wire import Sqs

logger = logging.getLogger(__name__)

SQS_BATCH = 10  # the most that one call receives, deletes or changes

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class SourceQueue:
    """Receives, deletes and gives back. Safe to use from several threads; raises nothing that SQS raises."""

    def __init__(self, sqs: Sqs, name: str, stopping: threading.Event) -> None:
        """`stopping` ends the pauses that follow a failed call."""
        self._sqs = sqs
        self._name = name
        self._stopping = stopping
        self._where: tuple[str, str] | None = None
        self._failures = 0

    def receive(self, limit: int, wait: int) -> tuple[str, list[MessageTypeDef]]:
        """The queue's ARN and up to `limit` messages, waiting `wait` seconds for the first one.

        After a failed call, nothing, and a pause that grows.
        """
        try:
            url, arn = self._resolve()
            received = self._sqs.call(
                "ReceiveMessage",
                QueueUrl=url,
                MaxNumberOfMessages=min(limit, SQS_BATCH),
                WaitTimeSeconds=wait,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except SqsError as error:
            self._away(error)
            return "", []
        self._back()
        return arn, received.get("Messages", [])

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten messages; tries again for a few seconds when the queue is away."""
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)]
        for pause in (*_PAUSES[:-1], 0.0):
            try:
                answer = self._sqs.call("DeleteMessageBatch", QueueUrl=self._resolve()[0], Entries=entries)
            except SqsError as error:
                self._where = None
                problem: object = error
                self._stopping.wait(pause)
                continue
            if refused := answer.get("Failed"):
                logger.warning("%s did not delete %d messages: %s", self._name, len(refused), refused[0].get("Code"))
            return
        logger.warning("%s did not delete %d messages, they will come again: %s", self._name, len(entries), problem)

    def give_back(self, receipts: Sequence[str]) -> None:
        """Make messages visible again at once. Best effort: else their visibility timeout does it."""
        try:
            for start in range(0, len(receipts), SQS_BATCH):
                part = receipts[start : start + SQS_BATCH]
                entries = [
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(part)
                ]
                self._sqs.call("ChangeMessageVisibilityBatch", QueueUrl=self._resolve()[0], Entries=entries)
        except SqsError as error:
            logger.warning("%s did not take back %d messages: %s", self._name, len(receipts), error)

    def _resolve(self) -> tuple[str, str]:
        """URL and ARN. A queue that was away may be back under another address."""
        where = self._where
        if where is None:
            url = self._sqs.call("GetQueueUrl", QueueName=self._name)["QueueUrl"]
            answer = self._sqs.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
            where = self._where = (url, answer["Attributes"]["QueueArn"])
        return where

    def _away(self, error: Exception) -> None:
        if not self._failures and not self._stopping.is_set():
            logger.warning("%s does not answer, trying until it does: %s", self._name, error)
        self._where = None
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        self._stopping.wait(pause)

    def _back(self) -> None:
        if self._failures:
            logger.warning("%s answers again", self._name)
            self._failures = 0
