"""The one-way rule of imports: `local → rooms → wiring → store · queues · documents · providers → rules → errors`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("api", "planner", "chunk_worker", "finalizer", "dead_letter", "reconciler", "migrate")
RULES = (
    "jobs",
    "model",
    "outcomes",
    "results",
    "records",
    "messages",
    "ids",
    "keys",
    "chunking",
    "cuts",
    "graphemes",
    "ports",
    "store_port",
    "uploads",
)
ADAPTERS = ("store", "queues", "documents", "providers")
LAYERS = {
    **{f"functions.core.{name}": 1 for name in RULES},
    "functions.core.errors": 0,
    "functions.core.settings": 2,
    "functions.core.logs": 2,
    "functions.core.meter": 2,
    "functions.core.secret": 2,
    "functions.core.threads": 2,
    "functions.core.aws": 2,
    "functions.core.deadline": 2,
    "functions.core.background": 2,
    "functions.core.sqs_event": 2,
    **{f"functions.core.{name}": 3 for name in ADAPTERS},
    "functions.core.disposal": 3,
    "functions.core.each": 3,
    "functions.core.wake": 3,
    "functions.core.wiring": 4,
    "migrations": 4,
    **{f"functions.{name}": 5 for name in ROOMS},
    "local": 6,
}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for top in ("functions", "local", "migrations")
    for path in (ROOT / top).rglob("*.py")
)


def layer(module: str) -> tuple[str, int] | None:
    """The longest prefix of the module that stands in a layer."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in LAYERS:
            return prefix, LAYERS[prefix]
    return None


def imports(module: str) -> Iterator[str]:
    """Every module that this one imports, wherever in the file."""
    path = ROOT.joinpath(*module.split("."))
    source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith("__init__")])
def test_imports_point_inward(module: str) -> None:
    here = layer(module)
    assert here, f"{module} stands in no layer: give it one in {Path(__file__).name}"
    for name in imports(module):
        there = layer(name)
        if there and there[0] != here[0]:
            assert there[1] < here[1] or (there[1] == here[1] and here[1] in (1, 2)), f"{module} imports {name}"


@pytest.mark.parametrize("name", [*RULES, "errors"])
def test_rules_import_only_the_standard_library(name: str) -> None:
    for imported in imports(f"functions.core.{name}"):
        top = imported.split(".")[0]
        assert top in sys.stdlib_module_names or top == "functions", f"{name} imports {imported}"


def test_only_wiring_reads_the_environment() -> None:
    readers = {
        module
        for module in MODULES
        if module.startswith("functions")
        for node in ast.walk(ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers <= {"functions.core.wiring"}


def test_nobody_draws_from_the_generator_that_a_whole_process_shares() -> None:
    """Its seed would be in a snapshot, and the same in every function started from it: a `Random` is handed in."""
    for path in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert "random" not in {alias.name for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom) and node.module == "random":
                assert {alias.name for alias in node.names} == {"Random"}, path


@pytest.mark.parametrize("room", ROOMS)
def test_a_handler_is_a_table_of_contents(room: str) -> None:
    tree = ast.parse((ROOT / "functions" / room / "handler.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 30
