"""The contract as a page to read: made from the OpenAPI description, with no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

MEDIA_TYPE = "text/html; charset=utf-8"
KEPT = {"cache-control": "max-age=300"}
POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", **KEPT}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h2{margin-top:2.5rem;border-top:1px solid #d0d7de;padding-top:1rem}code{background:#f3f5f7;padding:.1rem .3rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #e4e8ec}pre{background:#f3f5f7;padding:.6rem;overflow-x:auto;font-size:.85rem}"
    "summary{cursor:pointer}"
)

Node = Mapping[str, Any]


def page(description: Node) -> str:
    """HTML for an OpenAPI description; its own words are escaped."""
    about, schemas = description["info"], description["components"]["schemas"]
    body = "".join(_operations(description["paths"], schemas)) + "".join(_schemas(schemas))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(about["title"])}</title>'
        f"<style>{_STYLE}</style><h1>{escape(about['title'])} {escape(about['version'])}</h1>"
        f'<p>{escape(about["description"])} The same for programs: <a href="openapi.json">openapi.json</a>.</p>{body}'
    )


def _operations(paths: Node, schemas: Node) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['description'])}</p>"
            yield _table("Parameter", [_parameter(each) for each in operation.get("parameters", ())])
            yield _examples("Request", operation.get("requestBody", {}), schemas)
            yield _table("Answer", [(status, _answer(each)) for status, each in _answers(operation)])
            for status, each in _answers(operation):
                yield _examples(f"Answer {status}", each, schemas) if status.startswith("2") else ""


def _answers(operation: Node) -> list[tuple[str, Node]]:
    return sorted((str(status), each) for status, each in operation["responses"].items())


def _answer(answer: Node) -> str:
    """What it means; of a refusal each `type` by itself."""
    content = answer.get("content", {}).get("application/problem+json", {})
    kinds = [f"<code>{escape(slug)}</code> {escape(each['summary'])}" for slug, each in _named(content).items()]
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", {}))
    return "<br>".join(kinds or [escape(answer["description"])]) + (f"<br>Headers: {headers}" if headers else "")


def _named(content: Node) -> Node:
    return {slug: each for slug, each in content.get("examples", {}).items() if "summary" in each}


def _parameter(parameter: Node) -> tuple[str, str]:
    words, schema = parameter.get("description") or "", parameter.get("schema", {})
    bounds = [f"{name} {schema[key]}" for key, name in _BOUNDS.items() if key in schema]
    return parameter["name"], escape(f"{words} ({', '.join([parameter['in'], *bounds])})".strip())


_BOUNDS = {"default": "default", "minimum": "from", "maximum": "to", "enum": "one of"}


def _examples(head: str, node: Node, schemas: Node) -> str:
    shown = [
        f"<details><summary>{head}: {escape(kind)}{escape(f', {name}' if name else '')}</summary>"
        f"<pre>{escape(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
        "</details>"
        for kind, content in node.get("content", {}).items()
        for name, value in _values(content, schemas)
    ]
    return "".join(shown)


def _values(content: Node, schemas: Node) -> Iterator[tuple[str, Any]]:
    """The examples beside a schema, or else those in it."""
    if "example" in content:
        yield "", content["example"]
    for name, each in content.get("examples", {}).items():
        yield name, each["value"]
    if not {"example", "examples"} & content.keys():
        schema = content.get("schema", {})
        schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
        yield from (("", value) for value in schema.get("examples", ()))


def _schemas(schemas: Node) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        fields = schema.get("properties", {})
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p>'
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
