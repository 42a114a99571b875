"""`python -m local.artifact`: build what Lambda runs, into build/artifact."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from local.artifact.build import FOLDER, build, link
from local.artifact.errors import BuildError
from local.artifact.sizes import sizes
from local.artifact.target import Architecture

_LARGEST = 15
_MB = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0, or 1 with one line on stderr."""
    given = _parser().parse_args(arguments)
    try:
        artifact = build(given.architecture, at=given.out, compiled=not given.uncompiled)
    except (BuildError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    if given.link:
        link(artifact, given.link)
    else:
        _report(artifact, given.architecture, detailed=given.sizes)
    return 0


def _report(artifact: Path, architecture: str, *, detailed: bool) -> None:
    found = sizes(artifact)
    print(f"{artifact}: {found.total() / _MB:.1f} MB unzipped, {architecture}")
    if detailed:
        for package, size in found.most_common(_LARGEST):
            print(f"{size / _MB:7.1f} MB  {package}")


def _architecture(name: str) -> Architecture:
    try:
        return Architecture(name)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name!r} is not arm64, x86_64 or host") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.artifact", description=__doc__)
    parser.add_argument(
        "--architecture",
        type=_architecture,
        default=Architecture.ARM64,
        metavar="NAME",
        help="arm64 (default), x86_64, host",
    )
    parser.add_argument(
        "--out", type=Path, default=FOLDER / "artifact", metavar="FOLDER", help="default: build/artifact"
    )
    parser.add_argument("--uncompiled", action="store_true", help="without bytecode, which needs python3.13")
    parser.add_argument("--link", type=Path, metavar="FOLDER", help="put it there too, as hard links")
    parser.add_argument("--sizes", action="store_true", help="the largest packages")
    return parser


if __name__ == "__main__":
    sys.exit(main())
