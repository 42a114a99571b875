"""The artifact put together: the lock's packages once, our own code at each change."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from local.artifact import elf
from local.artifact.bytecode import compile_folder, lambdas_python
from local.artifact.errors import BuildError
from local.artifact.prune import prune
from local.artifact.target import Architecture, host
from local.artifact.wheels import install

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build"
OURS = ("functions", "migrations")
_LOCK = ROOT / "infra" / "locks" / "run.txt"
_EPOCH = 1_577_836_800  # 2020-01-01: a zip of the same files is the same zip


def build(architecture: Architecture, *, at: Path = FOLDER / "artifact", compiled: bool = True) -> Path:
    """The folder `at`, up to date for this architecture. The same inputs give the same bytes.

    Takes half a minute and the network when the lock or the architecture is new, else a second. Raises BuildError.
    """
    FOLDER.mkdir(exist_ok=True)
    with _alone(FOLDER / ".lock"):
        packages = FOLDER / f"packages-{architecture}"
        digest = _digest(architecture, compiled=compiled)
        _made(packages, digest, lambda new: _packages(new, architecture, compiled=compiled))
        return _made(at, _digest_of_ours(digest), lambda new: _together(new, packages, compiled=compiled))


def build_for_this_machine() -> Path:
    """An artifact that Lambda's Python on this machine runs, apart from what `make build` leaves. Raises BuildError."""
    return build(host(), at=FOLDER / f"artifact-{host()}")


def link(source: Path, into: Path) -> None:
    """The same files in another folder, at no cost in space where the file system knows hard links."""
    shutil.copytree(source, into, copy_function=_link, dirs_exist_ok=True)


def _packages(at: Path, architecture: Architecture, *, compiled: bool) -> None:
    install(_LOCK.read_text(), architecture, at)
    prune(at)
    for library in (path for path in at.rglob("*.so*") if elf.machine(path)):
        elf.shorten(library)
    if compiled:
        compile_folder(at, bare=True)
    _settle(at)


def _together(at: Path, packages: Path, *, compiled: bool) -> None:
    link(packages, at)
    for folder in OURS:
        shutil.copytree(ROOT / folder, at / folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
        if compiled:
            compile_folder(at, folder)
        _settle(at / folder)


def _settle(root: Path) -> None:
    """Times and modes that say nothing about who built it, and when; folders last, for their files touch them."""
    for path in sorted([root, *root.rglob("*")], reverse=True):
        path.chmod(0o755 if path.is_dir() or ".so" in path.name else 0o644)
        os.utime(path, (_EPOCH, _EPOCH))


def _digest(architecture: Architecture, *, compiled: bool) -> str:
    """Of everything that decides what the packages become: the lock, the target, this builder, the compiler."""
    told = [architecture, _LOCK.read_text(), lambdas_python()[1] if compiled else "uncompiled"]
    told += [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def _digest_of_ours(packages: str) -> str:
    digest = hashlib.sha256(packages.encode())
    for path in sorted(path for folder in OURS for path in (ROOT / folder).rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _made(folder: Path, digest: str, make: Callable[[Path], None]) -> Path:
    """The folder, made anew when it was made from something else; never seen half made."""
    stamp = folder.with_name(f"{folder.name}.made-from")
    if folder.exists() and not stamp.is_file():
        raise BuildError(f"{folder} was not made by a build, and would be replaced: remove it, or name another folder")
    if folder.is_dir() and stamp.read_text() == digest:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text("nothing whole yet")
    with TemporaryDirectory(dir=folder.parent) as scratch:
        new = Path(scratch, folder.name)
        make(new)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    stamp.write_text(digest)
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One build at a time: `sam build --parallel` asks for the artifact once a function."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
