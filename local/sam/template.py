"""template.yaml as `sam local` needs it: with this machine's architecture, and with every variable declared.

`sam local` hands a function only those variables that its template declares, and a template for AWS does not declare
where a developer's queues are. So it is given a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local.templates.intrinsics import Call
from local.templates.written import NESTED, read_template

Properties = dict[str, Any]


def for_this_machine(template: Path, *, artifact: Path, architecture: str, variables: Iterable[str]) -> Properties:
    """The template as JSON holds it: every function runs `artifact` and declares `variables` besides its own.

    Without the nested stacks, which hold nothing that sam runs.
    """
    document: Properties = _long(read_template(template).raw)
    everywhere = document["Globals"]["Function"] | {"CodeUri": str(artifact), "Architectures": [architecture]}
    everywhere["Environment"]["Variables"] = dict.fromkeys(variables, "") | everywhere["Environment"]["Variables"]
    document["Globals"]["Function"] = everywhere
    resources = document["Resources"].items()
    document["Resources"] = {name: each for name, each in resources if each["Type"] != NESTED}
    return document


def _long(value: Any) -> Any:
    """With the short forms written out: `!Ref A` is `{"Ref": "A"}`."""
    match value:
        case Call(name, argument):
            return {name if name in ("Ref", "Condition") else f"Fn::{name}": _long(argument)}
        case Mapping():
            return {key: _long(each) for key, each in value.items()}
        case list():
            return [_long(each) for each in value]
    return value
