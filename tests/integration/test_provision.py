"""The template's queues and bucket, created in the emulated AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.moto.server import start_in_thread
from local.provision import provision
from local.templates.laptop import load_template

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

DEPLOYMENT = load_template()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of its own: the deployment's names are the same in every test."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with start_in_thread() as server:
        yield server.endpoint_url


@pytest.fixture
def queues(aws_session: boto3.Session, endpoint: str) -> Iterator[SQSClient]:
    client: SQSClient = aws_session.client("sqs", endpoint_url=endpoint)
    yield client
    client.close()


@pytest.fixture
def buckets(aws_session: boto3.Session, endpoint: str) -> Iterator[S3Client]:
    client: S3Client = aws_session.client("s3", endpoint_url=endpoint)
    yield client
    client.close()


def attributes(queues: SQSClient, name: str) -> dict[str, str]:
    url = queues.get_queue_url(QueueName=name)["QueueUrl"]
    found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {str(key): value for key, value in found.items()}


def test_every_queue_is_set_up_as_the_template_says(endpoint: str, queues: SQSClient) -> None:
    provision(endpoint, DEPLOYMENT)
    for queue in DEPLOYMENT.queues.values():
        found = attributes(queues, queue.name)
        assert found["VisibilityTimeout"] == str(queue.visibility_timeout)
        assert found["MessageRetentionPeriod"] == str(queue.retention)


def test_a_queue_redrives_to_its_own_dead_letters(endpoint: str, queues: SQSClient) -> None:
    provision(endpoint, DEPLOYMENT)
    for queue in (queue for queue in DEPLOYMENT.queues.values() if queue.dead_letter):
        assert queue.dead_letter is not None
        policy = json.loads(attributes(queues, queue.name)["RedrivePolicy"])
        assert policy["maxReceiveCount"] == 5
        assert policy["deadLetterTargetArn"].endswith(f":{DEPLOYMENT.queues[queue.dead_letter].name}")


def test_provisioning_again_keeps_messages_and_objects(endpoint: str, queues: SQSClient, buckets: S3Client) -> None:
    provision(endpoint, DEPLOYMENT)
    url = queues.get_queue_url(QueueName="piecewise-chunk")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="{}")
    buckets.put_object(Bucket=DEPLOYMENT.bucket, Key="documents/one", Body=b"text")
    provision(endpoint, DEPLOYMENT)
    assert attributes(queues, "piecewise-chunk")["ApproximateNumberOfMessages"] == "1"
    assert buckets.get_object(Bucket=DEPLOYMENT.bucket, Key="documents/one")["Body"].read() == b"text"


def test_a_queue_that_is_set_up_differently_is_refused(endpoint: str, queues: SQSClient) -> None:
    queues.create_queue(QueueName="piecewise-chunk", Attributes={"VisibilityTimeout": "7"})
    with pytest.raises(ClientError, match="QueueAlreadyExists"):
        provision(endpoint, DEPLOYMENT)
