"""The rules by which the artifact is built; the artifact itself is in tests/integration/test_artifact.py."""

from __future__ import annotations

import ctypes
import marshal
import re
import shutil
from pathlib import Path
from types import CodeType

import pytest
import sqlalchemy

from local.artifact import elf
from local.artifact.compiler import compile_folder
from local.artifact.errors import BuildError, Unreachable
from local.artifact.prune import SERVICES, UNUSED, prune
from local.artifact.target import Architecture, host
from local.artifact.wheels import failure, requirements

ROOT = Path(__file__).parents[2]
LOCK = """\
everywhere==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
old-python==1.0 ; python_full_version < '3.13' \\
    --hash=sha256:cc
linux==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:dd
graviton==1.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:ee
"""
SOURCE = '''"""The module's docstring."""

class Thing:
    """A docstring, and nothing else."""

def check(number):
    """A docstring."""
    assert number, "asserted"
'''


def test_a_lock_is_read_as_lambda_would_whatever_machine_builds() -> None:
    lines = requirements(LOCK, Architecture.X86_64).splitlines()
    assert [line for line in lines if "==" in line] == ["everywhere==1.0 \\", "linux==1.0 \\"]
    assert [line.strip() for line in lines if "hash" in line] == [
        "--hash=sha256:aa \\", "--hash=sha256:bb", "--hash=sha256:dd"
    ]  # fmt: skip
    assert "graviton==1.0" in requirements(LOCK, Architecture.ARM64)


def test_every_package_of_the_lock_is_pinned_and_hashed_for_both_processors() -> None:
    lock = (ROOT / "infra" / "locks" / "run.txt").read_text()
    for architecture in Architecture:
        entries = re.split(r"\n(?=\S)", requirements(lock, architecture))
        assert all(re.match(r"[\w.-]+==\S+ \\\n +--hash=sha256:", entry) for entry in entries)


@pytest.mark.parametrize(("name", "architecture"), [("aarch64", Architecture.ARM64), ("host", host())])
def test_an_architecture_has_other_names(name: str, architecture: Architecture) -> None:
    assert Architecture(name) is architecture


def test_newer_wheels_than_lambdas_own_system_are_not_asked_for() -> None:
    tags = Architecture.ARM64.platforms
    assert tags[0] == "manylinux_2_34_aarch64"
    assert "manylinux_2_35_aarch64" not in tags


def test_without_a_network_a_build_says_so_and_not_that_a_package_is_missing() -> None:
    said = "WARNING: Retrying (Retry(total=0)) after …\nERROR: No matching distribution found for alembic==1.20.1"
    assert isinstance(failure(said), Unreachable)
    assert str(failure("ERROR: first\nERROR: DO NOT MATCH THE HASHES")).endswith("wheels: DO NOT MATCH THE HASHES")


def compiled(folder: Path, *, bare: bool) -> bytes:
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "module.py").write_text(SOURCE)
    compile_folder(folder, "package", "/var/task", bare=bare)
    return next(folder.rglob("*.pyc")).read_bytes()


@pytest.mark.parametrize("bare", [False, True])
def test_the_same_sources_give_the_same_bytecode_wherever_they_are_built(tmp_path: Path, bare: bool) -> None:
    assert compiled(tmp_path / "here", bare=bare) == compiled(tmp_path / "there", bare=bare)


def test_a_bare_module_keeps_its_assertions_and_its_place_but_no_source_and_no_docstring(tmp_path: Path) -> None:
    code = marshal.loads(compiled(tmp_path, bare=True)[16:])
    assert isinstance(code, CodeType)
    assert code.co_filename == "/var/task/package/module.py"
    assert not list(tmp_path.rglob("*.py"))
    names: dict[str, object] = {"__name__": "module"}
    exec(code, names)
    check = names["check"]
    assert (check.__doc__, names["Thing"].__doc__, names.get("__doc__")) == (None, None, None)
    with pytest.raises(AssertionError, match="asserted"):
        check(0)  # type: ignore[operator]


def test_our_own_modules_keep_source_and_docstrings(tmp_path: Path) -> None:
    assert b"A docstring, and nothing else." in compiled(tmp_path, bare=False)
    assert (tmp_path / "package" / "module.py").read_text() == SOURCE


def test_what_is_pruned_must_be_there_or_the_rule_is_out_of_date(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=re.escape(UNUSED[0])):
        prune(tmp_path)


def test_exactly_the_services_that_the_functions_call_are_kept() -> None:
    sources = [path.read_text() for path in (ROOT / "functions").rglob("*.py")]
    called = {name for source in sources for name in re.findall(r'\.(?:create_)?client\(\s*"([\w-]+)"', source)}
    assert called == SERVICES


def test_a_library_without_its_debugging_information_still_loads(tmp_path: Path) -> None:
    libraries = list(Path(sqlalchemy.__file__).parent.rglob("_util_cy*.so"))
    if not libraries or elf.machine(libraries[0]) is None:
        pytest.skip("SQLAlchemy has no compiled part of Linux here")
    copy = Path(shutil.copy(libraries[0], tmp_path))
    elf.shorten(copy)
    assert copy.stat().st_size * 2 < libraries[0].stat().st_size
    ctypes.CDLL(str(copy))
