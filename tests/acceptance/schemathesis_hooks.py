"""What OpenAPI cannot say of POST /v1/analyze, told to Schemathesis."""

from __future__ import annotations

from itertools import count
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

_KEY = "Idempotency-Key"
_numbers = count()


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Options stand in the query of plain text, and in the body of JSON: a case meant to be right has no query there.

    And a key that is meant to be right is a new one, for a request that it has never come with.
    """
    if case.operation.label != "POST /v1/analyze":
        return
    if case.media_type == "application/json" and not _meant_wrong(case, ParameterLocation.QUERY):
        case.query = {}
    if _KEY in (case.headers or {}) and not _meant_wrong(case, ParameterLocation.HEADER):
        case.headers[_KEY] = f'"{next(_numbers)}"'


def _meant_wrong(case: schemathesis.Case[Any], location: ParameterLocation) -> bool:
    return case.meta is not None and case.meta.is_negative_at(location)
