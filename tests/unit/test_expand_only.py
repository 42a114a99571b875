"""Every migration only adds, for the code of the revision before it is at work while it runs, and after a rollback.

A deploy migrates first and replaces the functions then; a rollback replaces them back and leaves the database. So a
migration creates tables, adds columns that may be left out, and creates indexes. What is to go, goes in two releases:
the first stops using it, and since a drop is refused here, the second is somebody's decision: an entry in `ALLOWED`.

Before a release, play the tests of the last one on the tables of the new one. In a worktree of the last release:

    python -m pytest tests/integration --migrated-by /path/to/the/new/tree
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.script import Script, ScriptDirectory

from migrations.upgrade import script_directory
from tests.fakes.expanding import narrows

TAKE_OVER = ("0001", "0002")  # the replaced service's table makes way; its code does not go on
ALLOWED: dict[str, list[str]] = {}  # by revision: what it narrows, when nothing uses that any more since a release


def later() -> list[Script]:
    """Every revision since the take-over."""
    directory: ScriptDirectory = script_directory()
    return [script for script in directory.walk_revisions() if script.revision not in TAKE_OVER]


def test_there_is_one_line_of_revisions() -> None:
    assert len(script_directory().get_heads()) == 1


def test_a_migration_only_adds() -> None:
    assert {script.revision: reasons for script in later() if (reasons := narrows(script.module.upgrade))} == ALLOWED


# -- the rule itself


def adds() -> None:
    op.create_table(
        "notes",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("analysis_jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.add_column("analysis_jobs", sa.Column("colour", sa.Text))
    op.add_column("analysis_jobs", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))
    op.create_index("ix_jobs_colour", "analysis_jobs", ["colour"])


def test_what_adds_is_taken() -> None:
    assert narrows(adds) == []


@pytest.mark.parametrize(
    ("upgrade", "says"),
    [
        (lambda: op.drop_column("analysis_jobs", "owner"), "DropColumn"),
        (lambda: op.drop_table("legacy_documents"), "DropTable"),
        (lambda: op.drop_index("ix_jobs_owner"), "DropIndex"),
        (lambda: op.rename_table("chunk_records", "chunks"), "RenameTable"),
        (lambda: op.alter_column("analysis_jobs", "owner", new_column_name="who"), "AlterColumn"),
        (lambda: op.alter_column("analysis_jobs", "owner", type_=sa.Text), "AlterColumn"),
        (lambda: op.alter_column("analysis_jobs", "model", nullable=True), "AlterColumn"),
        (lambda: op.execute("UPDATE analysis_jobs SET owner = 'me'"), "ExecuteSQL"),
        (lambda: op.create_check_constraint("positive", "analysis_jobs", "run > 0"), "CreateCheckConstraint"),
        (lambda: op.create_index("one", "analysis_jobs", ["document_key"], unique=True), "refuse rows"),
        (lambda: op.add_column("analysis_jobs", sa.Column("a", sa.Text, nullable=False)), "give it a server_default"),
        (lambda: op.add_column("analysis_jobs", sa.Column("a", sa.Text, unique=True)), "refuse rows"),
        (lambda: op.add_column("analysis_jobs", sa.Column("a", sa.Text, sa.ForeignKey("b.a"))), "refuse rows"),
        (lambda: op.create_table("b", sa.Column("a", sa.Text, sa.ForeignKey("analysis_jobs.job_id"))), "from being"),
    ],
)
def test_what_narrows_is_refused(upgrade: Callable[[], object], says: str) -> None:
    assert any(says in reason for reason in narrows(upgrade))


def batch() -> None:
    with op.batch_alter_table("analysis_jobs") as table:  # on SQLite it copies the table, whatever it does to it
        table.drop_column("owner")


@pytest.mark.parametrize("upgrade", [batch, lambda: op.get_bind().exec_driver_sql("DROP TABLE analysis_jobs")])
def test_what_cannot_be_seen_is_refused(upgrade: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="must say what it does"):
        narrows(upgrade)
