"""The migrate function: CloudFormation's requests on a real Postgres, whose administrator is as little as RDS's is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from functions.core.errors import ProviderError
from functions.core.jobs import JobStatus
from functions.core.secret import SecretsClient, make_secrets
from functions.core.settings import MigrateSettings
from functions.core.store.tables import metadata
from functions.migrate.handler import LATEST, MARGIN, handler, respond
from functions.migrate.migrate import migrate
from migrations.upgrade import current, transaction, upgrade
from tests.fakes.cloudformation import CloudFormation, cloudformation
from tests.fakes.stage import FixedDeadline, Stage
from tests.fixtures.postgres import administer, running_server

pytest_plugins = ["tests.fixtures.stock_moto"]
PASSWORD = "correct horse: battery/staple@%"
APP = "piecewise_app"
TIME = FixedDeadline(60 + MARGIN)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server whose `boss` needs a password, and is no superuser."""
    with running_server("local all boss password") as url:
        administer(
            url,
            f"CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD.replace('%', '%%')}'",
            "CREATE ROLE rds_iam",
            "GRANT rds_iam TO boss WITH ADMIN OPTION",
        )
        yield url


@dataclass
class Cluster:
    """An empty database, owned by `boss`, and the secret that RDS keeps of him."""

    url: str
    settings: MigrateSettings
    secrets: SecretsClient

    def of(self, role: str, password: str | None = None) -> str:
        """The database's URL as that role."""
        return sa.make_url(self.url).set(username=role, password=password).render_as_string(hide_password=False)

    def migrate(self, head: str, seconds: float) -> str:
        """As the handler calls it."""
        return migrate(head, seconds, self.settings, self.secrets)

    def state(self) -> tuple[list[str], list[Any], str | None]:
        """Tables, the rights of the application's role, and the revision."""
        rights = sa.text(
            "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
            "WHERE grantee = :app ORDER BY table_name, privilege_type"
        )
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            tables = sorted(sa.inspect(connection).get_table_names())
            granted = [tuple(row) for row in connection.execute(rights, {"app": APP})]
        return tables, granted, current(self.url)


def make_secret(endpoint: str, text: str) -> tuple[str, SecretsClient]:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    client = session.client("secretsmanager", endpoint_url=endpoint)
    arn = client.create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    client.close()
    return arn, make_secrets(session, arn, endpoint_url=endpoint)


