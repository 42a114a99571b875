"""Compiles a folder of modules. Run by Lambda's Python, whichever runs the build: it imports the standard library only.

`compiler.py ROOT FOLDER ROOT-ON-LAMBDA [--bare]`
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import marshal
from pathlib import Path

_UNCHECKED_HASH = 0b01  # PEP 552: never compared with the source, whose time a zip does not keep


def compile_folder(root: Path, folder: str, on_lambda: str, *, bare: bool) -> None:
    """Write each module's bytecode beside its source; a `bare` one in its place, without docstrings.

    Sources and docstrings of other people's packages are 60 % of them. A traceback keeps its files and lines.
    """
    for source in sorted((root / folder).rglob("*.py")):
        text = source.read_bytes()
        tree = ast.parse(text)
        if bare:
            _drop_docstrings(tree)
        name = f"{on_lambda}/{source.relative_to(root).as_posix()}"
        code = marshal.dumps(compile(tree, name, "exec", dont_inherit=True, optimize=0))
        target = source.with_suffix(".pyc") if bare else Path(importlib.util.cache_from_source(source))
        target.parent.mkdir(exist_ok=True)
        header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little")
        target.write_bytes(header + importlib.util.source_hash(text) + code)
        if bare:
            source.unlink()


def _drop_docstrings(tree: ast.Module) -> None:
    """As `python -OO` does, but assertions stay."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            while ast.get_docstring(node, clean=False) is not None:
                at = node.body.pop(0)
                if not node.body and not isinstance(node, ast.Module):
                    node.body.append(ast.copy_location(ast.Pass(), at))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("folder")
    parser.add_argument("on_lambda")
    parser.add_argument("--bare", action="store_true")
    given = parser.parse_args()
    compile_folder(given.root, given.folder, given.on_lambda, bare=given.bare)
