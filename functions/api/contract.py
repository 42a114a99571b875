"""The API's own description: /openapi.json, and the page that is made from it, each built once a process."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from fastapi import FastAPI

from functions.api import docs, examples
from functions.api.openapi import PROBLEM_SCHEMAS


class Contract:
    """What an app offers; `prefix`: the stage in front of its paths, as the client sees it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._written: dict[str, bytes] = {}

    @cached_property
    def description(self) -> dict[str, Any]:
        """The OpenAPI document without a server."""
        made = self._app.openapi()
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        problem = dict(PROBLEM_SCHEMAS)
        schemas |= {**problem.pop("$defs"), "Problem": problem}
        for name, example in examples.OF.items():
            schemas[name]["examples"] = [example]
        for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, for what it would parse
            schemas.pop(unused, None)
        return made

    @cached_property
    def page(self) -> bytes:
        """The same to read."""
        return docs.page(self.description).encode()

    def written(self, prefix: str) -> bytes:
        """As JSON, with the stage it is behind."""
        if prefix not in self._written:
            servers = {"servers": [{"url": prefix}]} if prefix else {}
            self._written[prefix] = json.dumps({**self.description, **servers}, ensure_ascii=False).encode()
        return self._written[prefix]
