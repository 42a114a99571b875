"""`python -m tests.simulation.model`: explore the worlds of the protocol, break it, or hold it against the real store.

::

    python -m tests.simulation.model                     the small worlds, whole
    python -m tests.simulation.model large               the large ones too: minutes
    python -m tests.simulation.model mutations           each way to break the protocol, with its shortest history
    python -m tests.simulation.model conform             every transaction of the small worlds on the real store
    python -m tests.simulation.model world --chunks 2 --copy 1 --crash 1 --retry 1 …
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.simulation.model.checker import TooMany, Verdict, explore
from tests.simulation.model.conformance import disagreement, transactions
from tests.simulation.model.mutations import MUTATIONS
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import Budget
from tests.simulation.model.story import story
from tests.simulation.model.twin import Twin
from tests.simulation.model.worlds import LARGE, SMALL

_SIZES = ("chunks", "workers", "finalizers", "planners")


def main() -> int:
    """The exit status: 1 when something is not as it should be."""
    asked = _arguments()
    if asked.what == "conform":
        return _conform()
    if asked.what == "mutations":
        return _explore({name: mutation.broken for name, mutation in MUTATIONS.items()}, asked.most, wrong=True)
    if asked.what == "world":
        sizes = {name: getattr(asked, name) for name in _SIZES}
        return _explore({"this world": Setup(budget=_budget(asked), **sizes)}, asked.most)
    return _explore(SMALL | LARGE if asked.what == "large" else SMALL, asked.most)


def _explore(worlds: Mapping[str, Setup], most: int, *, wrong: bool = False) -> int:
    bad = 0  # worlds that are not as they should be
    for name, setup in worlds.items():
        try:
            verdict = explore(setup, most=most)
        except TooMany as error:
            print(f"{name:52} {error}: allow more with --most", file=sys.stderr)
            bad += 1
            continue
        print(_line(name, verdict), flush=True)
        if verdict.wrong:
            print(story(verdict))
        bad += bool(verdict.wrong) is not wrong
    return min(bad, 1)


def _line(name: str, verdict: Verdict) -> str:
    size = f"{verdict.states:9,} states {verdict.transitions:11,} transitions {verdict.seconds:6.1f} s"
    return f"{name:52} {size}  {' '.join(sorted(verdict.ends))}"


def _conform() -> int:
    bad = 0
    for name, setup in SMALL.items():
        many = 0
        with tempfile.TemporaryDirectory() as folder:
            twin = Twin(str(Path(folder) / "twin.db"), setup)
            for many, (before, step, after) in enumerate(transactions(setup), start=1):  # noqa: B007
                if found := disagreement(twin, before, step, after):
                    print(found)
                    bad += 1
            twin.close()
        print(f"{name:52} {many:7,} transactions", flush=True)
    return min(bad, 1)


def _budget(asked: argparse.Namespace) -> Budget:
    return Budget(*(getattr(asked, name) for name in Budget._fields))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.model")
    kinds = ["small", "large", "mutations", "conform", "world"]
    parser.add_argument("what", nargs="?", default="small", choices=kinds)
    parser.add_argument("--most", type=int, default=5_000_000, help="give up beyond so many states")
    for name in _SIZES:
        parser.add_argument(f"--{name}", type=int, default=getattr(Setup(), name))
    for name in Budget._fields:
        parser.add_argument(f"--{name}", type=int, default=0, help="how many may happen")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
