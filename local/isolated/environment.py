"""What a function's process sees, and nothing else: the template's variables, Lambda's own, where moto is, and those
settings of the user that the template has nowhere. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_PREFIX = "PIECEWISE_"
# What this machine says instead of AWS: who may call, which database, which model. Missing where nothing declares it.
_STAND_INS = frozenset(
    (
        "PIECEWISE_ALLOWED_MODELS",
        "PIECEWISE_AUTH",
        "PIECEWISE_DATABASE_AUTH",
        "PIECEWISE_DATABASE_URL",
        "PIECEWISE_DEFAULT_MODEL",
        "PIECEWISE_MODEL_BASE_URL",
    )
)
# The role's credentials and the region; and that no other credentials are looked for.
_ACCOUNT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
)
_MOTO = ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3")
# A function that may read the secret with the model's key gets the key: there is no Secrets Manager here.
_KEY_SECRET = "PIECEWISE_MODEL_API_KEY_SECRET"  # noqa: S105 - a name
_KEYS = ("PIECEWISE_MODEL_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True, slots=True)
class Declared:
    """A function as the template has it: `declared` names its variables, `values` has those that are known here.

    `elsewhere` names the variables of other functions: one that this function lacks is missing on AWS too.
    """

    name: str
    memory: int
    declared: frozenset[str]
    values: Mapping[str, str]
    elsewhere: frozenset[str] = frozenset()


def environment(
    function: Declared, stack: Mapping[str, str], task_root: Path, *, handed: Collection[str] = ()
) -> dict[str, str]:
    """The environment of the function's process; `stack` is that of the stack, `handed` names more to take from it.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    keys = _KEYS if _KEY_SECRET in function.declared else ()
    wanted = {*_ACCOUNT, *_MOTO, *keys, *handed}
    return {
        **_of_lambda(function, task_root),
        **{name: stack[name] for name in sorted(_settings(function, stack))},
        **function.values,
        **{name: stack[name] for name in sorted(wanted) if name in stack},
    }


def _settings(function: Declared, stack: Mapping[str, str]) -> set[str]:
    """Those of the stack's settings that this function declares, or nobody: the laptop's and the user's own."""
    hidden = {*function.elsewhere, *_STAND_INS, *_KEYS} - function.declared
    return {name for name in stack if name.startswith(_PREFIX)} - hidden


def _of_lambda(function: Declared, task_root: Path) -> dict[str, str]:
    return {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]local",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "PYTHONPATH": str(task_root),
        "TZ": ":UTC",
    }