@pytest.fixture
def cluster(server: str, stock_endpoint: str) -> Iterator[Cluster]:
    """A new one; roles belong to the server, so what it made is dropped."""
    name = f"test_{uuid.uuid4().hex}"
    administer(server, f"CREATE DATABASE {name} OWNER boss TEMPLATE template0 ENCODING 'UTF8'")
    url = sa.make_url(server).set(database=name)
    arn, secrets = make_secret(stock_endpoint, json.dumps({"username": "boss", "password": PASSWORD, "port": 5432}))
    settings = MigrateSettings(
        database_url=url.set(username=None, password=None).render_as_string(), database_admin_secret=arn, app_role=APP
    )
    yield Cluster(url.render_as_string(hide_password=False), settings, secrets)
    secrets.close()  # type: ignore[attr-defined]
    administer(server, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE IF EXISTS {APP}")


@pytest.fixture
def stack() -> Iterator[CloudFormation]:
    """Whom the function answers."""
    with cloudformation() as listening:
        yield listening


def refused(url: str, statement: str) -> bool:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(statement)
        except ProgrammingError as error:
            return getattr(error.orig, "sqlstate", None) == "42501"  # insufficient_privilege
    return False


# -- requests


def test_a_create_makes_tables_and_a_role_that_may_only_work_with_rows(cluster: Cluster, stack: CloudFormation) -> None:
    respond(stack.event("Create"), TIME, cluster.migrate)

    assert stack.answer == ("SUCCESS", "the database is at 0003, piecewise_app may work with it")
    tables, rights, revision = cluster.state()
    assert (tables, revision) == (sorted([*metadata.tables, "alembic_version"]), "0003")
    rows = ("DELETE", "INSERT", "SELECT", "UPDATE")
    assert rights == [(table, right) for table in sorted(metadata.tables) for right in rows]
    (answer,) = stack.answers
    assert {name: answer[name] for name in ("StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId")} == {
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/piecewise/1",
        "RequestId": "request-1",
        "LogicalResourceId": "Migration",
        "PhysicalResourceId": "database-schema",
    }
    assert stack.content_types == [""]  # CloudFormation's URL is signed for no other


def test_the_role_logs_in_with_tokens_and_has_no_power(cluster: Cluster, stack: CloudFormation) -> None:
    respond(stack.event("Create"), TIME, cluster.migrate)

    engine = sa.create_engine(cluster.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        row = connection.execute(
            sa.text(
                "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, "
                "pg_has_role(rolname, 'rds_iam', 'member') FROM pg_roles WHERE rolname = :app"
            ),
            {"app": APP},
        ).one()
    assert tuple(row) == (True, False, False, False, False, False, True)


def test_an_update_to_the_same_head_changes_nothing(cluster: Cluster, stack: CloudFormation) -> None:
    respond(stack.event("Create"), TIME, cluster.migrate)
    before = cluster.state()
    respond(stack.event("Update", PhysicalResourceId="database-schema"), TIME, cluster.migrate)

    assert [answer["Status"] for answer in stack.answers] == ["SUCCESS", "SUCCESS"]
    assert {answer["PhysicalResourceId"] for answer in stack.answers} == {"database-schema"}
    assert cluster.state() == before


def test_a_database_at_an_earlier_revision_is_brought_up(cluster: Cluster, stack: CloudFormation) -> None:
    upgrade(cluster.of("boss", PASSWORD), revision="0001")
    respond(stack.event("Update"), TIME, cluster.migrate)

    assert stack.answer[0] == "SUCCESS"
    assert cluster.state()[2] == "0003"


@pytest.mark.parametrize("newer", ["0003", "0004"])  # 0004: the artifact is the older one too and has never heard of it
def test_a_rollback_to_an_older_head_does_nothing_and_succeeds(
    cluster: Cluster, stack: CloudFormation, newer: str
) -> None:
    upgrade(cluster.of("boss", PASSWORD))
    administer(cluster.url, f"UPDATE alembic_version SET version_num = '{newer}'")
    before = cluster.state()
    head = "0002" if newer == "0003" else "0003"
    respond(stack.event("Update", head), TIME, cluster.migrate)

    assert stack.answer == ("SUCCESS", f"nothing to do: the database is at {newer}, ahead of {head}")
    assert cluster.state() == before


def test_a_delete_asks_for_nothing_and_drops_nothing(stack: CloudFormation) -> None:
    def never(_head: str, _seconds: float) -> str:
        raise AssertionError

    respond(stack.event("Delete", None, PhysicalResourceId="of-old"), TIME, never)

    assert stack.answer == ("SUCCESS", "tables and rows stay")
    assert stack.answers[0]["PhysicalResourceId"] == "of-old"


def test_two_at_once_take_turns(cluster: Cluster, stack: CloudFormation) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: respond(stack.event("Create"), TIME, cluster.migrate), range(4)))

    assert [answer["Status"] for answer in stack.answers] == ["SUCCESS"] * 4
    assert cluster.state()[2] == "0003"


# -- what goes wrong


@pytest.mark.parametrize(("head", "says"), [("0009", "Head is 0009"), (None, "Head is not given")])
def test_a_head_that_the_artifact_does_not_know_is_refused(
    cluster: Cluster, stack: CloudFormation, head: str | None, says: str
) -> None:
    respond(stack.event("Create", head), TIME, cluster.migrate)

    status, reason = stack.answer
    assert status == "FAILED"
    assert reason.startswith(says)
    assert "0003" in reason
    assert cluster.state() == ([], [], None)


