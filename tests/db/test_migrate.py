"""Migrations: what a released version wrote is read by this one, and the tables of the code are those of the migrations."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

import upheld.app  # every room adds its tables
from tests.clusters import begin_here
from tests.support import HANAKO, SATO, Site
from upheld.app import open_house
from upheld.cli import cli
from upheld.db import Store, StoreTooOldError, b64, data_metadata, keys_metadata, migrate, postgres, sqlite
from upheld.records import migrate_stores, places_of

assert upheld.app
METADATA = {"data": data_metadata, "keys": keys_metadata}
RELEASED = sorted(path for path in (Path(__file__).parent / "released").iterdir() if path.name.isdecimal())
BYTES = re.compile(r"\bX'([0-9a-f]*)'")


def bare(place):
    """An engine over an empty place, with the settings of a store and nothing in it."""
    made = sqlite.engine(place, 5) if isinstance(place, Path) else postgres.engine(place)
    return made.execution_options(upheld_write=True)


def filled(place, name: str, revision: str, rows: str) -> None:
    """Make the tables of a revision with its migrations and fill them with what that release wrote."""
    with bare(place).connect() as tx, tx.begin():
        migrate.upgrade(tx, name, revision)
        driver = tx.connection.driver_connection
        assert driver is not None
        if isinstance(place, Path):
            for statement in re.split(r"(?<=;)\n(?=INSERT INTO )", rows.strip()):
                driver.execute(statement)
        else:
            driver.execute(BYTES.sub(r"'\\x\1'::bytea", rows), prepare=False)


@pytest.mark.parametrize("name", ["data", "keys"])
def test_the_migrations_make_the_tables_of_the_code(place, name):
    """Whoever changes a table writes its migration: from nothing, all of them together lead to what the code works with."""
    with bare(place()).connect() as tx, tx.begin():
        migrate.upgrade(tx, name)
        assert migrate.standing(tx, name) == migrate.HEADS[name]
        assert migrate.differences(tx, name, METADATA[name]) == []


@pytest.mark.parametrize("name", ["data", "keys"])
def test_a_fresh_store_is_what_the_migrations_make(place, name):
    """A store begun at once and one that came through every migration do not differ."""
    store = Store(place(), METADATA[name])
    with store.read() as tx:
        assert migrate.differences(tx, name, METADATA[name]) == []
    assert store.is_current()
    store.close()


@pytest.mark.parametrize("name", ["data", "keys"])
def test_a_changed_table_without_a_migration_is_noticed(place, name):
    """The comparison above does see a new column, another type, a missing table and a missing index."""
    store = Store(place(), METADATA[name])
    changed = sa.MetaData()
    for table in METADATA[name].sorted_tables:
        table.to_metadata(changed)
    first, second, *_ = changed.sorted_tables
    first.append_column(sa.Column("more", sa.Text))
    sa.Index("a_new_one", *second.primary_key.columns)
    sa.Table("a_table_more", changed, sa.Column("id", sa.Integer, primary_key=True))
    with store.read() as tx:
        told = " ".join(migrate.differences(tx, name, changed))
    store.close()
    assert all(word in told for word in ("add_column", "add_index", "add_table"))


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_what_a_release_wrote_is_read_by_this_one(tmp_path, released):
    """The stores of each release, with people, consents, requests and an erasure inside, come up and work on."""
    folder = begin_here(tmp_path / "data")
    shutil.copytree(released, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sql"))
    for key in (folder / "root").iterdir():
        key.chmod(0o600)
    places = places_of(folder)
    for name, where in (("data", places.data), ("keys", places.keys)):
        filled(where, name, released.name, (released / f"{name}.sql").read_text("utf-8"))
    migrate_stores(folder)
    with Site(policy=None, folder=folder, now=datetime(2026, 11, 23, 3, tzinfo=UTC)) as site:
        assert site.house.ledger.verify() == []
        assert site.house.vault.find("email", "lena@example.de") is None
        assert site.house.vault.suppressed("email", "lena@example.de")
        subject = site.house.vault.find("email", HANAKO.email)
        with site.house.store.read() as tx:
            (record,) = site.house.vault.records_of(tx, subject)
            assert site.house.vault.open_fields(tx, record)["name"] == HANAKO.fields["name"]
            assert site.house.vault.standing(tx, subject, "announce").state == "objected"
        assert site.collect(HANAKO, "event", "name", "email", "company")["subject"] == b64(record.subject)
        assert site.house.store.is_current()
        told = site.http.get("/readyz").json()
        assert told["ready"] is True
        assert all(told["parts"].values())


@pytest.fixture
def next_release(monkeypatch, tmp_path):
    """Let this code be of a release with one more migration of the data store, which adds a column."""
    here = Path(migrate.__file__).parent / "migrations"
    there = tmp_path / "migrations"
    shutil.copytree(here, there)
    (there / "data" / "versions" / "0002_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n    op.add_column('subject', sa.Column('more', sa.Text))\n",
        "utf-8",
    )

    def come():
        monkeypatch.setattr(migrate, "PLACE", str(there))
        monkeypatch.setitem(migrate.HEADS, "data", "0002")

    return come


def test_an_older_store_waits_for_its_migration(tmp_path, next_release):
    """A store of an older release is not served; `upheld migrate` brings it up with its rows, and the ledger says so."""
    from click.testing import CliRunner

    folder = tmp_path / "data"
    with Site(folder=folder) as site:
        subject = site.collect(HANAKO, "event", "name", "email", "company")["subject"]
        assert site.http.get("/readyz").status_code == 200
        next_release()
        ready = site.http.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["schema"]) == (503, False)
    with pytest.raises(StoreTooOldError, match="schema 0001") as caught:
        open_house(folder)
    assert "upheld migrate" in caught.value.diagnostics()[0].next
    told = CliRunner().invoke(cli, ["migrate", "--data", str(folder)])
    assert (told.exit_code, told.output) == (0, "keys  0001, nothing to do\ndata  0001 -> 0002\n")
    again = CliRunner().invoke(cli, ["migrate", "--data", str(folder), "--format", "json"])
    assert '"from": "0002"' in again.output
    with Site(policy=None, folder=folder) as site:
        assert site.read(SATO, subject, "analyse", "name").status_code == 200
        kinds = [entry.kind.name for entry in site.house.ledger.entries_since(0, 100)]
        assert kinds.count("schema.migrated") == 1


def test_a_migration_that_fails_leaves_the_store_as_it_was(place, next_release, monkeypatch):
    """All steps of a migration are one transaction on both engines."""
    where = place()
    Store(where).close()
    next_release()
    script = Path(migrate.PLACE) / "data" / "versions" / "0002_more.py"
    script.write_text(script.read_text("utf-8") + "    op.execute('SELECT no_such_column FROM subject')\n", "utf-8")
    with pytest.raises(sa.exc.DBAPIError):
        Store(where, migrating=True)
    with bare(where).connect() as tx, tx.begin():
        assert migrate.standing(tx, "data") == "0001"
        assert "more" not in {column["name"] for column in sa.inspect(tx).get_columns("subject")}


def test_two_processes_begin_one_store(place):
    """Whoever comes second to a fresh store finds it begun."""
    import threading

    where, failed = place(), []

    def begin():
        try:
            Store(where).close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
