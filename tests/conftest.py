"""Fixtures that every test may use, and the suite's own options."""

from __future__ import annotations

import pytest

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.aws",
    "tests.fixtures.stage",
    "tests.fixtures.logs",
    "tests.fixtures.cli",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """A server to use instead of the one that the tests start, and a newer tree whose tables to use."""
    parser.addoption("--postgres-url", default=None, help="SQLAlchemy URL of a Postgres superuser's database")
    parser.addoption(
        "--migrated-by",
        default=None,
        metavar="TREE",
        help="play on the tables that the migrations of another tree make",
    )
