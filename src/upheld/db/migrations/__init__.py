"""Migrations of both stores; `make migration` writes the next one from what the tables of the code have become."""

from __future__ import annotations

from alembic import context

from upheld.db.migrate import version_table


def run(name: str) -> None:
    """Run what Alembic asks for over the transaction that the caller opened."""
    told = context.config.attributes
    context.configure(
        connection=told["connection"],
        version_table=version_table(name).name,
        target_metadata=told.get("metadata"),
        render_item=told.get("render"),
    )
    context.run_migrations()
