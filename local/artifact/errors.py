"""What a build says when it cannot go on."""

from __future__ import annotations


class BuildError(Exception):
    """One line: what is wrong, and what to do."""


class Unreachable(BuildError):
    """No package index answered: nothing is wrong here but the way out."""


class NoPython(BuildError):
    """This machine has no Python of Lambda's version."""
