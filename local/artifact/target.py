"""What the artifact is built for: Lambda's python3.13 on Amazon Linux 2023, on either processor."""

from __future__ import annotations

import platform
from enum import StrEnum

PYTHON = "3.13"
ROOT_ON_LAMBDA = "/var/task"
_GLIBC = 34  # Amazon Linux 2023 has glibc 2.34 (docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html)


class Architecture(StrEnum):
    """Lambda's names for its processors."""

    ARM64 = "arm64"
    X86_64 = "x86_64"

    @classmethod
    def _missing_(cls, value: object) -> Architecture | None:
        """Other names for them: what `uname -m` says, and `host`."""
        return {"aarch64": cls.ARM64, "host": host()}.get(str(value))

    @property
    def machine(self) -> str:
        """The processor as Linux and the tags of wheels name it."""
        return "aarch64" if self is Architecture.ARM64 else "x86_64"

    @property
    def platforms(self) -> list[str]:
        """The platform tags whose wheels run there, best first (PEP 600)."""
        tags = [f"manylinux_2_{minor}" for minor in range(_GLIBC, 4, -1)] + ["manylinux2014", "manylinux2010"]
        return [f"{tag}_{self.machine}" for tag in tags]

    @property
    def markers(self) -> dict[str, str]:
        """What a requirement's marker is asked against (PEP 508): the target, not the machine that builds."""
        return {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{PYTHON}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{PYTHON}.0",
            "python_version": PYTHON,
            "sys_platform": "linux",
        }


def host() -> Architecture:
    """This machine's own architecture."""
    return Architecture.ARM64 if platform.machine().lower() in {"arm64", "aarch64"} else Architecture.X86_64
