"""What the same chunks cost by other means."""

from __future__ import annotations

from collections.abc import Iterator

from local.costs.bill import GB, Alternative, Bill, Line, Work


def alternatives(bill: Bill, work: Work) -> list[Alternative]:
    """The same chunks by AWS's own orchestrators, each with the Lambda time that calls the model."""
    batch = bill.sizes.batch_size
    transitions = work.chunks * bill.of("transitions_a_chunk")
    alone, together = tuple(_calling(bill, work, 1)), tuple(_calling(bill, work, batch))
    durable = (
        bill.line("operations", "durable_operation", work.chunks * bill.of("operations_a_chunk")),
        bill.line("answers written", "durable_gb_written", work.chunks * bill.of("answer_bytes") / GB),
        bill.line("answers kept", "durable_gb_month", _kept_gb_months(bill, work)),
    )
    return [
        Alternative(
            "Step Functions Distributed Map, a workflow a chunk",
            (bill.line("transitions", "state_transition", transitions), *alone),
        ),
        Alternative(
            f"Step Functions Distributed Map, a workflow for {batch} chunks",
            (bill.line("transitions", "state_transition", transitions / batch), *together),
        ),
        Alternative("Step Functions Distributed Map, an express workflow a chunk", (*_express(bill, work), *alone)),
        Alternative(f"Lambda durable functions, {batch} chunks at once", (*durable, *together)),
    ]


def _express(bill: Bill, work: Work) -> Iterator[Line]:
    seconds = work.chunks * _calling_seconds(bill, 1)
    yield bill.line("express workflows", "express_request", work.chunks)
    yield bill.line("their duration", "express_gb_second", seconds * bill.of("express_gb"))


def _kept_gb_months(bill: Bill, work: Work) -> float:
    return work.chunks * bill.of("answer_bytes") / GB * bill.of("durable_months_kept")


def _calling(bill: Bill, work: Work, batch: int) -> Iterator[Line]:
    """Lambda's part with `batch` chunks an invocation: CPU and the model, and nothing that is kept."""
    invocations = work.chunks / batch
    yield from bill.lambda_lines("calls", "chunk_worker", invocations, invocations * _calling_seconds(bill, batch))


def _calling_seconds(bill: Bill, batch: int) -> float:
    worker = bill.measured.rooms["chunk_worker"]
    cpu = bill.cpu_seconds("chunk_worker", worker) * batch / bill.measured.chunks
    return cpu + bill.of("model_seconds")
