"""What is read from template.yaml, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.core.errors import Misconfigured
from functions.core.settings import Settings
from local.templates.deployment import CorsSpec, Deployment, MappingSpec
from local.templates.laptop import load_template

ROOMS = {"api", "planner", "chunk_worker", "finalizer", "dead_letter", "reconciler", "migrate"}
SMALL = """
Parameters:
  Width:
    Type: Number
    Default: 3
  Names:
    Type: CommaDelimitedList
    Default: a,b
Conditions:
  IsNarrow: !And [!Not [!Equals [!Ref Width, 4]], !Or [!Equals [!Join ["-", !Ref Names], a-b], !Condition IsSquare]]
  IsSquare: !Equals [!Ref AWS::Region, somewhere]
Mappings:
  Twice:
    "3": {Is: 6}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: functions.work.handler.handler
      Environment:
        Variables:
          KNOWN: !Ref Width
          CHOSEN: !If [IsNarrow, 1, 2]
          MAPPED: !FindInMap [Twice, !Ref Width, Is]
          UNDECIDED: !If [IsSquare, 1, 2]
          UNMAPPED: !FindInMap [Twice, "4", Is]
          NONE: !Ref AWS::NoValue
          TEXT: each machine's own affair
          UNKNOWN: !Sub "${AWS::AccountId}"
          QUEUE: !GetAtt WorkQueue.QueueName
          BUCKET: !Ref Things
          ARN: !GetAtt WorkQueue.Arn
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt WorkQueue.Arn
            BatchSize: 4
            ScalingConfig:
              MaximumConcurrency: !Ref Width
  WorkQueue:
    Type: AWS::SQS::Queue
    Properties:
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt WorkDeadLetterQueue.Arn
        maxReceiveCount: 2
  WorkDeadLetterQueue:
    Type: AWS::SQS::Queue
  Things:
    Type: AWS::S3::Bucket
