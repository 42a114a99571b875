"""What stacks hand to one another, and whom they let through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.templates.intrinsics import Call
from local.templates.written import NESTED, Template
from tests.infra.expressions import named, walk
from tests.infra.world import World

_OUTPUT = re.compile(r"(\w+)\.Outputs\.(\w+)")
_DASHLESS = Call("Join", ["", Call("Split", ["-", Call("Ref", "AWS::Region")])])
_STATEMENT = re.compile(r"^\s*- ")
_INTRODUCES = re.compile(r"^\s*(Version|Statement|PolicyDocument|AssumeRolePolicyDocument):")


def nested_stacks(world: World) -> Iterator[str]:
    """What a stack is handed it knows, what it must have it is handed, and what is taken from it is there."""
    for logical_id, file in world.nested.items():
        handed = world.root.of_type(NESTED)[logical_id].get("Parameters", {})
        declared = file.raw.get("Parameters", {})
        for name in sorted(handed.keys() - declared.keys()):
            yield f"{logical_id} is handed {name}, which {file.path.name} does not know"
        for name, parameter in declared.items():
            if "Default" not in parameter and name not in handed:
                yield f"{logical_id} is not handed {name}, which {file.path.name} needs"
    for stack, output in sorted(_outputs_used(world.root)):
        if stack not in world.nested:
            yield f"{stack}.Outputs.{output} is used, and there is no such stack"
        elif output not in world.nested[stack].raw.get("Outputs", {}):
            yield f"{stack}.Outputs.{output} is used, and {world.nested[stack].path.name} has no such output"


def _outputs_used(file: Template) -> set[tuple[str, str]]:
    texts = {
        ".".join(part.argument) if part.name == "GetAtt" else str(part.argument)
        for part in walk(dict(file.raw))
        if isinstance(part, Call) and part.name in ("GetAtt", "Sub")
    }
    return {(match[1], match[2]) for text in texts for match in _OUTPUT.finditer(text)}


def wildcards(world: World) -> Iterator[str]:
    """No role may do `*`; who may do something to `*` says why, beside it."""
    for file in world.files:
        lines = file.path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if not re.search(r"""\b(Resource|Action): *\[?["']?(\*|[\w-]+:\*)""", line):
                continue
            start = _start(lines, number)
            statement = "\n".join([*_introduction(lines, start), *_whole(lines, start)])
            if "Deny" in statement:
                continue
            if re.search(r"""\bAction: *\[?["']?(\*|[\w-]+:\*)""", line):
                yield f"{file.path.name}:{number + 1}: an action with a wildcard"
            elif "#" not in statement:
                yield f'{file.path.name}:{number + 1}: Resource "*" without a reason beside it'


def _start(lines: list[str], number: int) -> int:
    """Where the statement around a line begins."""
    return next(at for at in range(number, -1, -1) if _STATEMENT.match(lines[at]))


def _whole(lines: list[str], start: int) -> list[str]:
    """A statement to its end: what is indented deeper than its dash."""
    depth = _depth(lines[start])
    rest = [at for at in range(start + 1, len(lines)) if lines[at].strip() and _depth(lines[at]) <= depth]
    return lines[start : rest[0] if rest else len(lines)]


def _introduction(lines: list[str], start: int) -> list[str]:
    """Comments right above a statement, and the lines that open the document when it is the first."""
    found: list[str] = []
    for line in reversed(lines[:start]):
        if not (line.strip().startswith("#") or _INTRODUCES.match(line)):
            break
        found.append(line)
    return found


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def preflight(world: World) -> Iterator[str]:
    """`$default` catches OPTIONS too, so with an authorizer on it preflights need a route of their own.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    apis = world.root.of_type("AWS::ApiGatewayV2::Api").values()
    routes = world.root.of_type("AWS::ApiGatewayV2::Route").values()
    guarded = [
        route for route in routes if _catches_options(route["RouteKey"]) and "JWT" in named(route["AuthorizationType"])
    ]
    open_ones = {route["RouteKey"] for route in routes if named(route["AuthorizationType"]) == {"NONE"}}
    if any("CorsConfiguration" in api for api in apis) and guarded and "OPTIONS /{proxy+}" not in open_ones:
        yield "preflights meet the authorizer: a route OPTIONS /{proxy+} without one is missing"


def _catches_options(key: str) -> bool:
    return key == "$default" or key.startswith("ANY ")


def endpoints(world: World) -> Iterator[str]:
    """A VPC endpoint's policy lets through what the rooms' code calls behind it."""
    called = {need.action for room in world.root.functions for need in world.needs.of(room) if need.by_code}
    for file in world.nested.values():
        for logical_id, endpoint in file.of_type("AWS::EC2::VPCEndpoint").items():
            said = service_of(endpoint)
            allowed = _allowed(endpoint.get("PolicyDocument"))
            for action in sorted(called):
                if action.startswith(f"{said}:") and allowed is not None and action not in allowed:
                    yield f"{logical_id} does not let {action} through"


def service_of(endpoint: Mapping[str, Any]) -> str:
    """What a VPC endpoint leads to, as IAM names it: `sqs`, `bedrock`."""
    return str(endpoint["ServiceName"].argument).rpartition(".")[2].removesuffix("-runtime")


def _allowed(policy: Mapping[str, Any] | None) -> set[str] | None:
    if policy is None:
        return None
    allowing = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    return set().union(*(named(statement["Action"]) for statement in allowing))


def answers(world: World) -> Iterator[str]:
    """The migration's answer to CloudFormation has a way out, or a deploy hangs until it times out.

    The bucket that CloudFormation listens at has the region in its name, without dashes.
    """
    for file in world.nested.values():
        for logical_id, endpoint in file.of_type("AWS::EC2::VPCEndpoint").items():
            parts = list(walk(endpoint.get("PolicyDocument")))
            let_out = _DASHLESS in parts and any(
                "cloudformation-custom-resource-response-" in str(part) for part in parts
            )
            if service_of(endpoint) == "s3" and "PolicyDocument" in endpoint and not let_out:
                yield (
                    f"{logical_id} does not let the migration's answer to CloudFormation through, to the bucket "
                    "that has the region without dashes"
                )
