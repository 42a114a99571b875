"""Lambda's SQS event source mappings, on one machine."""

from local.event_source.mapping import EventSourceMapping, MappingLike
from local.event_source.wire import Sqs

__all__ = ["EventSourceMapping", "MappingLike", "Sqs"]
