"""Creates a deployment's queues and bucket in the emulated AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from local.templates.deployment import Deployment, QueueSpec

_KEY = "piecewise"  # any pair of keys will do, and the user's own stay out of it
_REGION = "us-east-1"


def provision(endpoint_url: str, deployment: Deployment) -> None:
    """Queues (those that others redrive to first), their redrive policies, and the bucket; again changes nothing.

    Queues belong to a region: the environment's, in which the functions look for them. Raises botocore's ClientError
    when a queue of that name is set up differently.
    """
    session = boto3.Session(_KEY, _KEY)
    sqs: SQSClient = session.client("sqs", session.region_name or _REGION, endpoint_url=endpoint_url)
    for queue in sorted(deployment.queues.values(), key=lambda queue: queue.dead_letter is not None):
        _create_queue(sqs, queue, deployment)
    s3: S3Client = session.client("s3", _REGION, endpoint_url=endpoint_url)
    _create_bucket(s3, deployment.bucket)
    sqs.close()
    s3.close()


def _create_queue(sqs: SQSClient, queue: QueueSpec, deployment: Deployment) -> None:
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": str(queue.visibility_timeout),
        "MessageRetentionPeriod": str(queue.retention),
    }
    if queue.dead_letter is not None:
        attributes["RedrivePolicy"] = json.dumps(
            {
                "deadLetterTargetArn": _arn(sqs, deployment.queues[queue.dead_letter].name),
                "maxReceiveCount": queue.max_receive_count,
            }
        )
    sqs.create_queue(QueueName=queue.name, Attributes=attributes)


def _arn(sqs: SQSClient, name: str) -> str:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _create_bucket(s3: S3Client, name: str) -> None:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        s3.create_bucket(Bucket=name)
