"""The contract as a page to read: made from the OpenAPI description, with no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

MEDIA_TYPE = "text/html; charset=utf-8"
POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", "cache-control": "max-age=300"}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h2{margin-top:2.5rem;border-top:1px solid #d0d7de;padding-top:1rem}code{background:#f3f5f7;padding:.1rem .3rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #e4e8ec}"
)

Node = Mapping[str, Any]


def page(description: Node) -> str:
    """HTML for an OpenAPI description; its own words are escaped."""
    about = description["info"]
    body = "".join(_operations(description["paths"])) + "".join(_schemas(description["components"]["schemas"]))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(about["title"])}</title>'
        f"<style>{_STYLE}</style><h1>{escape(about['title'])} {escape(about['version'])}</h1>"
        f'<p>{escape(about["description"])} The same for programs: <a href="openapi.json">openapi.json</a>.</p>{body}'
    )


def _operations(paths: Node) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['description'])}</p>"
            yield _table("Parameter", [_parameter(each) for each in operation.get("parameters", ())])
            yield _table("Answer", [(status, escape(each["description"])) for status, each in _answers(operation)])


def _answers(operation: Node) -> list[tuple[str, Node]]:
    return sorted(operation["responses"].items())


def _parameter(parameter: Node) -> tuple[str, str]:
    words = parameter.get("description", "")
    return parameter["name"], escape(f"{words} ({parameter['in']})".strip())


def _schemas(schemas: Node) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        fields = schema.get("properties", {})
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        yield _table("Field", [(field, escape(_field(each))) for field, each in fields.items()])


def _field(schema: Node) -> str:
    return " - ".join(filter(None, [_kind(schema), schema.get("description", "")]))


def _kind(schema: Node) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("anyOf"):
        return " or ".join(_kind(each) for each in choices)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type") or schema.get("const") or "any")


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{words}" for name, words in rows)
    return f"<table><tr><th>{head}<th>{cells}</table>"
