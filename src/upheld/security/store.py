"""Tables of the room: staff accounts, their roles, training and acceptances; API keys and sign-ins as hashes."""

from __future__ import annotations

from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata
from upheld.notice.store import version_table

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

account_table = sa.Table(
    "staff_account",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", UtcMs, nullable=False),
    comment="number to name: ordinary data that may be erased; the ledger knows numbers only",
)

role_table = sa.Table(
    "staff_role",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("role", sa.String(40), primary_key=True),
)

training_table = sa.Table(
    "staff_training",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("course", sa.String(40), primary_key=True),
    sa.Column("until", sa.Date, nullable=False),
)

accepted_table = sa.Table(
    "staff_rules",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

key_table = sa.Table(
    "api_key",
    data_metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("label", sa.String(80), nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", UtcMs, nullable=False),
    sa.Column("expires_at", UtcMs, nullable=False),
    sa.Column("revoked_at", UtcMs),
    comment="the secret is kept as SHA-256 only: it has 256 random bits, so a slow hash would add nothing",
)

link_table = sa.Table(
    "staff_link",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("until", UtcMs, nullable=False, index=True),
    comment="one-time links (kind link) and sessions (kind session) of the console, as hashes",
)


def one_at_a_time(tx: sa.Connection) -> None:
    """Let whoever makes a key wait for whoever made one first, also while there is none yet.

    The row of the first published version is always there once anybody may have a key, and never goes.
    """
    first = sa.select(version_table.c.number).order_by(version_table.c.number).limit(1)
    tx.execute(first.with_for_update()).all()
