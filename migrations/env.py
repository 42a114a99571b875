"""Alembic's way in: run the migrations on the connection that `migrations.upgrade` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from functions.core.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