def test_a_strangers_database_is_refused(cluster: Cluster, stack: CloudFormation) -> None:
    administer(
        cluster.url,
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('c0ffee')",
        "GRANT ALL ON alembic_version TO boss",
    )
    respond(stack.event("Create"), TIME, cluster.migrate)
    assert stack.answer[0] == "FAILED"
    assert "c0ffee, which is none of Piecewise's" in stack.answer[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database_url": "postgresql+psycopg://127.0.0.1:1/piecewise"}, "Connection refused"),
        ({"database_url": "sqlite:///piecewise.db"}, "PIECEWISE_DATABASE_URL must be postgresql"),
        ({"database_url": "nonsense"}, "PIECEWISE_DATABASE_URL is not a database URL"),
        (
            {"database_admin_secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:none"},
            "PIECEWISE_DATABASE_ADMIN_SECRET cannot be read (ResourceNotFoundException)",
        ),
    ],
)
def test_a_database_or_a_secret_that_is_not_there_is_said_in_one_line(
    cluster: Cluster, stack: CloudFormation, change: dict[str, str], says: str
) -> None:
    cluster.settings = cluster.settings.model_copy(update=change)
    respond(stack.event("Create"), TIME, cluster.migrate)
    assert stack.answer[0] == "FAILED"
    assert says in stack.answer[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps({"username": "boss", "password": "hunter2"}), 'password authentication failed for user "boss"'),
        (json.dumps({"username": "boss"}), "must be JSON with username and password"),
        ("hunter2", "must be JSON with username and password"),
        ("[]", "must be JSON with username and password"),
    ],
)
def test_a_secret_that_is_wrong_is_said_without_its_words(
    cluster: Cluster, stack: CloudFormation, stock_endpoint: str, text: str, says: str
) -> None:
    arn, cluster.secrets = make_secret(stock_endpoint, text)
    cluster.settings = cluster.settings.model_copy(update={"database_admin_secret": arn})
    respond(stack.event("Create"), TIME, cluster.migrate)
    assert stack.answer[0] == "FAILED"
    assert says in stack.answer[1]
    assert "hunter2" not in stack.answer[1]


def test_a_bug_is_an_answer_too_and_quotes_nothing(stack: CloudFormation) -> None:
    def bug(_head: str, _seconds: float) -> str:
        raise ZeroDivisionError("words of a document")

    respond(stack.event("Create"), TIME, bug)
    assert stack.answer == ("FAILED", "a bug in the migration (ZeroDivisionError); its log says where")


def test_a_migration_that_waits_too_long_is_ended_by_the_database(cluster: Cluster, stack: CloudFormation) -> None:
    with transaction(cluster.of("boss", PASSWORD)):
        respond(stack.event("Create"), FixedDeadline(MARGIN), cluster.migrate)

    assert stack.answer == (
        "FAILED",
        "the database could not be migrated: canceling statement due to statement timeout",
    )


def test_an_answer_is_given_before_the_function_is_killed_and_no_second_one(stack: CloudFormation) -> None:
    def hang(_head: str, _seconds: float) -> str:
        assert stack.came.acquire(timeout=60)
        return "too late"

    respond(stack.event("Create"), FixedDeadline(LATEST), hang)
    assert stack.answer[0] == "FAILED"
    assert "was not done" in stack.answer[1]


def test_an_answer_that_is_not_taken_is_given_again_and_in_the_end_is_lambdas_trouble(stack: CloudFormation) -> None:
    def work(_head: str, _seconds: float) -> str:
        return "done"

    stack.refusals = [503]
    respond(stack.event("Create"), TIME, work)
    assert stack.answer == ("SUCCESS", "done")
    stack.refusals = [403]
    with pytest.raises(OSError, match="refused with 403"):
        respond(stack.event("Create"), TIME, work)


def test_an_event_of_somebody_else_is_refused() -> None:
    with pytest.raises(KeyError):
        respond({"detail-type": "Scheduled Event"}, TIME, lambda head, _seconds: head)


# -- the function as Lambda starts it


class Context:
    """What Lambda hands in."""

    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


