"""What a client sees of our server is what it sees of moto's own: each scenario runs against both."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import boto3

pytest_plugins = ["tests.fixtures.stock_moto"]

# What differs from one run to the next, and the ETag, which S3 promises to nobody as an MD5.
DRAWN = {
    "MessageId", "ReceiptHandle", "SentTimestamp", "ApproximateFirstReceiveTimestamp", "QueueUrl", "QueueArn",
    "CreatedTimestamp", "LastModifiedTimestamp", "ETag", "LastModified", "UploadId", "Owner", "Initiated",
    "CopyObjectResult",
}  # fmt: skip
STRICT = Config(parameter_validation=False, retries={"total_max_attempts": 1})

Seen = list[Any]
Scenario = Callable[["Queue"], Seen]


class Queue:
    """A queue with a dead letter queue, and everything a scenario does to it, as seen by the client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        name = f"q-{uuid.uuid4().hex}"
        self.grave = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=self.grave, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        made = client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600", "RedrivePolicy": redrive})
        self.name, self.url = name, made["QueueUrl"]

    def call(self, action: str, **params: Any) -> Any:
        return attempt(getattr(self.client, action), **{"QueueUrl": self.url, **params})

    def send(self, *bodies: str, **more: Any) -> Any:
        entries = [{"Id": str(n), "MessageBody": body, **more} for n, body in enumerate(bodies)]
        return self.call("send_message_batch", Entries=entries)

    def take(self, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        answer = self.call("receive_message", MaxNumberOfMessages=count, **more)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def delete(self, *handles: str) -> Any:
        entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        return self.call("delete_message_batch", Entries=entries)

    def counts(self) -> Any:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return self.call("get_queue_attributes", AttributeNames=[*names, "ApproximateNumberOfMessagesDelayed"])


def attempt(call: Callable[..., Any], **params: Any) -> Any:
    """The answer, or what the error says."""
    try:
        return call(**params)
    except ClientError as error:
        return {"error": error.response["Error"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}


def shape(seen: Any) -> Any:
    """What was seen without what is drawn anew each time."""
    if isinstance(seen, dict):
        kept = {key: value for key, value in seen.items() if key != "ResponseMetadata"}
        return {key: "drawn" if key in DRAWN else shape(value) for key, value in kept.items()}
    if isinstance(seen, list):
        return [shape(each) for each in seen]
    return seen.read() if hasattr(seen, "read") else seen


def receives_in_order_and_says_all(queue: Queue) -> Seen:
    sent = [queue.send(*(f"{batch}-{n}" for n in range(8))) for batch in range(2)]
    first = queue.take(MessageSystemAttributeNames=["All"])
    second = queue.take(AttributeNames=["ApproximateReceiveCount", "SentTimestamp"])
    return [sent, first, second, queue.take(), queue.counts()]


def receives_one_by_default(queue: Queue) -> Seen:
    queue.send("a", "b")
    return [queue.call("receive_message"), queue.call("receive_message", WaitTimeSeconds=0)]


def comes_back_with_a_higher_count(queue: Queue) -> Seen:
    queue.send("a", "b", "c")
    first = queue.take()
    handles = [message["ReceiptHandle"] for message in first]
    back = queue.call("change_message_visibility", ReceiptHandle=handles[1], VisibilityTimeout=0)
    entries = [{"Id": "0", "ReceiptHandle": handles[0], "VisibilityTimeout": 0}]
    batch = queue.call("change_message_visibility_batch", Entries=entries)
    again = queue.take(WaitTimeSeconds=1, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    return [back, batch, again, queue.counts(), queue.delete(*handles), queue.counts()]


def comes_back_when_its_timeout_ends(queue: Queue) -> Seen:
    queue.send("a")
    return [queue.take(VisibilityTimeout=1), queue.take(WaitTimeSeconds=5), queue.counts()]


def is_received_at_once_again_with_no_timeout(queue: Queue) -> Seen:
    queue.send("a", "b")
    return [queue.take(VisibilityTimeout=0), queue.counts(), queue.take(VisibilityTimeout=0)]


def dies_after_three_receives(queue: Queue) -> Seen:
    queue.send("a", "b")
    for _ in range(3):
        queue.take(VisibilityTimeout=0)
    empty = queue.take()
    buried = queue.take(QueueUrl=queue.grave, MessageSystemAttributeNames=["ApproximateReceiveCount", "SenderId"])
    deleted = [queue.call("delete_message", QueueUrl=queue.grave, ReceiptHandle=m["ReceiptHandle"]) for m in buried]
    return [empty, queue.counts(), buried, deleted, queue.take(QueueUrl=queue.grave)]


def keeps_its_id_in_the_grave(queue: Queue) -> Seen:
    queue.send("a")
    ids = [queue.take(VisibilityTimeout=0)[0]["MessageId"] for _ in range(3)]
    queue.take()
    return [len({*ids, queue.take(QueueUrl=queue.grave)[0]["MessageId"]})]


def waits_for_its_delay(queue: Queue) -> Seen:
    sent = queue.send("later", DelaySeconds=900)
    single = queue.call("send_message", MessageBody="now", DelaySeconds=0)
    return [sent, single, queue.take(), queue.counts(), queue.send("a", DelaySeconds=1), queue.take(WaitTimeSeconds=5)]


def deletes_by_any_handle_it_had(queue: Queue) -> Seen:
    queue.send("a", "b")
    old = [message["ReceiptHandle"] for message in queue.take(VisibilityTimeout=0)]
    new = [message["ReceiptHandle"] for message in queue.take()]
    deleted = queue.delete(old[0], new[1])
    again = [queue.delete(new[0]), queue.call("delete_message", ReceiptHandle=old[1])]
    return [deleted, again, queue.counts()]


def refuses_handles_that_are_not_its_own(queue: Queue) -> Seen:
    queue.send("a")
    handle = queue.take()[0]["ReceiptHandle"]
    return [
        queue.call("delete_message", ReceiptHandle="no handle"),
        queue.call("change_message_visibility", ReceiptHandle="no handle", VisibilityTimeout=3),
        queue.delete("no handle", handle),
        queue.counts(),
    ]


def refuses_bad_batches(queue: Queue) -> Seen:
    entry = {"Id": "1", "MessageBody": "a"}
    return [
        queue.send(*"abcdefghijk"),
        queue.call("send_message_batch", Entries=[]),
        queue.call("send_message_batch", Entries=[entry, entry]),
        queue.call("send_message_batch", Entries=[{**entry, "Id": "a b"}]),
        queue.call("send_message_batch", Entries=[{**entry, "DelaySeconds": 901}]),
        queue.call("send_message_batch", Entries=[{**entry, "MessageBody": "a" * 1_048_577}]),
        queue.call("delete_message_batch", Entries=[]),
        queue.call("delete_message_batch", Entries=[{"Id": str(n), "ReceiptHandle": "same"} for n in range(2)]),
        queue.counts(),
    ]


def refuses_values_out_of_range(queue: Queue) -> Seen:
    queue.send("a")
    handle = queue.take()[0]["ReceiptHandle"]
    return [
        queue.call("receive_message", MaxNumberOfMessages=11),
        queue.call("receive_message", MaxNumberOfMessages=0),
        queue.call("receive_message", WaitTimeSeconds=21),
        queue.call("receive_message", VisibilityTimeout=43_201),
        queue.call("change_message_visibility", ReceiptHandle=handle, VisibilityTimeout=43_200),
        queue.call("change_message_visibility", ReceiptHandle=handle, VisibilityTimeout=43_201),
    ]


def refuses_queues_that_are_not_there(queue: Queue) -> Seen:
    gone = queue.url + "-gone"
    return [
        queue.call("receive_message", QueueUrl=gone),
        queue.call("send_message_batch", QueueUrl=gone, Entries=[{"Id": "1", "MessageBody": "a"}]),
        queue.call("delete_message_batch", QueueUrl=gone, Entries=[{"Id": "1", "ReceiptHandle": "a"}]),
        queue.call("get_queue_attributes", AttributeNames=["Nonsense"]),
    ]


def carries_attributes(queue: Queue) -> Seen:
    own = {
        "kind": {"DataType": "String", "StringValue": "x"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = [
        queue.send("a", "b", MessageAttributes=own),
        queue.call("send_message", MessageBody="c", MessageAttributes=own, MessageSystemAttributes=trace),
    ]
    some = queue.take(1, MessageAttributeNames=["kind"])
    return [sent, some, queue.take(MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]), queue.counts()]


def carries_a_group(queue: Queue) -> Seen:
    sent = [queue.send("a", "b", MessageGroupId="client-1"), queue.call("send_message", MessageBody="c")]
    some = queue.take(1, MessageSystemAttributeNames=["MessageGroupId"])
    return [sent, some, queue.take(MessageSystemAttributeNames=["All"])]


def says_all_its_attributes(queue: Queue) -> Seen:
    queue.send("a", "b", "c")
    queue.take(1)
    all_of_them = queue.call("get_queue_attributes", AttributeNames=["All"])["Attributes"]
    return [{name: all_of_them[name] for name in all_of_them if name != "RedrivePolicy"}]


def is_empty_once_purged(queue: Queue) -> Seen:
    queue.send("a", "b")
    taken = queue.take(1)
    purged = [queue.call("purge_queue"), queue.take(), queue.counts(), queue.send("c"), queue.take()]
    return [taken, purged]


def is_created_once(queue: Queue) -> Seen:
    same = attempt(queue.client.create_queue, QueueName=queue.name, Attributes={"VisibilityTimeout": "600"})
    return [same, attempt(queue.client.create_queue, QueueName=queue.name, Attributes={"VisibilityTimeout": "5"})]


SCENARIOS: list[Scenario] = [
    receives_in_order_and_says_all,
    receives_one_by_default,
    comes_back_with_a_higher_count,
    comes_back_when_its_timeout_ends,
    is_received_at_once_again_with_no_timeout,
    dies_after_three_receives,
    keeps_its_id_in_the_grave,
    waits_for_its_delay,
    deletes_by_any_handle_it_had,
    refuses_handles_that_are_not_its_own,
    refuses_bad_batches,
    refuses_values_out_of_range,
    refuses_queues_that_are_not_there,
    carries_attributes,
    carries_a_group,
    says_all_its_attributes,
    is_empty_once_purged,
    is_created_once,
]


@pytest.fixture(scope="module")
def both(aws_session: boto3.Session, aws_endpoint: str, stock_endpoint: str) -> Iterator[Callable[[str], list[Any]]]:
    """Clients of a service: ours first, then moto's own."""
    made = []

    def clients(service: str) -> list[Any]:
        urls = (aws_endpoint, stock_endpoint)
        pair = [aws_session.client(service, endpoint_url=url, config=STRICT) for url in urls]  # type: ignore[call-overload]
        made.extend(pair)
        return pair

    yield clients
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def sqs_pair(both: Callable[[str], list[Any]]) -> list[Any]:
    return both("sqs")


@pytest.fixture(scope="module")
def s3_pair(both: Callable[[str], list[Any]]) -> list[Any]:
    return both("s3")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_queue_is_like_motos(sqs_pair: list[Any], scenario: Scenario) -> None:
    ours, stock = (shape(scenario(Queue(client))) for client in sqs_pair)
    assert ours == stock


BODY = bytes(range(256)) * 40
RANGES = ["0-0", "10-19", "10239-10239", "10000-99999", "5-", "-7", "10240-10250", "9-3", "0-10239", "x-y", "0-1,3-4"]


@pytest.mark.parametrize("span", RANGES)
def test_a_ranged_read_is_like_motos(s3_pair: list[Any], span: str) -> None:
    ours, stock = (shape(ranged(client, f"bytes={span}")) for client in s3_pair)
    assert ours == stock


def ranged(client: Any, span: str) -> Seen:
    bucket = f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a/b c+ü.txt", Body=BODY, ContentType="text/x", Metadata={"who": "me"})
    by_header = attempt(client.get_object, Bucket=bucket, Key="a/b c+ü.txt", Range=span)
    return [by_header, attempt(client.get_object, Bucket=bucket, Key="none", Range=span)]


def objects(client: Any) -> Seen:
    bucket, keys = f"b-{uuid.uuid4().hex}", [f"k/{n} ü%2F.txt" for n in range(3)]
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=keys[0], Body=BODY, ContentType="text/plain", CacheControl="no-store")
    copied = client.copy_object(Bucket=bucket, Key=keys[1], CopySource={"Bucket": bucket, "Key": keys[0]})
    upload = client.create_multipart_upload(Bucket=bucket, Key=keys[2], ContentType="text/markdown")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key=keys[2], UploadId=upload, PartNumber=1, Body=BODY)["ETag"]
    parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    client.complete_multipart_upload(Bucket=bucket, Key=keys[2], UploadId=upload, MultipartUpload=parts)
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    read = [client.get_object(Bucket=bucket, Key=key) for key in keys]
    heads = [client.head_object(Bucket=bucket, Key=key) for key in keys]
    deleted = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[:2]]})["Deleted"]
    left = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    none = attempt(client.get_object, Bucket=bucket, Key=keys[0])
    return [copied, listed, read, heads, sorted(each["Key"] for each in deleted), left, none]


