"""The API's own description: valid, complete, and true of its own examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.api.app import create_app
from functions.api.cursors import chunk_of
from tests.fakes.api_world import World
from tests.fakes.caller import Caller

API = Path(__file__).parents[2] / "functions" / "api"
APP = create_app(World().parts())
CONTRACT: dict[str, Any] = APP.state.contract.description
OPERATIONS = {each["operationId"]: each for methods in CONTRACT["paths"].values() for each in methods.values()}
EVERYWHERE = {"path-not-found", "method-not-allowed"}  # of no operation


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of a request or an answer, and where it stands."""
    for name, operation in OPERATIONS.items():
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {kind}", body
        for status, answer in operation["responses"].items():
            for kind, body in answer.get("content", {}).items():
                yield f"{name} {status} {kind}", body


def examples(content: dict[str, Any]) -> list[Any]:
    """What is shown of a body."""
    if "example" in content:
        return [content["example"]]
    if "examples" in content:
        return [each["value"] for each in content["examples"].values()]
    schema = content.get("schema", {})
    schema = CONTRACT["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return list(schema.get("examples", []))


def documented(operation: dict[str, Any]) -> set[tuple[int, str]]:
    """The refusals that an operation names."""
    return {
        (int(status), slug)
        for status, answer in operation["responses"].items()
        if status != "default"
        for slug in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }


def calls(name: str) -> Iterator[ast.Call]:
    """Where the code of the api room calls this."""
    for path in API.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def raised() -> set[tuple[int, str]]:
    """The refusals that the code of the api room spells out."""
    return {
        (int(str(call.args[0].value)), str(call.args[1].value))
        for call in calls("Rejected")
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[1], ast.Constant)
    }


def test_it_is_openapi_3_1() -> None:
    assert CONTRACT["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(CONTRACT).iter_errors()) == []


@pytest.mark.parametrize(("where", "content"), [*contents()], ids=[where for where, _ in contents()])
def test_every_body_has_an_example_and_the_example_fits_its_schema(where: str, content: dict[str, Any]) -> None:
    shown = examples(content)
    assert shown or "text/plain" in where
    schema = {**content["schema"], "components": CONTRACT["components"]}
    for example in shown:
        jsonschema_rs.validate(schema, example)


def test_every_refusal_that_is_raised_is_documented_with_its_status() -> None:
    known = set().union(*(documented(operation) for operation in OPERATIONS.values()))
    assert {each for each in raised() if each[1] not in EVERYWHERE} - known == set()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_any_may_answer_and_names_the_request(name: str) -> None:
    operation = OPERATIONS[name]
    assert {(500, "internal-error"), (503, "unavailable"), (503, "misconfigured")} <= documented(operation)
    assert ((401, "unauthenticated") in documented(operation)) == (name != "readHealth")
    for status, answer in operation["responses"].items():
        assert "x-request-id" in answer.get("headers", {}) or status == "default"
        for header, statuses in (("Retry-After", "202 429 503"), ("Location", "201 202 307"), ("ETag", "304")):
            assert status not in statuses.split() or header in answer["headers"]


def asked_again() -> set[str]:
    """The refusals that the code gives a Retry-After."""
    return {
        str(call.args[1].value)
        for call in calls("Rejected")
        if isinstance(call.args[1], ast.Constant)
        for given in call.keywords
        if given.arg == "headers" and re.search("retry-after|polling", ast.unparse(given.value))
    }


def test_every_refusal_with_a_retry_after_declares_it() -> None:
    assert {"job-still-running", "upload-unfinished"} <= asked_again()
    for name, operation in OPERATIONS.items():
        for status, slug in documented(operation):
            if slug in asked_again():
                assert "Retry-After" in operation["responses"][str(status)]["headers"], (name, slug)


@pytest.mark.parametrize("path", CONTRACT["paths"])
def test_every_get_has_an_etag_and_304(path: str) -> None:
    if "get" in CONTRACT["paths"][path]:
        operation = CONTRACT["paths"][path]["get"]
        answers = operation["responses"]
        assert "ETag" in answers["200"]["headers"]
        assert answers["304"]["headers"] == answers["200"]["headers"]
        assert "If-None-Match" in [each["name"] for each in operation["parameters"]]


def test_what_an_answer_depends_on_beside_its_path_is_said() -> None:
    answers = OPERATIONS["readResult"]["responses"]
    assert all("Vary" in answers[status]["headers"] for status in ("200", "304", "307"))


def test_the_two_ways_to_read_it_are_no_operations_and_it_says_so() -> None:
    assert not {"/openapi.json", "/docs"} & CONTRACT["paths"].keys()
    assert "`GET /openapi.json`" in CONTRACT["info"]["description"]
    assert "`GET /docs`" in CONTRACT["info"]["description"]


def test_every_parameter_is_described_and_its_cursors_are_ours() -> None:
    for name, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (name, parameter["name"])
            assert parameter.get("schema", {}).get("default", 0) is not None
    (after,) = (each for each in OPERATIONS["readChunks"]["parameters"] if each["name"] == "after")
    assert after["schema"] == {"type": "string", "pattern": "^c[0123456789abcdefghjkmnpqrstvwxyz]{6}$"}
    assert chunk_of("c000011") == 33


def test_the_two_bodies_of_a_job_and_the_two_forms_of_a_result() -> None:
    assert OPERATIONS["analyze"]["requestBody"]["content"].keys() == {"application/json", "text/plain"}
    assert OPERATIONS["readResult"]["responses"]["200"]["content"].keys() == {"text/plain", "application/x-ndjson"}


def test_nothing_of_the_frameworks_own_is_left_in_it() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & CONTRACT["components"]["schemas"].keys()


def test_it_is_written_once_a_process_and_names_the_stage_it_is_behind() -> None:
    caller = Caller(World().parts())
    for _ in range(2):
        assert "servers" not in caller.get("/openapi.json").json
        assert caller.get("/prod/openapi.json", stage="prod").json["servers"] == [{"url": "/prod"}]
    contract = caller.app.state.contract
    assert contract.written("/prod") is contract.written("/prod")
    assert contract.page is contract.page
