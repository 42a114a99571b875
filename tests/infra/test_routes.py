"""What the template leaves open is what the api function shows to everybody, and browsers may do what it offers."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.settings import PREFIX, Settings
from local.templates.stack import open_stack
from local.templates.written import read_template
from tests.fakes.api_world import World as ApiWorld
from tests.fakes.gateway import FakeContext, event
from tests.infra.expressions import named, walk
from tests.infra.world import World

TEMPLATE = read_template()
ROUTES = TEMPLATE.of_type("AWS::ApiGatewayV2::Route")
PUBLIC = {route["RouteKey"] for route in ROUTES.values() if named(route["AuthorizationType"]) == {"NONE"}}
PREFLIGHT = "OPTIONS /{proxy+}"
APP = create_app(ApiWorld().parts(auth="jwt"))
SERVED = sorted(f"{method.upper()} {path}" for path, methods in APP.openapi()["paths"].items() for method in methods)


def asked(key: str) -> tuple[int, dict[str, Any]]:
    """The status for a request that no authorizer has seen, and the headers."""
    method, _, path = key.partition(" ")
    answer = respond(APP, event(method, re.sub(r"{\w+}", "a" * 26, path)), cast("Any", FakeContext()))
    return answer["statusCode"], answer["headers"]


def test_the_public_routes_are_the_three_that_show_no_ones_data() -> None:
    """An HTTP API hands a HEAD to `$default` unless it has a route of its own."""
    pages = ("/health", "/openapi.json", "/docs")
    assert PUBLIC - {PREFLIGHT} == {f"{method} {page}" for method in ("GET", "HEAD") for page in pages}


@pytest.mark.parametrize("key", sorted(PUBLIC - {PREFLIGHT}))
def test_a_public_route_is_served_to_anybody(key: str) -> None:
    assert asked(key)[0] == 200


@pytest.mark.parametrize("key", [key for key in SERVED if key not in PUBLIC])
def test_every_other_route_needs_an_owner(key: str) -> None:
    assert asked(key)[0] == 401


def test_everything_else_goes_to_the_one_function_behind_the_authorizer() -> None:
    (everything,) = (route for route in ROUTES.values() if route["RouteKey"] == "$default")
    assert named(everything["AuthorizationType"]) == {"JWT", "NONE"}
    assert {str(route["Target"]) for route in ROUTES.values()} == {str(everything["Target"])}


@pytest.mark.parametrize(("chosen", "auth", "authorizer"), [("yes", "none", "NONE"), ("no", "jwt", "JWT")])
def test_the_function_asks_for_an_owner_exactly_where_there_is_an_authorizer(
    world: World, chosen: str, auth: str, authorizer: str
) -> None:
    values = open_stack(TEMPLATE.path, {"OpenToEveryone": chosen}).values
    (everything,) = (route for route in ROUTES.values() if route["RouteKey"] == "$default")
    assert values.of(world.root.functions["api"].environment[f"{PREFIX}AUTH"]) == auth
    assert values.of(everything["AuthorizationType"]) == authorizer
    assert TEMPLATE.raw["Parameters"]["OpenToEveryone"]["Default"] == "no"
    assert Settings.model_fields["auth"].default == "jwt"  # forgotten is closed


def test_a_page_of_another_origin_may_use_every_method_and_see_every_header_of_ours() -> None:
    (cors,) = (
        part
        for api in TEMPLATE.of_type("AWS::ApiGatewayV2::Api").values()
        for part in walk(api)
        if isinstance(part, dict) and "AllowOrigins" in part
    )
    methods = {key.partition(" ")[0] for key in SERVED}
    assert set(cors["AllowMethods"]) == methods | {"HEAD"}  # that every GET answers too
    operations = [operation for path in APP.openapi()["paths"].values() for operation in path.values()]
    asked_for = {
        each["name"].lower()
        for operation in operations
        for each in operation.get("parameters", ())
        if each["in"] == "header"
    }
    assert asked_for - {"accept"} | {"authorization", "content-type"} <= set(cors["AllowHeaders"])
    headers = {
        name.lower()
        for operation in operations
        for answer in operation["responses"].values()
        for name in answer.get("headers", {})
    }
    assert headers - {"vary"} | {"x-request-id"} <= set(cors["ExposeHeaders"])  # vary is for caches
