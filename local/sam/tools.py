"""What has to be here besides Docker: sam, and what it runs functions with."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.artifact.build import ROOT, build
from local.artifact.errors import BuildError
from local.artifact.target import PYTHON, host


class ToolMissing(Exception):
    """The message is one line with the way out."""


def find_sam() -> str:
    """The sam of `make cloud`, else the one on PATH. Raises ToolMissing."""
    ours = ROOT / ".venv-cloud" / "bin" / "sam"
    found = str(ours) if ours.exists() else shutil.which("sam")
    if found is None:
        raise ToolMissing("sam is not installed: `make cloud` brings it, in an environment of its own")
    return found


def image() -> str:
    """The image in which sam runs a function on this machine, once it has made it of Lambda's."""
    return f"public.ecr.aws/lambda/python:{PYTHON}-rapid-{host()}"


def built() -> Path:
    """The artifact for this machine's architecture, up to date. Raises ToolMissing, as without python3.13."""
    try:
        return build(host()).absolute()
    except BuildError as error:
        raise ToolMissing(f"the build: {error}") from None