def test_objects_are_like_motos(s3_pair: list[Any]) -> None:
    ours, stock = (shape(objects(client)) for client in s3_pair)
    assert ours == stock


def reads(client: Any) -> Seen:
    bucket = f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    etag = client.put_object(Bucket=bucket, Key="k", Body=BODY, Tagging="a=b")["ETag"]
    seen = []
    for span in ({}, {"Range": "bytes=0-9"}):
        for condition in (
            {"IfMatch": etag}, {"IfMatch": '"no"'}, {"IfNoneMatch": etag}, {"IfNoneMatch": '"no"'},
            {"IfModifiedSince": "2020-01-01"}, {"IfUnmodifiedSince": "2020-01-01"}, {"VersionId": "no"},
            {"ResponseContentType": "text/x"}, {"PartNumber": 1}, {"PartNumber": 2}, {"ChecksumMode": "ENABLED"},
        ):  # fmt: skip
            read = {"Bucket": bucket, "Key": "k", **span, **condition}
            seen += [attempt(client.get_object, **read), attempt(client.head_object, **read)]
    return seen


def test_reads_and_their_conditions_are_like_motos(s3_pair: list[Any]) -> None:
    ours, stock = (shape(reads(client)) for client in s3_pair)
    assert ours == stock


def tags_and_metadata(client: Any) -> Seen:
    bucket = f"b-{uuid.uuid4().hex}"
    where = {"Bucket": bucket, "Key": "k"}
    client.create_bucket(Bucket=bucket)
    client.put_object(Body=b"", Tagging="a=b&c=d", **where)
    seen = [client.get_object_tagging(**where), attempt(client.put_object, Body=b"", Tagging="aws:x=y", **where)]
    seen += [client.put_object_tagging(Tagging={"TagSet": [{"Key": "e", "Value": "f"}]}, **where)]
    seen += [client.get_object_tagging(**where), client.delete_object_tagging(**where)]
    seen += [client.get_object_tagging(**where), client.head_object(**where)]
    client.copy_object(CopySource=where, MetadataDirective="REPLACE", Metadata={"who": "me"}, **where)
    seen += [client.get_object(**where), attempt(client.put_object, Body=b"x", IfMatch="no", **where)]
    seen += [attempt(client.put_object, Body=b"x", IfNoneMatch="*", **where)]
    return [*seen, attempt(client.put_object, Body=b"x", StorageClass="no", **where), client.get_object(**where)]


