"""The Docker engine, through the `docker` command: which one it is, and the network that our containers share."""

from __future__ import annotations

import shutil
import subprocess

_WITHOUT = "or use `piecewise up`, which needs none"
_PATIENCE = 30.0  # seconds; a desktop's engine that sleeps wakes in a few


class EngineError(Exception):
    """Docker is missing or refuses; the message is one line with the way out."""


class Engine:
    """An engine that answers. Every method may raise EngineError."""

    def __init__(self) -> None:
        if shutil.which("docker") is None:
            raise EngineError(
                "docker is not installed, and sam runs functions in containers: install Docker "
                f"(https://docs.docker.com/get-docker/), {_WITHOUT}"
            )
        try:
            self._ask("version", "--format", "{{.Server.Version}}")
        except EngineError as error:
            raise EngineError(f"{error} (start Docker, {_WITHOUT})") from None

    @property
    def address(self) -> str:
        """Where the engine listens, as DOCKER_HOST has it: sam does not know the contexts of the docker command."""
        return self._ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")

    def has_image(self, name: str) -> bool:
        """Whether the image is here already."""
        return bool(self._ask("image", "ls", "--quiet", name))

    def make_network(self, name: str) -> str:
        """A bridge network of that name, empty: what a killed run left in it goes; the address of its gateway."""
        self.remove_network(name)
        self._ask("network", "create", "--driver", "bridge", name)
        return self._ask("network", "inspect", name, "--format", "{{(index .IPAM.Config 0).Gateway}}")

    def containers(self, network: str) -> list[str]:
        """The ids of what is on a network, running or not; nothing where there is no such network."""
        return self._ask("ps", "--all", "--quiet", "--no-trunc", "--filter", f"network={network}").split()

    def remove_network(self, name: str) -> None:
        """Remove the network, if it is there, with every container on it."""
        if not self._ask("network", "ls", "--quiet", "--filter", f"name=^{name}$"):
            return
        if left := self.containers(name):
            self._ask("rm", "--force", *left)
        self._ask("network", "rm", name)

    def _ask(self, *words: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603
                ["docker", *words],  # noqa: S607 - whichever the user has
                capture_output=True, text=True, timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise EngineError(f"docker {words[0]} does not answer within {_PATIENCE:g} s: restart Docker") from None
        if done.returncode:
            raise EngineError(f"docker {words[0]} failed: {' '.join(done.stderr.split())[:500]}")
        return done.stdout.strip()
