"""Whether the queues and the bucket that the settings name are there."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

from functions.core.aws import reason
from functions.core.errors import Misconfigured
from functions.core.settings import PREFIX, Settings


def check_places(settings: Settings) -> None:
    """Ask for each queue and the bucket by name. Raises Misconfigured naming the variable of one that is missing."""
    session = boto3.Session()
    sqs = session.client("sqs")
    for name in ("plan_queue", "chunk_queue", "finalize_queue"):
        queue: str = getattr(settings, name)
        try:
            sqs.get_queue_url(QueueName=queue)
        except ClientError as error:
            raise Misconfigured(f"{PREFIX}{name.upper()}: there is no queue {queue!r} ({reason(error)})") from None
    try:
        session.client("s3").head_bucket(Bucket=settings.bucket)
    except ClientError as error:
        raise Misconfigured(f"{PREFIX}BUCKET: there is no bucket {settings.bucket!r} ({reason(error)})") from None