def test_tags_and_metadata_are_like_motos(s3_pair: list[Any]) -> None:
    ours, stock = (shape(tags_and_metadata(client)) for client in s3_pair)
    assert ours == stock


def versions(client: Any) -> Seen:
    bucket = f"b-{uuid.uuid4().hex}"
    where = {"Bucket": bucket, "Key": "k"}
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = [client.put_object(Body=body, **where)["VersionId"] for body in (b"first", b"second")]
    seen = [client.get_object(VersionId=version, **where)["Body"].read() for version in made]
    client.delete_object(**where)
    seen += [attempt(client.get_object, **where), client.get_object(VersionId=made[0], **where)["Body"].read()]
    client.delete_object(VersionId=made[0], **where)
    return [*seen, attempt(client.head_object, VersionId=made[0], **where)]


def test_versions_are_like_motos(s3_pair: list[Any]) -> None:
    ours, stock = (shape(versions(client)) for client in s3_pair)
    assert ours == stock


def parts(client: Any) -> Seen:
    bucket = "parts-like-motos"
    where = {"Bucket": bucket, "Key": "k ü"}
    client.create_bucket(Bucket=bucket)
    made = client.create_multipart_upload(
        ContentType="text/markdown", ChecksumAlgorithm="CRC32", Tagging="a=b", Metadata={"who": "me"}, **where
    )
    where["UploadId"] = made["UploadId"]
    bodies = (b"a" * 5_242_880, b"the end")
    sent = [client.upload_part(PartNumber=n, Body=body, **where) for n, body in enumerate(bodies, 1)]
    listed = client.list_parts(**where)
    names = ("PartNumber", "Size", "ETag", "LastModified")
    listed["Parts"] = [{name: part[name] for name in names} for part in listed["Parts"]]  # moto lists no checksums
    chosen = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(sent, 1)]
    done = attempt(client.complete_multipart_upload, MultipartUpload={"Parts": chosen}, **where)
    del where["UploadId"]
    read = [client.get_object(ChecksumMode="ENABLED", **where), client.head_object(ChecksumMode="ENABLED", **where)]
    return [made, sent, listed, done, *read, client.get_object_tagging(**where)]


def test_parts_are_like_motos(s3_pair: list[Any]) -> None:
    ours, stock = (shape(parts(client)) for client in s3_pair)
    for seen in (ours, stock):
        for name in ("ChecksumAlgorithm", "MaxParts", "Initiator", "Owner"):
            seen[2].pop(name, None)
    assert ours == stock
