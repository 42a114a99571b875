"""Each role allows what its room's code can call, and nothing else; and the comparison is shown to see both."""

from __future__ import annotations

import pytest

from local.templates.written import read_template
from tests.infra.code import Place
from tests.infra.grants import Grant, grants_of
from tests.infra.world import Broken, World

ROOMS = sorted(read_template().functions)
# ruff: noqa: E501 - a line a case


def missing(world: World, room: str) -> list[str]:
    """What the room calls and may not."""
    granted = {(grant.action, grant.resource) for grant in _grants(world, room) if not grant.denied}
    return [
        f"{room}: {need.action} on {need.resource} is missing, for {need.why}"
        for need in sorted(world.needs.of(room))
        if (need.action, need.resource) not in granted
    ]


def unused(world: World, room: str) -> list[str]:
    """What the room may and never does."""
    needed = {(need.action, need.resource) for need in world.needs.of(room)}
    return [
        f"{room}: {grant.action} on {grant.resource} is granted, and never used"
        for grant in sorted(_grants(world, room))
        if not grant.denied and (grant.action, grant.resource) not in needed
    ]


def denied(world: World, room: str) -> list[str]:
    """What the room's code calls and is forbidden after all."""
    calls = {need.action for need in world.needs.of(room) if need.by_code}
    return [
        f"{room}: {grant.action} is denied"
        for grant in sorted(_grants(world, room))
        if grant.denied and grant.action in calls
    ]


