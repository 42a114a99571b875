"""What the commands write: results on stdout, everything else on stderr, and nothing that could drive a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

# C0 and C1 controls but tab and line ends: a document or a model could hide terminal commands in them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def note(line: str) -> None:
    """One line on stderr."""
    print(one_line(line), file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Text that others wrote, fit for one line of a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def out(pieces: Iterable[str]) -> None:
    """Text on stdout as UTF-8, whatever the locale, ended with a line end. A reader that has gone is no error."""
    shown = sys.stdout.isatty()
    last = "\n"
    try:
        for piece in pieces:
            text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", piece) if shown else piece
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
            last = text[-1:] or last
        if last != "\n":
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
