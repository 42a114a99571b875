"""What queues, event source mappings and settings must agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from functions.core.errors import Misconfigured
from functions.core.settings import PREFIX, Settings
from local.templates.deployment import Deployment, MappingSpec, QueueSpec
from local.templates.intrinsics import Call
from local.templates.laptop import load_template
from local.templates.written import QUEUE, Template
from tests.infra.expressions import walk
from tests.infra.world import World

_LONGEST_RETENTION = 1_209_600  # SQS's, 14 days
_LONGEST_TIMEOUT = 900  # Lambda's
_CORRECT = {"database_url": "postgresql+psycopg://u@h/d"}  # for what a template says by reference only


def numbers(world: World) -> Iterator[str]:
    """What settings are told about functions and queues are the functions' and queues' own expressions."""
    worker, queues = world.root.functions["chunk_worker"], world.root.of_type(QUEUE)
    redriven = {
        key: queue["RedrivePolicy"]["maxReceiveCount"] for key, queue in queues.items() if "RedrivePolicy" in queue
    }
    said = {
        "FUNCTION_TIMEOUT": {"ChunkWorker.Timeout": worker.properties["Timeout"]},
        "QUEUE_VISIBILITY": {"ChunkQueue.VisibilityTimeout": queues["ChunkQueue"].get("VisibilityTimeout")},
        "MAX_RECEIVE_COUNT": {f"{key}.maxReceiveCount": count for key, count in redriven.items()},
    }
    for variable, truths in said.items():
        told = worker.environment.get(PREFIX + variable)
        for name, truth in truths.items():
            if told != truth:
                yield f"{PREFIX}{variable} is not the same as {name}"


def queues(world: World) -> Iterator[str]:
    """Each queue has a net, each net a reader, and a dead letter outlives every message."""
    deployment = world.deployment
    nets = {queue.dead_letter for queue in deployment.queues.values() if queue.dead_letter}
    read = {mapping.queue_name: name for name, each in deployment.functions.items() for mapping in each.mappings}
    for queue in deployment.queues.values():
        if queue.logical_id not in nets and queue.dead_letter is None:
            yield f"{queue.logical_id} has no dead-letter queue"
        if queue.logical_id in nets:
            yield from _net(queue, deployment, read)
        elif queue.name not in read:
            yield f"{queue.logical_id}: no function reads it"


def _net(queue: QueueSpec, deployment: Deployment, read: Mapping[str, str]) -> Iterator[str]:
    if queue.dead_letter is not None:
        yield f"{queue.logical_id} is a dead-letter queue and has one itself"
    if read.get(queue.name) != "dead_letter":
        yield f"{queue.logical_id}: the function dead_letter does not read it"
    longest = max(each.retention for each in deployment.queues.values() if each.dead_letter == queue.logical_id)
    if queue.retention < max(longest, _LONGEST_RETENTION):
        yield f"{queue.logical_id} keeps messages for {queue.retention} s: less than 14 days, or than its queue"


def mappings(world: World) -> Iterator[str]:
    """Visibility is six times the timeout whatever is chosen, failures are reported one by one, settings load."""
    for chosen in _choices(world.root):
        try:
            deployment = load_template(world.root.path, chosen)
        except Misconfigured as error:
            yield f"{chosen}: {error}"
            continue
        said = ", ".join(f"{name}={value}" for name, value in chosen.items())
        visibility = {queue.name: queue.visibility_timeout for queue in deployment.queues.values()}
        for function in deployment.functions.values():
            if function.timeout > _LONGEST_TIMEOUT:
                yield f"{function.logical_id}: a timeout of {function.timeout} s is more than Lambda's ({said})"
            for mapping in function.mappings:
                yield from _mapping(
                    function.logical_id, mapping, visibility[mapping.queue_name], function.timeout, said
                )
        yield from _loads(deployment, said)


def _mapping(name: str, mapping: MappingSpec, visibility: int, timeout: int, said: str) -> Iterator[str]:
    if visibility < 6 * timeout:
        yield f"{name}: {mapping.queue_name} hides messages for {visibility} s, less than 6 x {timeout} ({said})"
    if not mapping.report_batch_item_failures:
        yield f"{name}: the mapping of {mapping.queue_name} lacks ReportBatchItemFailures"


def _loads(deployment: Deployment, said: str) -> Iterator[str]:
    """The rooms' settings take what the function is given."""
    given = deployment.functions["chunk_worker"].environment
    try:
        Settings.load(**_CORRECT, **{name.removeprefix(PREFIX).lower(): text for name, text in given.items()})
    except Misconfigured as error:
        yield f"settings refuse the template's numbers ({said}): {error}"


def _choices(root: Template) -> list[dict[str, str]]:
    """Nothing, and each value that a function's timeout may have."""
    timeouts = {
        str(part.argument)
        for each in root.functions.values()
        for part in walk(each.properties["Timeout"])
        if isinstance(part, Call)
    }
    allowed = {name: root.raw["Parameters"][name].get("AllowedValues", ()) for name in sorted(timeouts)}
    return [{}, *({name: str(value)} for name, values in allowed.items() for value in values)]
