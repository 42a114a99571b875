"""What every line of a bill is made from: so many units of a price. No price, speed or size stands here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local.costs.measured import Counted, Measured
from local.costs.prices import Prices
from local.costs.sizes import Sizes

GB = 1e9


@dataclass(frozen=True, slots=True)
class Work:
    """So many chunks, in documents of so many bytes."""

    chunks: float
    document_bytes: float


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of a price."""

    what: str
    price: str
    quantity: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """The same chunks by other means: what starts and keeps them, and the Lambda time that calls the model."""

    what: str
    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """In all."""
        return total(self.lines)


def total(lines: Sequence[Line]) -> float:
    """Dollars of all lines."""
    return sum(line.dollars for line in lines)


@dataclass(frozen=True, slots=True)
class Bill:
    """What stands behind every line."""

    prices: Prices
    measured: Measured
    sizes: Sizes

    def lambda_lines(self, room: str, function: str, invocations: float, seconds: float) -> Iterator[Line]:
        """Invocations and billed seconds of what `function` does; `room` is what it is called."""
        gb_seconds = seconds * self.sizes.memory[function] / 1024
        yield self.line(f"Lambda, {room}: invocations", "lambda_request", invocations)
        yield self.line(f"Lambda, {room}: duration", f"lambda_gb_second_{self.sizes.architecture}", gb_seconds)

    def own_seconds(self, function: str, room: Counted) -> float:
        """Billed seconds of what was counted, without a model: CPU by the memory's share, and every wait by itself."""
        waits = (
            room.statements * self.of("statement_ms")
            + room.commits * self.of("commit_ms")
            + sum(room.calls.values()) * self.of("call_ms")
        )
        return self.cpu_seconds(function, room) + waits / 1000

    def cpu_seconds(self, function: str, room: Counted) -> float:
        """Seconds that what was counted takes a function, which has a share of a vCPU by its memory."""
        share = min(1.0, self.sizes.memory[function] / self.of("mb_a_vcpu"))
        return room.cpu_ms / 1000 / share

    def calls(self, operations: Sequence[str], *rooms: str) -> Iterator[int]:
        """How often each room asked AWS for each of these operations, for the document that was counted."""
        return (self.measured.rooms[room].calls.get(operation, 0) for room in rooms for operation in operations)

    def scale(self, work: Work) -> float:
        """How many times the chunks of the document that was counted."""
        return work.chunks / self.measured.chunks

    def documents(self, work: Work) -> float:
        """How many documents the chunks come from."""
        return work.chunks * self.measured.bytes / self.measured.chunks / work.document_bytes

    def of(self, name: str) -> float:
        """What was assumed."""
        return self.measured.assumed[name]

    def line(self, what: str, price: str, quantity: float) -> Line:
        """So many units of a price. Raises Misconfigured when the prices lack it."""
        return Line(what, price, quantity, self.prices[price].of(quantity))
