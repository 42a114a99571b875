"""The wheels of the lock, laid out as a function imports them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from local.artifact.errors import BuildError, Unreachable
from local.artifact.target import PYTHON, Architecture


def install(lock: str, architecture: Architecture, into: Path) -> None:
    """Put the lock's packages for `architecture` into a folder. Wheels only, each of a hash that the lock names.

    Raises Unreachable without a network, BuildError with pip's own last word.
    """
    with TemporaryDirectory() as scratch:
        chosen = Path(scratch, "requirements.txt")
        chosen.write_text(requirements(lock, architecture))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
        command += ["--python-version", PYTHON, "--implementation", "cp", "--target", str(into)]
        command += [f"--platform={tag}" for tag in architecture.platforms]
        pip = subprocess.run([*command, "-r", str(chosen)], capture_output=True, text=True)  # noqa: S603 - our own words
    if pip.returncode:
        raise failure(pip.stderr)


def requirements(lock: str, architecture: Architecture) -> str:
    """The lines of the lock that hold on Lambda, without their markers: pip would ask those of its own machine."""
    return "\n".join(filter(None, (_on_lambda(entry, architecture) for entry in re.split(r"\n(?=\S)", lock))))


def _on_lambda(entry: str, architecture: Architecture) -> str | None:
    words, _, hashes = entry.partition("\\")
    requirement = Requirement(words)
    if requirement.marker and not requirement.marker.evaluate(architecture.markers):
        return None
    requirement.marker = None
    return f"{requirement} \\{hashes.rstrip()}"


def failure(said: str) -> BuildError:
    """What pip's words on stderr mean."""
    if "Retrying (" in said and "No matching distribution" in said:  # pip's words for an index that does not answer
        return Unreachable("pip reached no package index: the wheels of infra/locks/run.txt are needed once")
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR")]
    return BuildError(f"pip could not fetch the wheels: {errors[-1] if errors else said.strip()[-300:]}")