"""


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    return load_template()


def small(folder: Path, *changes: tuple[str, str]) -> Deployment:
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "template.yaml"
    path.write_text(text)
    return load_template(path)


def test_every_room_is_a_function(deployment: Deployment) -> None:
    assert deployment.functions.keys() == ROOMS
    assert all(
        function.handler == f"functions.{room}.handler.handler" for room, function in deployment.functions.items()
    )


def test_every_function_gets_the_names_that_settings_need(deployment: Deployment) -> None:
    for function in deployment.functions.values():
        assert function.environment == {
            "PIECEWISE_BUCKET": "piecewise-documents",
            "PIECEWISE_PLAN_QUEUE": "piecewise-plan",
            "PIECEWISE_CHUNK_QUEUE": "piecewise-chunk",
            "PIECEWISE_FINALIZE_QUEUE": "piecewise-finalize",
            "PIECEWISE_FUNCTION_TIMEOUT": "300",
            "PIECEWISE_QUEUE_VISIBILITY": "1860",
            "PIECEWISE_MAX_RECEIVE_COUNT": "5",
        }


def test_the_chunk_worker_is_fed_eight_by_eight_without_waiting(deployment: Deployment) -> None:
    assert deployment.functions["chunk_worker"].mappings == (MappingSpec("piecewise-chunk", 8, 0, 8, True),)


@pytest.mark.parametrize("room", ["planner", "finalizer"])
def test_plans_and_finalizers_come_one_at_a_time(deployment: Deployment, room: str) -> None:
    (mapping,) = deployment.functions[room].mappings
    assert mapping.batch_size == 1
    assert mapping.report_batch_item_failures
    assert mapping.maximum_concurrency is not None
    assert mapping.maximum_concurrency >= 2


def test_every_queue_has_a_net_and_every_net_a_reader(deployment: Deployment) -> None:
    nets = {queue.dead_letter for queue in deployment.queues.values() if queue.dead_letter}
    assert nets == {"PlanDeadLetterQueue", "ChunkDeadLetterQueue", "FinalizeDeadLetterQueue"}
    read = {mapping.queue_name for mapping in deployment.functions["dead_letter"].mappings}
    assert read == {deployment.queues[net].name for net in nets}
    assert all(deployment.queues[net].retention == 14 * 86_400 for net in nets)


def test_a_visibility_timeout_is_six_times_its_functions_timeout(deployment: Deployment) -> None:
    visibility = {queue.name: queue.visibility_timeout for queue in deployment.queues.values()}
    fed = [(function, mapping) for function in deployment.functions.values() for mapping in function.mappings]
    assert len(fed) == len(visibility)
    assert all(visibility[mapping.queue_name] >= 6 * function.timeout for function, mapping in fed)


@pytest.mark.parametrize("timeout", [180, 300, 600, 900])
def test_another_timeout_brings_its_own_visibility_and_tells_the_functions(timeout: int) -> None:
    deployment = load_template(parameters={"FunctionTimeout": str(timeout), "MaxReceiveCount": "7"})
    worker, chunk = deployment.functions["chunk_worker"], deployment.queues["ChunkQueue"]
    assert (worker.timeout, chunk.visibility_timeout, chunk.max_receive_count) == (timeout, 6 * timeout + 60, 7)
    assert worker.environment["PIECEWISE_FUNCTION_TIMEOUT"] == str(timeout)
    assert worker.environment["PIECEWISE_QUEUE_VISIBILITY"] == str(6 * timeout + 60)
    assert worker.environment["PIECEWISE_MAX_RECEIVE_COUNT"] == "7"


def test_pages_of_other_origins_may_do_nothing_until_they_are_named(deployment: Deployment) -> None:
    assert deployment.cors is None
    assert load_template(parameters={"CorsOrigins": "https://a.example,https://b.example"}).cors == CorsSpec(
        allow_origins=("https://a.example", "https://b.example"),
        allow_methods=("GET", "HEAD", "POST", "DELETE"),
        allow_headers=("authorization", "content-type", "idempotency-key", "if-none-match"),
        expose_headers=("etag", "idempotency-replayed", "location", "retry-after", "x-request-id"),
        max_age=3600,
        allow_credentials=False,
    )


def test_a_parameter_that_the_template_does_not_have_is_refused() -> None:
    with pytest.raises(Misconfigured, match="Colour: there is no such parameter"):
        load_template(parameters={"Colour": "blue"})


def test_the_settings_say_the_same_as_the_template(deployment: Deployment) -> None:
    settings = Settings(database_url="", bucket="", plan_queue="", chunk_queue="", finalize_queue="")
    chunk = deployment.queues["ChunkQueue"]
    assert deployment.functions["chunk_worker"].timeout == settings.function_timeout
    assert (chunk.visibility_timeout, chunk.max_receive_count) == (
        settings.queue_visibility,
        settings.max_receive_count,
    )


def test_the_reconciler_comes_every_minute(deployment: Deployment) -> None:
    assert deployment.functions["reconciler"].schedule_seconds == 60


def test_references_become_names_and_what_only_aws_knows_is_left_out(tmp_path: Path) -> None:
    function = small(tmp_path).functions["work"]
    assert function.environment == {
        "KNOWN": "3",
        "CHOSEN": "1",
        "MAPPED": "6",
        "QUEUE": "piecewise-work",
        "BUCKET": "piecewise-things",
    }
    assert function.mappings == (MappingSpec("piecewise-work", 4, 0, 3, False),)


def test_what_is_not_said_is_as_on_aws(tmp_path: Path) -> None:
    deployment = small(tmp_path)
    function, queue = deployment.functions["work"], deployment.queues["WorkQueue"]
    assert (function.timeout, function.memory) == (3, 128)
    assert (queue.visibility_timeout, queue.retention) == (30, 345_600)


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        (("            BatchSize: 4\n", ""), "Work.Events.Work.BatchSize is missing"),
        (("BatchSize: 4", "BatchSize: many"), "Work.Events.Work.BatchSize is not a whole number"),
        (
            ("            Queue: !GetAtt WorkQueue.Arn\n", ""),
            "Work.Events.Work.Queue is not a !GetAtt of",
        ),
        (("Queue: !GetAtt WorkQueue.Arn", "Queue: !GetAtt Other.Arn"), "Work.Events.Work.Queue is Other, which is not"),
        (("        maxReceiveCount: 2\n", ""), "WorkQueue.RedrivePolicy.maxReceiveCount is missing"),
        (
            ("!GetAtt WorkDeadLetterQueue.Arn", "!GetAtt Gone.Arn"),
            "WorkQueue.RedrivePolicy points to Gone",
        ),
        (("AWS::S3::Bucket", "AWS::SNS::Topic"), "Resources has 0 buckets; one is needed"),
        (("AWS::Serverless::Function", "AWS::SNS::Topic"), "Resources has no functions"),
        (("AWS::SQS::Queue", "AWS::SNS::Topic"), "Work.Events.Work.Queue is WorkQueue, which is not a queue"),
        (("Handler: functions.work.handler.handler", "Handler: handler"), "Work.Handler is not a dotted name"),
        (("Type: SQS", "Type: SQS: SQS"), "not YAML"),
        (("Resources:", "Things:"), "Resources is missing"),
    ],
)
def test_a_template_without_what_is_needed_is_refused_in_one_line(
    tmp_path: Path, change: tuple[str, str], trouble: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        small(tmp_path, change)
    assert trouble in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_schedule_that_is_no_rate_is_refused(tmp_path: Path) -> None:
    daily = "Type: Schedule\n          Properties:\n            Schedule: cron(0 12 * * ? *)\n        Other:\n"
    with pytest.raises(Misconfigured, match=r"Schedule is not a rate"):
        small(tmp_path, ("Type: SQS", f"{daily}          Type: SQS"))


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        load_template(tmp_path / "none.yaml")
