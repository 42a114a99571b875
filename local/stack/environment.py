"""What the processes of a stack see: the user's environment, this stack's places, and no way to a real AWS account."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from local.options import Options
from local.state_dir import StateDir
from local.templates.deployment import Deployment

_ROOT = Path(__file__).resolve().parent.parent.parent
_REGION = "us-east-1"
_MODELS = ("local", "simulated", "openai:*", "anthropic:*", "bedrock:*")
_ACCOUNT = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL")
_NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "piecewise",  # a key that is its own secret
    "AWS_SECRET_ACCESS_KEY": "piecewise",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": _REGION,
    "AWS_DEFAULT_REGION": _REGION,
}


def environment(
    options: Options, state: StateDir, deployment: Deployment, given: Mapping[str, str], database_url: str | None = None
) -> dict[str, str]:
    """The environment of every process of the stack; `given` is the user's own, `database_url` None the state's file.

    The user's PIECEWISE_* pass through, but for what says where things are: a stack that releases leases at its
    start must never do so in somebody's shared database.
    """
    own: dict[str, str] = {**_account(options, given), **_process(given)}
    own |= {
        "PIECEWISE_ALLOWED_MODELS": ",".join(_MODELS),
        "PIECEWISE_RECONCILER_PAUSE": "15",
        "PIECEWISE_METRICS": "false",  # nobody reads them here, and progress is drawn on the same terminal
        **_settings(given),
    }
    for function in deployment.functions.values():
        own.update(function.environment)
    own |= {
        "PIECEWISE_AUTH": "none",
        "PIECEWISE_DATABASE_URL": database_url or state.database_url,
        "PIECEWISE_DATABASE_AUTH": "url",
        "PIECEWISE_SCRATCH_DIR": str(state.path),
        "PIECEWISE_RECONCILER_PASSES": "1",  # one a run of the schedule; on AWS one run a minute makes two
    }
    if options.model is not None:
        own["PIECEWISE_DEFAULT_MODEL"] = options.model
    if options.simulate:
        own["PIECEWISE_SIMULATE"] = json.dumps(dict(options.simulate))
    return {**own, **options.env}


def _account(options: Options, given: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without a way into an AWS account, unless the model is there."""
    model = options.model or given.get("PIECEWISE_DEFAULT_MODEL", "")
    if model.startswith("bedrock:"):
        region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or _REGION
        return {**given, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return {name: value for name, value in given.items() if name not in _ACCOUNT} | _NO_ACCOUNT


def _process(given: Mapping[str, str]) -> dict[str, str]:
    """What Python and the HTTP clients of a child need to find this project, and this machine without a proxy."""
    direct = ",".join(filter(None, [given.get("NO_PROXY") or given.get("no_proxy"), "127.0.0.1,localhost"]))
    return {
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), given.get("PYTHONPATH")])),
    }


def _settings(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.startswith("PIECEWISE_")}