def _grants(world: World, room: str) -> set[Grant]:
    return grants_of(world.root, world.root.functions[room])


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_may_do_what_it_calls(world: World, room: str) -> None:
    assert [*missing(world, room), *denied(world, room)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_may_do_nothing_else(world: World, room: str) -> None:
    assert unused(world, room) == []


def test_every_call_of_aws_in_the_code_is_seen_from_some_room(world: World) -> None:
    assert world.needs.unreached() == set()


def test_what_rooms_need_is_read_from_the_code(world: World) -> None:
    of = {room: {(need.action, need.resource) for need in world.needs.of(room)} for room in ROOMS}
    assert ("sqs:SendMessage", "PlanQueue") in of["api"]
    assert ("sqs:SendMessage", "FinalizeQueue") not in of["api"]
    assert ("s3:PutObject", "Documents/documents/*") in of["api"]
    assert ("s3:PutObject", "Documents/results/*") in of["finalizer"]
    assert ("s3:AbortMultipartUpload", "Documents/results/*") in of["finalizer"]
    assert ("s3:PutObjectTagging", "Documents/results/*") not in of["finalizer"]
    assert ("s3:PutObjectTagging", "Documents/uploads/*") in of["api"]
    assert ("s3:GetObjectVersion", "Documents/uploads/*") in of["chunk_worker"]
    assert ("s3:GetObjectVersion", "Documents/results/*") not in of["api"]
    assert ("s3:DeleteObjectTagging", "Documents/uploads/*") in of["planner"]
    assert ("s3:DeleteObjectTagging", "Documents/documents/*") not in of["planner"]
    assert {resource for action, resource in of["reconciler"] if action == "s3:DeleteObjectVersion"} == {
        "Documents/documents/*",
        "Documents/results/*",
        "Documents/uploads/*",
    }
    assert ("sqs:ChangeMessageVisibility", "ChunkQueue") in of["chunk_worker"]
    assert ("s3:ListBucket", "Documents") in of["planner"]
    assert ("rds-db:connect", "dbuser/piecewise_app") in of["dead_letter"]
    assert {room for room in ROOMS if any(action.startswith("bedrock:") for action, _ in of[room])} == {"chunk_worker"}
    assert {room for room in ROOMS if ("secretsmanager:GetSecretValue", "ModelApiKeySecretArn") in of[room]} == {
        "chunk_worker"
    }
    assert {room for room in ROOMS if not any(action == "rds-db:connect" for action, _ in of[room])} == {"migrate"}


@pytest.mark.parametrize(
    ("room", "change", "finding"),
    [
        ("api", ('Action: "s3:PutObject", Resource: !Sub "${Documents.Arn}/documents/*"', 'Action: "s3:PutObject", Resource: !Sub "${Documents.Arn}/uploads/*"'), "s3:PutObject on Documents/documents/* is missing"),
        ("api", ('"s3:PutObjectTagging", ', ""), "s3:PutObjectTagging on Documents/uploads/* is missing"),
        ("api", (', "s3:ListMultipartUploadParts"]', "]"), "s3:ListMultipartUploadParts on Documents/uploads/* is missing"),
        ("api", ('"s3:DeleteObjectVersion", ', ""), "s3:DeleteObjectVersion on Documents/uploads/* is missing"),
        ("planner", ('["s3:GetObject", "s3:GetObjectVersion"]', '"s3:GetObject"'), "s3:GetObjectVersion on Documents/uploads/* is missing"),
        ("planner", ('"s3:DeleteObjectVersionTagging"', '"s3:GetObjectVersionTagging"'), "s3:DeleteObjectVersionTagging on Documents/uploads/* is missing"),
        ("planner", ('["s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]', '["s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]'), "s3:PutObject on Documents/documents/* is missing"),
        ("chunk_worker", ('[!Sub "${Documents.Arn}/documents/*", !Sub "${Documents.Arn}/uploads/*"]', '!Sub "${Documents.Arn}/documents/*"'), "s3:GetObject on Documents/uploads/* is missing"),
        ("reconciler", ('!Sub "${Documents.Arn}/results/*", !Sub "${Documents.Arn}/uploads/*"', '!Sub "${Documents.Arn}/uploads/*"'), "s3:DeleteObject on Documents/results/* is missing"),
        ("api", ("Resource: [!GetAtt PlanQueue.Arn, !GetAtt ChunkQueue.Arn]}", "Resource: [!GetAtt ChunkQueue.Arn]}"), "sqs:SendMessage on PlanQueue is missing"),
        ("api", ("${Documents.Arn}/documents/*", "${Documents.Arn}/document/*"), "s3:PutObject on Documents/documents/* is missing"),
        ("chunk_worker", (', "sqs:ChangeMessageVisibility"]', "]"), "sqs:ChangeMessageVisibility on ChunkQueue is missing"),
        ("chunk_worker", ('"secretsmanager:GetSecretValue", Resource: !Ref ModelApiKeySecretArn', '"secretsmanager:GetSecretValue", Resource: !Ref DatabaseAdminSecretArn'), "GetSecretValue on ModelApiKeySecretArn is missing"),
        ("chunk_worker", ('Action: "bedrock:InvokeModel"', 'Action: "bedrock:InvokeModelWithResponseStream"'), "bedrock:InvokeModel on BedrockModelArns is missing"),
        ("planner", ('Action: "s3:ListBucket"', 'Action: "s3:ListBucketVersions"'), "s3:ListBucket on Documents is missing, for to tell a missing object"),
        ("planner", ("Action: rds-db:connect", "Action: rds:connect"), "rds-db:connect on dbuser/piecewise_app is missing"),
        ("planner", ("dbuser:${Id}/piecewise_app", "dbuser:${Id}/piecewise"), "rds-db:connect on dbuser/piecewise_app is missing"),
        ("finalizer", ('"sqs:DeleteMessage", ', ""), "sqs:DeleteMessage on FinalizeQueue is missing, for its event source"),
        ("finalizer", ("Resource: !GetAtt FinalizerLogs.Arn", "Resource: !GetAtt PlannerLogs.Arn"), "logs:PutLogEvents on FinalizerLogs is missing"),
        ("dead_letter", ('"kms:GenerateDataKey"', '"kms:Encrypt"'), "kms:GenerateDataKey on KmsKeyArn is missing"),
        ("reconciler", ('Action: "sqs:GetQueueAttributes"', 'Action: "sqs:ListQueueTags"'), "sqs:GetQueueAttributes on ChunkQueue is missing"),
        ("reconciler", ('"xray:PutTraceSegments", ', ""), "xray:PutTraceSegments on * is missing, for tracing"),
        ("migrate", ('"ec2:CreateNetworkInterface", ', ""), "ec2:CreateNetworkInterface on * is missing, for a place in the VPC"),
    ],
)  # fmt: skip
def test_a_right_that_is_missing_is_seen(broken: Broken, room: str, change: tuple[str, str], finding: str) -> None:
    found = missing(broken("template.yaml", change), room)
    assert any(finding in line for line in found), found


@pytest.mark.parametrize(
    ("room", "change", "finding"),
    [
        ("api", ('["sqs:GetQueueUrl", "sqs:SendMessage"]', '["sqs:GetQueueUrl", "sqs:SendMessage", "sqs:PurgeQueue"]'), "api: sqs:PurgeQueue on ChunkQueue is granted"),
        ("api", ("Resource: [!GetAtt PlanQueue.Arn, !GetAtt ChunkQueue.Arn]}", "Resource: [!GetAtt PlanQueue.Arn, !GetAtt ChunkQueue.Arn, !GetAtt FinalizeQueue.Arn]}"), "api: sqs:SendMessage on FinalizeQueue is granted"),
        ("planner", ('[!Sub "${Documents.Arn}/documents/*", !Sub "${Documents.Arn}/uploads/*"]', '!Sub "${Documents.Arn}/*"'), "planner: s3:GetObject on Documents/* is granted"),
        ("planner", ('Action: ["s3:DeleteObjectTagging",', 'Action: ["s3:PutObjectTagging", "s3:DeleteObjectTagging",'), "planner: s3:PutObjectTagging on Documents/uploads/* is granted"),
        ("chunk_worker", ('[!Sub "${Documents.Arn}/documents/*", !Sub "${Documents.Arn}/uploads/*"]', '[!Sub "${Documents.Arn}/documents/*", !Sub "${Documents.Arn}/uploads/*", !Sub "${Documents.Arn}/results/*"]'), "chunk_worker: s3:GetObject on Documents/results/* is granted"),
        ("finalizer", ('"s3:AbortMultipartUpload", "s3:DeleteObject"]', '"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject"]'), "finalizer: s3:GetObject on Documents/results/* is granted"),
        ("migrate", ("ManagedPolicyArns: [!Ref FunctionBasics]", "ManagedPolicyArns: [!Ref FunctionBasics, !Ref DatabaseUser]"), "migrate: rds-db:connect on dbuser/piecewise_app is granted"),
    ],
)  # fmt: skip
def test_a_right_that_nobody_uses_is_seen(broken: Broken, room: str, change: tuple[str, str], finding: str) -> None:
    found = unused(broken("template.yaml", change), room)
    assert any(finding in line for line in found), found


def test_a_right_that_is_taken_away_again_is_seen(broken: Broken) -> None:
    world = broken("template.yaml", ('Action: ["ec2:CreateNetworkInterface", "ec2', 'Action: ["sqs:SendMessage", "ec2'))
    assert "api: sqs:SendMessage is denied" in denied(world, "api")


def test_a_call_behind_a_new_port_method_is_followed(world: World) -> None:
    reached = world.needs.reach(world.root.functions["chunk_worker"])
    assert Place("functions.core.queues.sqs", "SqsQueues.hold_back") in reached
    assert Place("functions.core.documents.s3", "S3Documents.put") not in reached
