"""Whether what the rooms call can be reached, and a deploy comes to an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functions.core.settings import PREFIX
from local.templates.intrinsics import Call
from local.templates.written import QUEUE
from tests.infra.check_stacks import service_of
from tests.infra.expressions import named, walk
from tests.infra.world import World

_ENDPOINT = "AWS::EC2::VPCEndpoint"
_BEHIND = {"sqs", "s3", "secretsmanager", "bedrock"}  # the others are asked by nobody over the network
_POSTGRES = 5432
_HTTP_API_SECONDS = 30  # what an HTTP API waits for an integration


def ways(world: World) -> Iterator[str]:
    """A VPC without a way out has an endpoint for every service that the rooms' code calls."""
    endpoints = world.nested["Network"].of_type(_ENDPOINT).values()
    called = {
        need.action.partition(":")[0] for room in world.root.functions for need in world.needs.of(room) if need.by_code
    }
    for service in sorted((called & _BEHIND) - {service_of(endpoint) for endpoint in endpoints}):
        yield f"Network has no endpoint for {service}, which the rooms call"
    for endpoint in endpoints:
        resources = [statement["Resource"] for statement in endpoint["PolicyDocument"]["Statement"]]
        if service_of(endpoint) == "s3" and not {"BucketArn", "BucketArn/*"} <= named(resources):
            yield "the endpoint of s3 does not lead to BucketArn and what is in it"


def doors(world: World) -> Iterator[str]:
    """Every door to a Postgres that lets the functions in is one that they are let out to."""
    for file in world.nested.values():
        out = {name for rule in file.of_type("AWS::EC2::SecurityGroupEgress").values() if _is_postgres(rule)
               for name in named(rule["DestinationSecurityGroupId"])}  # fmt: skip
        for logical_id, group in file.of_type("AWS::EC2::SecurityGroup").items():
            admitted = {name for rule in group.get("SecurityGroupIngress", ()) if _is_postgres(rule)
                        for name in named(rule.get("SourceSecurityGroupId"))}  # fmt: skip
            if "FunctionSecurityGroupId" in admitted and not named(Call("GetAtt", [logical_id, "Arn"])) & out:
                yield f"{logical_id} lets the functions in, and nothing lets them out to it"


def _is_postgres(rule: Mapping[str, Any]) -> bool:
    return rule.get("FromPort") in (_POSTGRES, Call("Ref", "DatabasePort"))


def sign_in(world: World) -> Iterator[str]:
    """The cluster takes IAM tokens, and migrations go to it, not to the proxy."""
    for logical_id, cluster in world.nested["Database"].of_type("AWS::RDS::DBCluster").items():
        if cluster.get("EnableIAMDatabaseAuthentication") is not True:
            yield f"{logical_id} takes no IAM tokens"
    url = world.root.functions["migrate"].environment[f"{PREFIX}DATABASE_URL"]
    if "Database.Outputs.ClusterHost" not in {
        ".".join(part.argument) for part in walk(url) if isinstance(part, Call) and part.name == "GetAtt"
    }:
        yield "Migrate does not connect to the cluster itself"


def endings(world: World) -> Iterator[str]:
    """Nobody is waited for longer than he may take, and another database is migrated too."""
    functions, migration = world.root.functions, world.root.resources["Migration"]["Properties"]
    if functions["api"].properties["Timeout"] >= _HTTP_API_SECONDS:
        yield f"Api may take {functions['api'].properties['Timeout']} s, and an HTTP API waits for {_HTTP_API_SECONDS}"
    if migration.get("ServiceTimeout", 0) <= functions["migrate"].properties["Timeout"]:
        yield "CloudFormation gives Migration up before the function ends"
    if "ClusterId" not in str(migration.get("Database")):
        yield "Migration has no property that changes with the database, so a new one would stay empty"


def front(world: World) -> Iterator[str]:
    """API Gateway may call the function behind it."""
    permissions = world.root.of_type("AWS::Lambda::Permission").values()
    callers = {name for each in permissions if each["Principal"] == "apigateway.amazonaws.com"
               for name in named(each["FunctionName"])}  # fmt: skip
    if "Api" not in callers:
        yield "API Gateway may not call Api"


def tls(world: World) -> Iterator[str]:
    """Queues and bucket refuse whoever comes without TLS."""
    guarded = {
        name
        for kind, place in (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::S3::BucketPolicy", "Bucket"))
        for policy in world.root.of_type(kind).values()
        if any(_refuses_plain(statement) for statement in policy["PolicyDocument"]["Statement"])
        for name in named(policy[place])
    }
    for logical_id in (*world.root.of_type(QUEUE), *world.root.of_type("AWS::S3::Bucket")):
        if logical_id not in guarded:
            yield f"{logical_id} takes requests without TLS"


def _refuses_plain(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {})
    return bool(statement["Effect"] == "Deny" and condition.get("aws:SecureTransport") == "false")


def key(world: World) -> Iterator[str]:
    """The right to the key holds where the services that use it for us stand."""
    (basics,) = (
        policy for name, policy in world.root.of_type("AWS::IAM::ManagedPolicy").items() if name == "FunctionBasics"
    )
    conditions = [part for part in walk(basics) if isinstance(part, Mapping) and "kms:ViaService" in part]
    via = {name.partition(".")[0] for condition in conditions for name in named(condition["kms:ViaService"])}
    for service in sorted({"sqs", "s3", "secretsmanager"} - via):
        yield f"FunctionBasics does not let {service} use the key"
