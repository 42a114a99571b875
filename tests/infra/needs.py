"""What each room needs of AWS, worked out from its code and from what its function is given."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from functions.core import keys
from functions.core.settings import PREFIX
from local.templates.written import Function, Template
from tests.infra.calls import services_and_calls
from tests.infra.code import Code, Place, bare, under
from tests.infra.expressions import named, walk

# https://docs.aws.amazon.com/service-authorization/latest/reference/: where the action has another name than the call
_ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "ListParts": "ListMultipartUploadParts",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "Converse": "InvokeModel",
}
_SERVICES = {"bedrock-runtime": "bedrock"}  # where IAM has another prefix than the SDK

MAPPING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: what Lambda asks for to poll a queue."""
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""As in AWS's own policy AWSLambdaVPCAccessExecutionRole."""
KEY = ("kms:Decrypt", "kms:GenerateDataKey")

_QUEUE = re.compile(r"_?(\w+)_queue")
_SECRET = re.compile(r"\w+_secret")
_USER = re.compile(r"://(\w+)@")
_TAGGED = {keys.upload_key("")}  # nothing else bears a tag
_MADE_WITH = {
    "Source": ("Source", "NewDocument"),
    "DocumentView": ("NewDocument",),
    "Deletion": ("Deletion", "NewDocument"),
}
"""Records that bear a key → those that the database got it from."""
_VERSIONED = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
}
"""Beside the right to the object: to the version that `VersionId` names."""


@dataclass(frozen=True, order=True)
class Need:
    """A right on a resource, in the short names of `expressions.named`; `why` is what asks for it."""

    action: str
    resource: str
    why: str = ""
    by_code: bool = True  # not Lambda's own, before and around our code


