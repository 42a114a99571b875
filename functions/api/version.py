"""Which Piecewise this is."""

from __future__ import annotations

VERSION = "0.1.0"  # as in pyproject.toml; a Lambda bundle carries no package metadata
