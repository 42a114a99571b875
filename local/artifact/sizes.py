"""How large the artifact is, and what makes it so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def sizes(artifact: Path) -> Counter[str]:
    """Bytes unzipped, by package, as Lambda counts them."""
    found: Counter[str] = Counter()
    for path in artifact.rglob("*"):
        if path.is_file():
            found[_package(path.relative_to(artifact).parts[0])] += path.stat().st_size
    return found


def _package(name: str) -> str:
    """`x`, for `x/`, `x.libs/`, `x.pyc` and `x-1.0.dist-info/` alike."""
    return name.split(".")[0].split("-")[0]