class Needs:
    """Of all rooms of a template."""

    def __init__(self, template: Template, code: Code | None = None) -> None:
        self.template = template
        self.code = code or Code()

    def reach(self, function: Function) -> set[Place]:
        """Every place that may run in a function."""
        module, _, name = function.handler.rpartition(".")
        return self.code.reach(Place(module, name))

    def attributes(self, places: Iterable[Place]) -> set[str]:
        """Every name behind a dot in some places."""
        return _attributes(self.code, places)

    def of(self, room: str) -> set[Need]:
        """Everything that a room's function must be allowed."""
        function = self.template.functions[room]
        reached = self.reach(function)
        found = {*self._queues(function, reached), *self._bucket(function, reached), *self._others(function, reached)}
        found |= set(_of_lambda(function))
        if any(need.action.startswith(("sqs:", "s3:", "secretsmanager:")) for need in found):
            found |= {Need(action, "KmsKeyArn", "what is encrypted with it") for action in KEY}
        return found

    def unreached(self) -> set[str]:
        """Calls of AWS that stand in the code and that no room leads to: dead code, or a gap in this analysis."""
        reached = set().union(*map(self.reach, self.template.functions.values()))
        return {
            f"{place}: {call}" for place in self.code.places() if place not in reached for call in self._calls(place)
        }

    def _queues(self, function: Function, reached: set[Place]) -> Iterator[Need]:
        for method in self._port_methods("Queues", reached):
            inside = self._inside(method)
            names = {match[1] for each in _attributes(self.code, inside) if (match := _QUEUE.fullmatch(each))}
            for call in {call for place in inside for call in self._calls(place)}:
                for name in names:
                    for queue in _places(function, f"{name}_queue"):
                        yield Need(action_of("sqs", call), queue, str(method))

    def _bucket(self, function: Function, reached: set[Place]) -> Iterator[Need]:
        (bucket,) = _places(function, "bucket")
        for port in ("Documents", "Uploads"):
            for method in self._port_methods(port, reached):
                for place, call in self._calls_of(port.lower(), method.name.partition(".")[2], reached):
                    prefixes = self._prefixes(place, call.args[0])
                    for action in self._actions(method, call):
                        for prefix in prefixes & _TAGGED if "Tagging" in action else prefixes:
                            yield Need(action, f"{bucket}/{prefix}*", str(method))
                        if action == "s3:GetObject":  # or a missing object is a 403, as if the bucket were away
                            yield Need("s3:ListBucket", bucket, "to tell a missing object from a forbidden one")

    def _actions(self, method: Place, call: ast.Call) -> set[str]:
        """What one call of a method of the bucket asks for."""
        inside = self._inside(method)
        found = {action_of("s3", each) for place in inside for each in self._calls(place)}
        if "VersionId" in _parameters(node for place in inside for node in self.code.nodes(place)) and _versioned(call):
            found |= {_VERSIONED[action] for action in found if action in _VERSIONED}
        if "Tagging" in _parameters(self.code.nodes(method)) and not _says(call, "from_client", False):
            found.add("s3:PutObjectTagging")
        return found

    def _calls_of(self, receiver: str, method: str, reached: Iterable[Place]) -> Iterator[tuple[Place, ast.Call]]:
        """Where the code outside of the adapters calls a method of `documents` or `uploads`."""
        for place in sorted(reached):
            if not place.module.startswith("functions.core.documents"):
                for each in (node for top in self.code.nodes(place) for node in under(top)):
                    if isinstance(each, ast.Call) and _is_call_of(each, receiver, method):
                        yield place, each

    def _prefixes(self, place: Place, key: ast.expr, known: frozenset[str] = frozenset()) -> set[str]:
        """Where a key leads: it is made there, or taken from a record, or its place or module says which there are."""
        key = self._assigned(place, key)
        if isinstance(key, ast.Call) and bare(key) in _MADE_WITH:  # Source(key)
            key = key.args[0]
        if bare(key) in _prefixes_of_keys():
            return {_prefixes_of_keys()[bare(key)]}
        bearer = key.value if isinstance(key, ast.Attribute) and key.attr == "key" else key
        for kind in sorted((self.code.kinds(bare(bearer)) & _MADE_WITH.keys()) - known):
            return self._made(kind, known | {kind})
        package = [each for each in self.code.places() if _package(each) == _package(place)]
        module = [each for each in package if each.module == place.module]
        return self._named([place]) or self._named(module) or self._named(package)

    def _assigned(self, place: Place, key: ast.expr) -> ast.expr:
        """What a variable of the place is given there."""
        for node in (each for top in self.code.nodes(place) for each in under(top)):
            match node, key:
                case ast.Assign(targets=[ast.Name(id=name)], value=value), ast.Name(id=asked) if name == asked:
                    return value
        return key

    def _made(self, kind: str, known: frozenset[str]) -> set[str]:
        """Where the keys of such records lead, but for those that are made to be read at once."""
        found: set[str] = set()
        for place in self.code.places():
            nodes = [node for top in self.code.nodes(place) for node in under(top)]
            read = [
                node.args[0] for node in nodes if isinstance(node, ast.Call) and _is_call_of(node, "documents", "read")
            ]
            for node in nodes:
                if isinstance(node, ast.Call) and bare(node) in _MADE_WITH[kind] and node not in read:
                    found |= self._prefixes(place, _key_of(node), known)
        return found

    def _named(self, places: Iterable[Place]) -> set[str]:
        """The prefixes of the keys that some places name."""
        nodes = (node for place in places for top in self.code.nodes(place) for node in under(top))
        names = {bare(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}
        return {prefix for name, prefix in _prefixes_of_keys().items() if name in names}

    def _others(self, function: Function, reached: set[Place]) -> Iterator[Need]:
        """Secrets, the database's token, models: called wherever the code stands, not behind queues or documents."""
        for place in reached:
            for service, call in services_and_calls(self.code, place):
                if service == "secretsmanager":
                    for secret in self._secrets(function, reached):
                        yield Need(action_of(service, call), secret, str(place))
                elif service == "bedrock-runtime":
                    yield Need(action_of(service, call), "BedrockModelArns", str(place))
                elif service == "rds":
                    for user in _users(function):
                        yield Need(call, f"dbuser/{user}", str(place))

    def _secrets(self, function: Function, reached: set[Place]) -> set[str]:
        """What the settings that are called `…_secret` stand for in this function's environment."""
        names = {name for name in _attributes(self.code, reached) if _SECRET.fullmatch(name)}
        return {
            secret
            for name in names
            if f"{PREFIX}{name.upper()}" in function.environment
            for secret in _places(function, name)
        }

    def _port_methods(self, port: str, reached: set[Place]) -> list[Place]:
        classes = self.code.implementing(port)
        inside = {place for owner in classes for place in self._own(owner)}
        called = {place for place in reached if place in inside and not place.name.partition(".")[2].startswith("_")}
        return sorted(called)

    def _own(self, owner: Place) -> Iterator[Place]:
        return (
            place
            for place in self.code.places()
            if place.module == owner.module and place.name.startswith(owner.name + ".")
        )

    def _inside(self, method: Place) -> set[Place]:
        """A method and what it leads to in its own package."""
        found: set[Place] = set()
        waiting = [method]
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += [
                    each for each in self.code.mentions(place) if each.name and _package(each) == _package(method)
                ]
        return found

    def _calls(self, place: Place) -> set[str]:
        return {call for _, call in services_and_calls(self.code, place)}


def _of_lambda(function: Function) -> Iterator[Need]:
    """What Lambda does in the function's name."""
    group = named(function.properties["LoggingConfig"]["LogGroup"])
    yield from (Need(action, name, "its log", by_code=False) for action in LOGS for name in group)
    for _, event in function.events("SQS"):
        yield from (
            Need(action, queue, "its event source", by_code=False)
            for action in MAPPING
            for queue in named(event["Queue"])
        )
    if function.properties.get("Tracing") == "Active":
        yield from (Need(action, "*", "tracing", by_code=False) for action in TRACES)
    if "VpcConfig" in function.properties:
        yield from (Need(action, "*", "a place in the VPC", by_code=False) for action in INTERFACES)


def action_of(service: str, call: str) -> str:
    """The right that an operation asks for, as IAM calls it."""
    return call if ":" in call else f"{_SERVICES.get(service, service)}:{_ACTIONS.get(call, call)}"


def _places(function: Function, setting: str) -> set[str]:
    """What a setting stands for in a function's environment: a queue by its logical id, a parameter by its name."""
    names = named(function.environment[f"{PREFIX}{setting.upper()}"])
    return {name.removesuffix(".QueueName") for name in names}


def _users(function: Function) -> set[str]:
    """Whom a function signs in as, from the URL of its database."""
    texts = [part for part in walk(function.environment[f"{PREFIX}DATABASE_URL"]) if isinstance(part, str)]
    return {match[1] for text in texts if (match := _USER.search(text))}


def _attributes(code: Code, places: Iterable[Place]) -> set[str]:
    return {
        node.attr
        for place in places
        for top in code.nodes(place)
        for node in under(top)
        if isinstance(node, ast.Attribute)
    }


def _package(place: Place) -> str:
    return place.module.rpartition(".")[0]


def _key_of(made: ast.Call) -> ast.expr:
    """The key that a record is made with."""
    return next((each.value for each in made.keywords if each.arg == "key"), None) or made.args[0]


def _versioned(call: ast.Call) -> bool:
    """Whether a call may name a version: of a record, and not of a key alone."""
    source = call.args[0]
    alone = isinstance(source, ast.Call) and len(source.args) + len(source.keywords) == 1  # Source(key)
    of_a_record = bare(call.func) in ("read", "keep") and not alone
    return of_a_record or any(each.arg == "version" for each in call.keywords)


def _parameters(nodes: Iterable[ast.AST]) -> set[str]:
    """The names under which a request is told something: keywords, and keys of dictionaries that are made or filled."""
    found: set[str] = set()
    for node in (each for top in nodes for each in under(top)):
        match node:
            case ast.keyword(arg=str(name)):
                found.add(name)
            case ast.Dict(keys=keys):
                found |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                found.add(name)
    return found


def _says(call: ast.Call, name: str, value: object) -> bool:
    return any(
        each.arg == name and isinstance(each.value, ast.Constant) and each.value.value is value
        for each in call.keywords
    )


def _is_call_of(node: ast.AST, receiver: str, method: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=[_, *_]):
            return name == method and bare(value) == receiver
    return False


@cache
def _prefixes_of_keys() -> Mapping[str, str]:
    """`document_key` → `documents/`: what the functions of `keys` begin with."""
    found = {}
    for name, function in inspect.getmembers(keys, inspect.isfunction):
        made = function(*("?" for _ in inspect.signature(function).parameters))
        found[name] = made.partition("?")[0]
    return found
