"""The calls of AWS that stand in the source."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache

import botocore.session
from botocore import xform_name

from tests.infra.code import Code, Place, literals, under

_TYPES = "mypy_boto3_"
_BY_CLIENT = {"bedrock-runtime": "Converse"}  # called for us by a library, which gets the client
_SIGNED = {"rds": ("generate_db_auth_token", "rds-db:connect")}  # no call, and a right all the same


@cache
def services_and_calls(code: Code, place: Place) -> frozenset[tuple[str, str]]:
    """(service, operation) for each method of a client that a place calls or names."""
    nodes = code.nodes(place)
    said = literals(nodes) | {node.attr for top in nodes for node in under(top) if isinstance(node, ast.Attribute)}
    said.add(place.name.rpartition(".")[2])  # a Protocol's method that stands for the client's
    found = set()
    for service in _clients(code.modules[place.module].tree):
        found |= {(service, operation) for name, operation in _operations(service).items() if name in said}
        if service in _SIGNED and _SIGNED[service][0] in said:
            found.add((service, _SIGNED[service][1]))
        if service in _BY_CLIENT and service in said:
            found.add((service, _BY_CLIENT[service]))
    return frozenset(found)


@cache
def _clients(tree: ast.AST) -> set[str]:
    """The services that a module makes clients for, or is handed them by their types."""
    typed = {
        node.module.split(".")[0].removeprefix(_TYPES).replace("_", "-")
        for node in under(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_TYPES)
    }
    return typed | {
        str(node.args[0].value)
        for node in under(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("client", "create_client")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


@cache
def _operations(service: str) -> Mapping[str, str]:
    """Operations by their names in Python."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}
