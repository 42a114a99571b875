"""Template, settings and rooms say the same; and each check is shown to see what it is there for."""

from __future__ import annotations

import pytest

from tests.infra import check_alarms, check_bucket, check_queues, check_rooms, check_stacks, check_ways
from tests.infra.checks import CHECKS
from tests.infra.world import Broken, Check, World

# ruff: noqa: E501 - a line a case
TEMPLATE, NETWORK, OBSERVABILITY = "template.yaml", "infra/network.yaml", "infra/observability.yaml"
DATABASE = "infra/database.yaml"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_template_settings_and_rooms_agree(check: Check, world: World) -> None:
    assert list(check(world)) == []


@pytest.mark.parametrize(
    ("check", "file", "change", "finding"),
    [
        (check_rooms.handlers, TEMPLATE, ("planner.handler.handler", "planner.handler.handle"), "planner.handler.handle is not there"),
        (check_rooms.handlers, TEMPLATE, ("planner.handler.handler", "plan.handler.handler"), "No module named 'functions.plan'"),
        (check_rooms.handlers, TEMPLATE, ("planner.handler.handler", "planner.handler.__name__"), "cannot be called"),
        (check_rooms.handlers, TEMPLATE, ("dead_letter.handler.handler", "api.handler.respond"), "the room dead_letter is no function"),
        (check_rooms.environment, TEMPLATE, ("PIECEWISE_OWNER_CLAIM", "PIECEWISE_OWNERS_CLAIM"), "Api: nobody there reads PIECEWISE_OWNERS_CLAIM"),
        (check_rooms.environment, TEMPLATE, ("POWERTOOLS_SERVICE_NAME:", "POWERTOOLS_SERVICE:"), "nobody reads POWERTOOLS_SERVICE"),
        (check_rooms.environment, TEMPLATE, ("PIECEWISE_MAX_RECEIVE_COUNT:", "PIECEWISE_MOST_RECEIVES:"), "Globals: nobody reads PIECEWISE_MOST_RECEIVES"),
        (check_rooms.environment, TEMPLATE, ("PIECEWISE_BUCKET:", "PIECEWISE_LEASE:"), "Api: PIECEWISE_BUCKET is not set, and Settings needs it"),
        (check_rooms.environment, TEMPLATE, ("PIECEWISE_DATABASE_ADMIN_SECRET:", "PIECEWISE_LEGACY_OWNER:"), "MigrateSettings needs it"),
        (check_queues.numbers, TEMPLATE, ("PIECEWISE_FUNCTION_TIMEOUT: !Ref FunctionTimeout", "PIECEWISE_FUNCTION_TIMEOUT: 300"), "not the same as ChunkWorker.Timeout"),
        (check_queues.numbers, TEMPLATE, ("maxReceiveCount: !Ref MaxReceiveCount", "maxReceiveCount: 6"), "not the same as PlanQueue.maxReceiveCount"),
        (check_queues.queues, TEMPLATE, ("      RedrivePolicy: {deadLetterTargetArn: !GetAtt PlanDead", "      X: {deadLetterTargetArn: !GetAtt PlanDead"), "PlanQueue has no dead-letter queue"),
        (check_queues.queues, TEMPLATE, ("Queue: !GetAtt FinalizeDeadLetterQueue.Arn", "Queue: !GetAtt ChunkDeadLetterQueue.Arn"), "FinalizeDeadLetterQueue: the function dead_letter does not read it"),
        (check_queues.queues, TEMPLATE, ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1209599"), "ChunkDeadLetterQueue keeps messages for 1209599 s"),
        (check_queues.queues, TEMPLATE, ("Queue: !GetAtt PlanQueue.Arn", "Queue: !GetAtt ChunkQueue.Arn"), "PlanQueue: no function reads it"),
        (check_queues.mappings, TEMPLATE, ('"900": {Seconds: 5460}', '"900": {Seconds: 5399}'), "5399 s, less than 6 x 900 (FunctionTimeout=900)"),
        (check_queues.mappings, TEMPLATE, ("Timeout: 60", "Timeout: 71"), "DeadLetter: piecewise-plan-dead-letter hides messages for 420 s"),
        (check_queues.mappings, TEMPLATE, ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []"), "ChunkWorker: the mapping of piecewise-chunk lacks ReportBatchItemFailures"),
        (check_queues.mappings, TEMPLATE, ("AllowedValues: [180,", "AllowedValues: [100, 180,"), "FunctionTimeout"),
        (check_queues.mappings, TEMPLATE, ("Timeout: 900", "Timeout: 901"), "Migrate: a timeout of 901 s is more than Lambda's"),
        (check_rooms.functions, TEMPLATE, ("Role: !GetAtt PlannerRole.Arn", "Role: !GetAtt ApiRole.Arn"), "Planner shares its role with Api"),
        (check_rooms.functions, TEMPLATE, ("LoggingConfig: {LogGroup: !Ref PlannerLogs}", "X: 1"), "Planner has no log group"),
        (check_rooms.functions, TEMPLATE, ("DependsOn: Migration", "DependsOn: []"), "Finalizer does not wait for Migration"),
        (check_alarms.alarms, OBSERVABILITY, ("Value: !Ref ChunkDeadLetterQueue", "Value: !Ref PlanDeadLetterQueue"), "no alarm looks at ChunkDeadLetterQueue"),
        (check_alarms.alarms, OBSERVABILITY, ("AlarmActions: [!Ref Topic]", "AlarmActions: []"), "no alarm looks at PlanDeadLetterQueue"),
        (check_alarms.alarms, OBSERVABILITY, ("MetricName: StuckJobs", "MetricName: StuckJob"), "StuckJobs looks at Piecewise StuckJob, which no code reports"),
        (check_alarms.alarms, OBSERVABILITY, ('[".", "ChunksFailed", ".", "."]', '[".", "ChunksLost", ".", "."]'), "Dashboard looks at Piecewise ChunksLost"),
        (check_alarms.alarms, OBSERVABILITY, ("{Name: service, Value: !Ref Service}", "{Name: stack, Value: !Ref Service}"), "by stack; the code reports it by service"),
        (check_alarms.service, TEMPLATE, ("Service: !Ref AWS::StackName", "Service: piecewise"), "Observability.Service is not the functions' POWERTOOLS_SERVICE_NAME"),
        (check_rooms.migration, TEMPLATE, ('Head: "', 'Head: "x'), "Alembic's head is"),
        (check_rooms.migration, TEMPLATE, ("piecewise_app@", "piecewise@"), "Api does not sign in as piecewise_app"),
        (check_rooms.migration, TEMPLATE, ("piecewise_app@", "piecewise_app:secret@"), "Api: a password stands in PIECEWISE_DATABASE_URL"),
        (check_stacks.nested_stacks, TEMPLATE, ("        Egress: !Ref Egress\n", "        Exit: !Ref Egress\n"), "Network is handed Exit, which network.yaml does not know"),
        (check_stacks.nested_stacks, TEMPLATE, ("        Egress: !Ref Egress\n", ""), "Network is not handed Egress, which network.yaml needs"),
        (check_stacks.nested_stacks, TEMPLATE, ("Database.Outputs.Host", "Database.Outputs.Address"), "database.yaml has no such output"),
        (check_stacks.nested_stacks, TEMPLATE, ("Database.Outputs.Host", "Postgres.Outputs.Host"), "there is no such stack"),
        (check_stacks.wildcards, TEMPLATE, ("          # X-Ray has no resources to name.\n", ""), 'Resource "*" without a reason beside it'),
        (check_stacks.wildcards, TEMPLATE, ('Action: "s3:ListBucket"', 'Action: "s3:*"'), "an action with a wildcard"),
        (check_stacks.preflight, TEMPLATE, ('RouteKey: "OPTIONS /{proxy+}"', 'RouteKey: "OPTIONS /v1"'), "preflights meet the authorizer"),
        (check_stacks.endpoints, NETWORK, ('"sqs:ChangeMessageVisibility", ', ""), "SqsEndpoint does not let sqs:ChangeMessageVisibility through"),
        (check_stacks.endpoints, NETWORK, ('"s3:AbortMultipartUpload"', '"s3:GetObjectTagging"'), "S3Endpoint does not let s3:AbortMultipartUpload through"),
        (check_stacks.endpoints, NETWORK, ('"s3:DeleteObjectVersion", ', ""), "S3Endpoint does not let s3:DeleteObjectVersion through"),
        (check_ways.ways, NETWORK, ("${AWS::Region}.sqs", "${AWS::Region}.sns"), "no endpoint for sqs"),
        (check_ways.ways, NETWORK, ("${AWS::Region}.secretsmanager", "${AWS::Region}.ssm"), "no endpoint for secretsmanager"),
        (check_ways.ways, NETWORK, ("${AWS::Region}.s3", "${AWS::Region}.s3express"), "no endpoint for s3"),
        (check_ways.ways, NETWORK, ("Resource: !Sub ${BucketArn}/*", "Resource: !Sub ${BucketArn}"), "does not lead to BucketArn"),
        (check_stacks.answers, NETWORK, ('- Region: !Join ["", !Split ["-", !Ref AWS::Region]]', "- Region: !Ref AWS::Region"), "region without dashes"),
        (check_ways.doors, DATABASE, ("DestinationSecurityGroupId: !Ref ClusterSecurityGroup", "DestinationSecurityGroupId: !Ref Nobody"), "ClusterSecurityGroup lets the functions in"),
        (check_ways.sign_in, DATABASE, ("EnableIAMDatabaseAuthentication: true", "EnableIAMDatabaseAuthentication: false"), "takes no IAM tokens"),
        (check_ways.sign_in, TEMPLATE, ("Database.Outputs.ClusterHost", "Database.Outputs.Host"), "does not connect to the cluster itself"),
        (check_ways.endings, TEMPLATE, ("Timeout: 29", "Timeout: 30"), "an HTTP API waits for 30"),
        (check_ways.endings, TEMPLATE, ("ServiceTimeout: 960", "ServiceTimeout: 900"), "gives Migration up"),
        (check_ways.endings, TEMPLATE, ("Database: !If [MakesDatabase, !GetAtt Database.Outputs.ClusterId", "Database: !If [MakesDatabase, made"), "a new one would stay empty"),
        (check_ways.front, TEMPLATE, ("FunctionName: !Ref Api\n", "FunctionName: !Ref Planner\n"), "may not call Api"),
        (check_ways.tls, TEMPLATE, ("!Ref FinalizeDeadLetterQueue]\n      PolicyDocument", "!Ref PlanQueue]\n      PolicyDocument"), "FinalizeDeadLetterQueue takes requests without TLS"),
        (check_ways.tls, TEMPLATE, ("aws:SecureTransport", "aws:SecureTransit"), "Documents takes requests without TLS"),
        (check_ways.key, TEMPLATE, ('!Sub "sqs.${AWS::Region}.amazonaws.com"', '!Sub "sns.${AWS::Region}.amazonaws.com"'), "does not let sqs use the key"),
        (check_bucket.lifecycle, TEMPLATE, ("DaysAfterInitiation: 2", "DaysAfterInitiation: 1"), "keeps unfinished multipart uploads for [1] days"),
        (check_bucket.lifecycle, TEMPLATE, ("Value: unclaimed}", "Value: claimed}"), "no rule for objects tagged piecewise=unclaimed"),
        (check_bucket.lifecycle, TEMPLATE, ("            ExpirationInDays: 7", "            ExpirationInDays: 1"), "that leaves them 86400 s"),
        (check_bucket.lifecycle, TEMPLATE, ("            Prefix: uploads/", "            Prefix: documents/"), "is not for uploads/"),
        (check_bucket.lifecycle, TEMPLATE, ("            AbortIncompleteMultipartUpload:", "            ExpirationInDays: 30\n            AbortIncompleteMultipartUpload:"), "lets objects go that a job may still need"),
        (check_bucket.lifecycle, TEMPLATE, ("            NoncurrentVersionExpiration: {NoncurrentDays: 1}\n", ""), "would keep earlier versions"),
        (check_bucket.pages, TEMPLATE, ("x-amz-checksum-sha256, x-amz-tagging]", "x-amz-tagging]"), "no page send x-amz-checksum-sha256"),
        (check_bucket.pages, TEMPLATE, ("AllowedOrigins: !Ref CorsOrigins", 'AllowedOrigins: ["*"]'), "pages of every origin upload"),
        (check_bucket.pages, TEMPLATE, ("AllowedMethods: [GET, HEAD]", "AllowedMethods: [GET]"), "follow a link to a result"),
        (check_bucket.pages, TEMPLATE, ("ExposedHeaders: [etag]", "ExposedHeaders: [date]"), "shows pages no ETag"),
        (check_stacks.answers, NETWORK, ("cloudformation-custom-resource-response-", "cloudformation-"), "the migration's answer to CloudFormation"),
    ],
)  # fmt: skip
def test_a_check_sees_what_it_is_there_for(
    broken: Broken, check: Check, file: str, change: tuple[str, str], finding: str
) -> None:
    found = list(check(broken(file, change)))
    assert any(finding in line for line in found), found
    assert all("\n" not in line for line in found)
