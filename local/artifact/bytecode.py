"""Modules compiled ahead of time: Lambda's Python cannot write to /var/task, and would compile at every cold start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from local.artifact.errors import BuildError, NoPython
from local.artifact.target import PYTHON, ROOT_ON_LAMBDA

_COMPILER = str(Path(__file__).with_name("compiler.py"))
_WHO = "import sys; print(sys.version); sys.exit(not sys.version.startswith(sys.argv[1]))"


@cache
def lambdas_python() -> tuple[str, str]:
    """A Python of Lambda's version on this machine, and what it says of itself.

    Raises NoPython when there is none: bytecode of another version is not even looked at.
    """
    for python in _candidates():
        said = subprocess.run([python, "-I", "-S", "-c", _WHO, f"{PYTHON}."], capture_output=True, text=True)  # noqa: S603
        if said.returncode == 0:  # a shim of pyenv may stand for a version that is not chosen
            return python, said.stdout.strip()
    raise NoPython(
        f"python{PYTHON} is needed to compile for Lambda, and neither PATH nor pyenv has one. Install it "
        f"(`pyenv install {PYTHON}`), or build with UNCOMPILED=1: cold starts then take more than twice as long"
    )


def _candidates() -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{PYTHON}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(map(str, pyenv.glob(f"versions/{PYTHON}.*/bin/python{PYTHON}")))


def compile_folder(root: Path, folder: str = ".", *, bare: bool = False) -> None:
    """Compile the modules of a folder under `root`; see compiler.py. Raises BuildError."""
    python, _ = lambdas_python()
    command = [python, "-s", "-S", "-P", "-W", "ignore", _COMPILER, str(root), folder, ROOT_ON_LAMBDA]
    # A set's order is in the bytecode: it must be the same in every build.
    done = subprocess.run(  # noqa: S603 - our own words
        [*command, *(["--bare"] if bare else [])], capture_output=True, text=True, env={"PYTHONHASHSEED": "0"}
    )
    if done.returncode:
        raise BuildError(f"compiling {root / folder} failed: {done.stderr.strip()[-300:]}")
