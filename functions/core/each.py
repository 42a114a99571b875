"""One message after the other, each failing alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from functions.core.errors import MalformedMessage, Retryable
from functions.core.logs import bug, logger
from functions.core.sqs_event import BatchResponse, Record, batch_response


async def each(batch: Sequence[Record], work: Callable[[Record], Awaitable[None]]) -> BatchResponse:
    """Work on every record; those that raised stay in the queue."""
    return batch_response([record.message_id for record in batch if not await _fine(record, work)])


async def _fine(record: Record, work: Callable[[Record], Awaitable[None]]) -> bool:
    about: dict[str, object] = {"message_id": record.message_id, "receive_count": record.receive_count}
    try:
        await work(record)
    except MalformedMessage as error:
        logger.error("a message is not one of ours", extra={**about, "error": str(error)})
        return False
    except Retryable as error:
        logger.error("a message stays in its queue", extra={**about, "error": str(error)})
        return False
    except Exception as error:  # noqa: BLE001 (the other messages of the batch are not to blame)
        logger.error("a message met a bug", extra={**about, **bug(error)})
        return False
    return True
