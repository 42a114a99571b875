"""What a function never opens is left out: a smaller artifact is sooner on a new machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from local.artifact.errors import BuildError

SERVICES = frozenset({"bedrock-runtime", "rds", "s3", "secretsmanager", "sqs"})  # that functions/ call
UNUSED = (
    "bin",  # pip's scripts
    "**/*.pyi",  # for type checkers
    "**/py.typed",
    "*.dist-info/INSTALLER",  # for pip; METADATA, entry points and licences stay
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/sboms",
    "alembic/templates",  # for new revisions
    "alembic/testing",
    "aws_lambda_powertools/event_handler",  # a web framework with a copy of Swagger UI
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "boto3/data",  # resources: the functions use clients
    "boto3/examples",
    "openai/resources/admin",  # the parts of its API that are no chat
    "openai/resources/beta",
    "openai/resources/live",
    "openai/resources/realtime",
    "openai/types/admin",
    "openai/types/beta",
    "openai/types/live",
    "openai/types/realtime",
    "pydantic_ai/.agents",
    "pydantic_ai/durable_exec/dbos",  # bridges to workflow engines, voice and browsers
    "pydantic_ai/durable_exec/prefect",
    "pydantic_ai/durable_exec/temporal",
    "pydantic_ai/realtime",
    "pydantic_ai/ui",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/testing",
)


def prune(root: Path) -> None:
    """Remove the unused from a folder of packages.

    Raises BuildError for a pattern that finds nothing: a new version has moved what it meant.
    """
    for pattern in UNUSED:
        if not (found := list(root.glob(pattern))):
            raise BuildError(f"nothing matches {pattern!r} any more: look into the new version and mend {__name__}")
        for path in found:
            _remove(path)
    for service in _other_services(root / "botocore" / "data"):
        shutil.rmtree(service)


def _other_services(data: Path) -> Iterator[Path]:
    if missing := [name for name in SERVICES if not (data / name).is_dir()]:
        raise BuildError(f"botocore knows no service {', '.join(sorted(missing))}: mend {__name__}")
    return (path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
