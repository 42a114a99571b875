"""What each room's role allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.templates.intrinsics import Call
from local.templates.written import Function, Template
from tests.infra.expressions import named

_MANAGED = "AWS::IAM::ManagedPolicy"
_ROLE = "AWS::IAM::Role"
_DATABASE_USER = re.compile(r".*:dbuser:.*/(\w+)")


@dataclass(frozen=True, order=True)
class Grant:
    """An action on a resource, in the short names of `expressions.named`."""

    action: str
    resource: str
    denied: bool = False


def grants_of(template: Template, function: Function) -> set[Grant]:
    """Everything that the policies of a function's role say."""
    (role,) = named(function.properties["Role"])
    return {grant for statement in _statements(template, role) for grant in _grants(statement)}


def _statements(template: Template, role: str) -> Iterator[Mapping[str, Any]]:
    properties = template.of_type(_ROLE)[role]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    managed = template.of_type(_MANAGED)
    for each in properties.get("ManagedPolicyArns", ()):
        (name,) = named(each)
        documents.append(managed[name]["PolicyDocument"])  # one of AWS's own would be a KeyError: write it out
    for document in documents:
        yield from (inside for statement in document["Statement"] for inside in _chosen(statement))


def _chosen(statement: Any) -> Iterator[Mapping[str, Any]]:
    """A statement, whatever condition it stands under."""
    match statement:
        case Call("If", [_, then, otherwise]):
            yield from _chosen(then)
            yield from _chosen(otherwise)
        case dict():
            yield statement
        case Call("Ref", "AWS::NoValue"):
            return
        case _:
            raise AssertionError(f"a statement of a form not known here: {statement}")


def _grants(statement: Mapping[str, Any]) -> Iterator[Grant]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    for action in actions:
        for resource in named(statement["Resource"]):
            match = _DATABASE_USER.fullmatch(resource)
            yield Grant(action, f"dbuser/{match[1]}" if match else resource, statement["Effect"] == "Deny")
