"""CPU and memory of a stack's processes, and how busy the rest of the machine was meanwhile."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


class ProcessDied(Exception):
    """A process of the stack was replaced while it was measured: the figures would be of two."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU seconds so far, by process name and of this process; idle seconds so far, of all cores together."""

    pids: Mapping[str, int]
    cpu: Mapping[str, float]
    here: float
    idle: float
    at: float

    @classmethod
    def take(cls, pids: Mapping[str, int]) -> Self:
        """Now. Raises ProcessDied for a process that is gone."""
        try:
            cpu = {name: _seconds(psutil.Process(pid)) for name, pid in pids.items()}
        except psutil.NoSuchProcess as error:
            raise ProcessDied(f"process {error.pid} of the stack died during the measurement") from None
        return cls(dict(pids), cpu, _seconds(psutil.Process()), _idle_seconds(), time.monotonic())

    def since(self, before: Snapshot) -> Spent:
        """What was spent since an earlier snapshot. Raises ProcessDied when the processes are not the same."""
        if self.pids != before.pids:
            raise ProcessDied("a process of the stack was started anew during the measurement")
        ours = {name: self.cpu[name] - before.cpu[name] for name in self.cpu}
        seconds = max(1e-3, self.at - before.at)
        # What is not idle and not ours; on a virtual machine also what its host gave to others.
        busy = (os.cpu_count() or 1) * seconds - (self.idle - before.idle)
        others = max(0.0, busy - sum(ours.values()) - (self.here - before.here)) / seconds
        return Spent(ours, others)


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds by process of the stack, and how many cores everything else on the machine took on average."""

    cpu: Mapping[str, float]
    other_cores: float

    @property
    def total(self) -> float:
        """CPU seconds of the whole stack."""
        return sum(self.cpu.values())


def peak_mb(pid: int) -> float:
    """The most memory (MB, resident) that a process has had; where the system does not tell, what it has now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024 / 1e6
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _seconds(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _idle_seconds() -> float:
    spent = psutil.cpu_times()
    return float(spent.idle + getattr(spent, "iowait", 0.0))
