"""Whatever single bit of the stored ledger is changed, `verify` finds it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from tests.clusters import fresh_schema, placed
from tests.ledger.conftest import ORIGIN, Desk
from upheld.ledger import Signer
from upheld.ledger.audit import verify
from upheld.ledger.witness import Cosigner

COLUMNS = {
    "ledger_bundle": ("number", "lowest", "highest", "leaves"),
    "ledger_body": ("entry", "subject", "class", "sealed"),
    "ledger_tile": ("level", "number", "hashes"),
    "ledger_head": ("id", "origin", "epoch", "size", "root"),
    "ledger_checkpoint": ("origin", "size", "root", "note"),
    "ledger_cosignature": ("origin", "size", "witness", "vkey", "line"),
}
"""All columns but `ledger_checkpoint.signed_at`, which only tells the console when a signature was made."""

PLACES = [(table, column) for table, columns in COLUMNS.items() for column in columns]


@pytest.fixture(scope="module")
def full(tmp_path_factory, engine):
    """A ledger of 300 entries: two bundles, two tiles of leaves and one above, three checkpoints.

    One for all tests: each change is rolled back, and a test that left one would fail by it.
    """
    desk = Desk(tmp_path_factory.mktemp("full"), fresh_schema() if engine == "postgresql" else None)
    for number in range(300):
        subject = None if number % 7 == 0 else bytes([number % 5]) * 16
        desk.append(subject=subject, kind="collect.refused", body={"n": number}, actor=f"staff:{number % 5}")
        if number in (9, 255):
            desk.ledger.integrate()
    desk.ledger.integrate()
    for at, signed in enumerate(desk.ledger.checkpoints()):
        witness = Cosigner(f"auditor.example/{at}", bytes([at]) * 32)
        desk.ledger.keep_cosignature(signed, witness.vkey(), witness.line(signed.text(), 1_800_000_000 + at))
    assert desk.ledger.verify() == []
    yield desk
    desk.store.close()


def flipped(value, bit):
    """Give a stored value with one bit changed; None where the column cannot hold the result."""
    if isinstance(value, int):
        return value ^ (1 << bit % 15)
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    if isinstance(value, bytes):
        return bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


class RolledBackError(Exception):
    """Ends the transaction in which something was changed."""


def tried(desk, table, column, bit, which):
    """Flip a bit of one row and give what verify says inside that transaction; None where the database refuses."""
    row_id = "ctid" if desk.store.dialect == "postgresql" else "rowid"
    with contextlib.suppress(RolledBackError), desk.store.write() as tx:
        rows = tx.exec_driver_sql(f"SELECT {row_id}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY 2").fetchall()
        at, old = rows[which % len(rows)]
        new = flipped(old, bit)
        found = None
        if new is not None:
            update = placed(desk.store, f"UPDATE {table} SET {column} = ? WHERE {row_id} = ?")
            with contextlib.suppress(DBAPIError):  # another row has this key
                tx.exec_driver_sql(update, (new, at))
                found = verify(tx, Signer(ORIGIN, bytes(range(32))), desk.keys, 0)
        raise RolledBackError
    return found


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), bit=st.integers(0, 511), which=st.integers(0, 299))
def test_any_flipped_bit_of_any_column_is_found(full, place, bit, which):
    """Flip one bit of one value in any table: there is a finding."""
    found = tried(full, *place, bit, which)
    assert found is None or found, f"{place} was changed and nothing was found"


@pytest.mark.parametrize(("table", "column"), PLACES)
def test_each_column_is_looked_at(full, table, column):
    """Every column has bits of its first, middle and last row flipped, and each that can be stored is found."""
    results = [tried(full, table, column, bit, which) for bit, which in ((0, 0), (9, 40), (101, 150), (6, 299))]
    stored = [found for found in results if found is not None]
    assert stored
    assert all(stored)
    assert full.ledger.verify() == []
