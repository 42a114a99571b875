"""`python -m migrations upgrade|downgrade|current`: a database's revision from the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from functions.core.errors import Misconfigured
from migrations import upgrade as migrations

EXTRAS = ("legacy_owner", "drop_new_jobs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0, or 1 with one line on stderr."""
    given = _parser().parse_args(arguments)
    try:
        _run(given, _extras(given.extra))
    except (Misconfigured, CommandError, SQLAlchemyError) as error:
        print(migrations.one_line(error), file=sys.stderr)
        return 1
    return 0


def _run(given: argparse.Namespace, extras: dict[str, str]) -> None:
    url = given.database_url
    if not url:
        raise Misconfigured("PIECEWISE_DATABASE_URL is not set: set it, or say --database-url")
    if given.command == "upgrade":
        migrations.upgrade(url, revision=given.revision or "head", legacy_owner=extras.get("legacy_owner", "local"))
    elif given.command == "downgrade":
        drop = extras.get("drop_new_jobs") == "yes"
        migrations.downgrade(url, revision=given.revision or migrations.REPLACED_SERVICE, drop_new_jobs=drop)
    print(migrations.current(url) or "no revision")


def _extras(pairs: Sequence[str]) -> dict[str, str]:
    extras = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in EXTRAS or not value:
            raise Misconfigured(f"-x takes {' or '.join(f'{extra}=VALUE' for extra in EXTRAS)}, not {pair!r}")
        extras[name] = value
    return extras


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("command", choices=("upgrade", "downgrade", "current"))
    parser.add_argument("revision", nargs="?", help="default: head, or on the way down the replaced service's (0001)")
    parser.add_argument("--database-url", default=os.environ.get("PIECEWISE_DATABASE_URL"), metavar="URL")
    parser.add_argument(
        "-x",
        dest="extra",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="legacy_owner=NAME: who owns what the replaced service analysed (default: local); "
        "drop_new_jobs=yes: lose the jobs that its table cannot hold",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
