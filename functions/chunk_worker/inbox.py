"""The messages of a batch: which chunk each points to, and how long those that stay are held back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from functions.core.errors import MalformedMessage
from functions.core.logs import logger
from functions.core.messages import parse_chunk
from functions.core.model import ChunkHint, Claim
from functions.core.ports import Queues
from functions.core.sqs_event import Record

# After the 1st, 2nd, … delivery, in seconds. Together more than an hour before the 5th and last: an outage of an hour
# puts nothing into the dead-letter queue.
HOLD_BACK = (150, 600, 1_200, 1_800)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The records of an invocation, sorted out."""

    records: Sequence[Record]
    pointers: dict[str, ChunkHint]  # by message id
    malformed: list[str]

    @classmethod
    def of(cls, records: Sequence[Record]) -> Inbox:
        """Parse every message before anything else happens; one that does not parse fails alone."""
        pointers: dict[str, ChunkHint] = {}
        malformed: list[str] = []
        for record in records:
            try:
                pointers[record.message_id] = parse_chunk(record.body)
            except MalformedMessage as error:
                logger.error(
                    "a message is not one of ours", extra={"message_id": record.message_id, "error": str(error)}
                )
                malformed.append(record.message_id)
        return cls(records, pointers, malformed)

    @property
    def hints(self) -> list[ChunkHint]:
        """The chunks this batch points to, each once."""
        return list(dict.fromkeys(self.pointers.values()))

    def messages_of(self, claims: Iterable[Claim]) -> list[str]:
        """The ids of the messages that brought these chunks."""
        keys = {(claim.job_id, claim.chunk_index) for claim in claims}
        return [message_id for message_id, hint in self.pointers.items() if (hint.job_id, hint.chunk_index) in keys]

    async def hold_back(self, queues: Queues, message_ids: list[str]) -> list[str]:
        """Let these wait longer with each delivery; the same ids, for the answer."""
        kept = set(message_ids)
        await queues.hold_back(
            [
                (record.receipt_handle, HOLD_BACK[min(record.receive_count, len(HOLD_BACK)) - 1])
                for record in self.records
                if record.message_id in kept
            ]
        )
        return message_ids
