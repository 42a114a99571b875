"""Lambda's SQS event source mappings, on one machine."""

from local.event_source.mapping import EventSourceMapping, MappingLike
from local.event_source.queue import sqs_client

__all__ = ["EventSourceMapping", "MappingLike", "sqs_client"]
