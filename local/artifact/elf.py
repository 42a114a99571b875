"""Shared libraries without what only a debugger reads."""

from __future__ import annotations

import struct
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"  # 64 bit, little endian: both of Lambda's processors
_MACHINES = {62: "x86_64", 183: "aarch64"}


def machine(path: Path) -> str | None:
    """The processor a library is for, as `uname -m` names it; None for a file that is no library."""
    head = path.read_bytes()[:20]
    return _MACHINES.get(struct.unpack_from("<H", head, 18)[0]) if head.startswith(_MAGIC) else None


def shorten(path: Path) -> None:
    """Cut off what follows the last loaded byte, when that is the larger part of the library.

    A linker at run time reads the program headers only; the sections behind them are for debuggers, and some wheels
    carry 4 bytes of those for one of code. This needs no `strip`, which would have to know the other processor.
    """
    library = bytearray(path.read_bytes())
    loaded = _loaded(library)
    if loaded * 2 > len(library):
        return
    struct.pack_into("<Q", library, 0x28, 0)  # e_shoff: there are no section headers any more
    struct.pack_into("<HH", library, 0x3C, 0, 0)  # e_shnum, e_shstrndx
    path.write_bytes(library[:loaded])


def _loaded(library: bytearray) -> int:
    """Where the last segment ends."""
    (table,) = struct.unpack_from("<Q", library, 0x20)
    size, count = struct.unpack_from("<HH", library, 0x36)
    end: int = table + count * size
    for number in range(count):
        _, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", library, table + number * size)
        end = max(end, offset + length)
    return end
