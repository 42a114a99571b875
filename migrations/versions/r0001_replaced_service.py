"""The service being replaced: one table, a text and its result.

Its databases carry no revision number, so the table may be there already, full of rows; then it is adopted as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from functions.core.errors import Misconfigured

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COLUMNS = {"id", "raw_text", "analysis_result"}


def upgrade() -> None:
    """Make `analysis_jobs`, or adopt the one there is. Raises Misconfigured when that is another service's."""
    there = sa.inspect(op.get_bind())
    if not there.has_table("analysis_jobs"):
        op.create_table(
            "analysis_jobs",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("raw_text", sa.Text),
            sa.Column("analysis_result", sa.Text),
        )
        return
    missing = COLUMNS - {column["name"] for column in there.get_columns("analysis_jobs")}
    if missing:
        raise Misconfigured(
            f"the database has a table analysis_jobs without {', '.join(sorted(missing))}: "
            "it is not the replaced service's; use an empty database"
        )


def downgrade() -> None:
    """Drop the empty table. Raises Misconfigured while it holds rows: they are nowhere else."""
    rows = op.get_bind().scalar(sa.text("SELECT count(*) FROM analysis_jobs"))
    if rows:
        raise Misconfigured(f"analysis_jobs holds {rows} rows that are nowhere else: stop at {revision}, or empty it")
    op.drop_table("analysis_jobs")