def test_the_handler_reads_its_settings_and_its_secret_itself(
    cluster: Cluster, stack: CloudFormation, stock_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": stock_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PIECEWISE_DATABASE_AUTH": "url",
        "PIECEWISE_DATABASE_URL": cluster.settings.database_url,
        "PIECEWISE_DATABASE_ADMIN_SECRET": cluster.settings.database_admin_secret,
        "PIECEWISE_APP_ROLE": APP,
    }.items():
        monkeypatch.setenv(name, value)
    handler(stack.event("Create"), Context())
    assert stack.answer == ("SUCCESS", "the database is at 0003, piecewise_app may work with it")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIECEWISE_DATABASE_ADMIN_SECRET", None),
        ("PIECEWISE_DATABASE_ADMIN_SECRET", "hunter2"),
        ("PIECEWISE_APP_ROLE", 'app"; DROP TABLE analysis_jobs; --'),
    ],
)
def test_a_wrong_setting_is_named_to_cloudformation(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.setenv("PIECEWISE_DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/piecewise")
    monkeypatch.setenv("PIECEWISE_DATABASE_ADMIN_SECRET", "arn:aws:secretsmanager:us-east-1:123456789012:secret:s")
    monkeypatch.delenv(name, raising=False)
    if value:
        monkeypatch.setenv(name, value)
    handler(stack.event("Create"), Context())
    assert stack.answer[0] == "FAILED"
    assert name in stack.answer[1]


# -- what the role may and may not


@pytest.fixture
def as_app(cluster: Cluster, stack: CloudFormation) -> Iterator[Stage]:
    """The rooms, logged in as the role that a deploy has made."""
    respond(stack.event("Create"), TIME, cluster.migrate)
    stage = Stage.on(cluster.of(APP))
    yield stage
    stage.close()


def test_the_whole_way_of_a_document_needs_no_more_than_the_role_has(as_app: Stage) -> None:
    planned = as_app.submit("aaaabbbbcccc")
    assert as_app.settle(planned).status is JobStatus.COMPLETED
    unplanned = as_app.submit("aaaabbbbcccc" * 3, planned=False)
    assert as_app.settle(unplanned).status is JobStatus.COMPLETED
    as_app.check(unplanned)

    as_app.model.lines = {0: [ProviderError("content_filter", "no")], 1: [ProviderError("rate_limited", "slow")]}
    failed = as_app.submit("aaaabbbb")
    assert as_app.settle(failed).status is JobStatus.PARTIAL_SUCCESS
    as_app.retry(failed)
    assert as_app.settle(failed).status is JobStatus.COMPLETED
    as_app.check(failed)

    cancelled = as_app.submit("aaaabbbb")
    as_app.cancel(cancelled)
    as_app.pass_time(4_000)
    as_app.reconcile()
    assert as_app.run(as_app.store.recover()) == 0
    assert as_app.run(as_app.store.legacy_text(1)) is None
    for job_id in (planned, unplanned, failed, cancelled):
        as_app.erase(job_id)


def test_ddl_is_refused_to_the_role(as_app: Stage, cluster: Cluster) -> None:
    statements = [
        "CREATE TABLE more (id int)",
        "ALTER TABLE analysis_jobs ADD COLUMN more int",
        "CREATE INDEX more ON analysis_jobs (owner)",
        "DROP TABLE chunk_records",
        "TRUNCATE chunk_records",
        "CREATE SCHEMA more",
        "CREATE ROLE more",
        "UPDATE alembic_version SET version_num = '0001'",
        "SELECT * FROM alembic_version",
    ]
    assert [statement for statement in statements if not refused(cluster.of(APP), statement)] == []


def test_after_a_later_migration_this_code_goes_on_and_the_role_may_use_what_it_added(
    as_app: Stage, cluster: Cluster
) -> None:
    administer(
        cluster.of("boss", PASSWORD),
        "ALTER TABLE analysis_jobs ADD COLUMN colour text, ADD COLUMN weight int NOT NULL DEFAULT 1",
        "ALTER TABLE chunk_records ADD COLUMN colour text, ADD COLUMN weight int NOT NULL DEFAULT 1",
        "CREATE TABLE notes (job_id varchar(64) PRIMARY KEY REFERENCES analysis_jobs ON DELETE CASCADE)",
        "CREATE INDEX ix_jobs_colour ON analysis_jobs (colour)",
    )
    job_id = as_app.submit("aaaabbbbcccc", planned=False)
    with as_app.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO notes SELECT job_id FROM analysis_jobs")
    assert as_app.settle(job_id).status is JobStatus.COMPLETED
    as_app.erase(job_id)
    with as_app.engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notes").scalar() == 0
