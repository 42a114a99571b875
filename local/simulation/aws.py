"""What the product's own SQS adapter talks to: a client with boto3's methods, as far as the adapter uses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from functions.core.messages import group_of
from local.simulation.faults import Fault, Faults
from local.simulation.queue import SimulatedQueue

T = TypeVar("T")


@dataclass
class SimulatedSqs:
    """boto3's SQS client over the simulated queues. A chunk's message that is not its owner's is a violation."""

    queues: Mapping[str, SimulatedQueue]
    faults: Faults
    random: Random
    owners: Mapping[str, str]  # by job
    violations: list[str]

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803 (boto3's names)
        """A URL that is the name."""
        return {"QueueUrl": QueueName}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Take all or some of the entries."""
        in_part = len(Entries) > 1 and self.faults.strikes(Fault.SEND_IN_PART)
        refused = [entry for entry in Entries if in_part and self.random.random() < 0.5]
        for entry in Entries:
            self._look(entry)
            if entry not in refused:
                self.queues[QueueUrl].send(entry["MessageBody"], entry.get("DelaySeconds", 0))
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in refused]}

    def _look(self, entry: Mapping[str, Any]) -> None:
        body = json.loads(entry["MessageBody"])
        if "chunk_index" in body and entry.get("MessageGroupId") != group_of(self.owners[body["job_id"]]):
            self.violations.append(f"a message of {body['job_id']} in the group {entry.get('MessageGroupId')!r}")

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803, ARG002
        """How many messages, approximately."""
        depth = self.queues[QueueUrl].depth()
        if self.faults.strikes(Fault.WRONG_DEPTH):
            depth = self.random.choice(((0, 0, 0), (1, 0, 0)))
        names = ("", "NotVisible", "Delayed")
        return {
            "Attributes": {
                f"ApproximateNumberOfMessages{name}": str(count) for name, count in zip(names, depth, strict=True)
            }
        }

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Hide messages for longer, or shorter."""
        for entry in Entries:
            self.queues[QueueUrl].hide(entry["ReceiptHandle"], entry["VisibilityTimeout"])
        return {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How requests to one service fail."""

    refused: Fault
    answer_lost: Fault

    def perform(self, call: Callable[[], T], faults: Faults) -> T:
        """The request, and what may become of it. Raises what botocore would."""
        if faults.strikes(self.refused):
            raise away()
        answer = call()
        if faults.strikes(self.answer_lost):
            raise ReadTimeoutError(endpoint_url="https://aws.example")
        return answer


SQS = Outcome(Fault.SEND_LOST, Fault.SEND_ANSWER_LOST)
S3 = Outcome(Fault.S3_REFUSED, Fault.S3_ANSWER_LOST)


def away() -> EndpointConnectionError:
    """What botocore raises when nobody answers."""
    return EndpointConnectionError(endpoint_url="https://aws.example")
