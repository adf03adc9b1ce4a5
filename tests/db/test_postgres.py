"""PostgreSQL: its settings, the second wall, what becomes of a server that goes away, and what no statement may rest on."""

from __future__ import annotations

import ast
import re
import threading
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

import upheld.app  # every room adds its tables
from tests.clusters import Cluster, fresh_schema
from tests.support import HANAKO, LENA, SATO, Site
from upheld.db import Store, StoreBusyError, StoreConflictError, data_metadata, keys_metadata
from upheld.db.postgres import Settings
from upheld.records import PlacesError, places_of

SOURCE = Path(upheld.app.__file__).parent
MISSING_SOMEWHERE = re.compile(
    r"advisory|\bLISTEN\b|\bNOTIFY\b|\bUNLISTEN\b|\bTRIGGER\b|\bDEFERRABLE\b|\bINITIALLY DEFERRED\b|\bEXCLUDE\s+(USING|\()"
    r"|\bLOCK\s+TABLE\b|\bGENERATED\b|\bSET\s+SESSION\b|\bTEMP(ORARY)?\s+TABLE\b|\bENUM\b"
)
"""What relatives of PostgreSQL lack, or what a pooler between breaks; written as SQL writes it, in capitals."""
READ = {"purpose": "analyse", "fields": ["name"]}
SUBJECT = sa.text("SELECT count(*) FROM subject")


def data_store(**settings):
    return Store(fresh_schema(), settings=Settings(**settings))


def insert(number: int):
    return sa.insert(data_metadata.tables["subject"]).values(id=bytes([number]) * 16, state="live", generation=1)


def strings(file: Path):
    """Every text in a file of the source that is no docstring."""
    tree = ast.parse(file.read_text("utf-8"))
    spoken = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            yield node.lineno, node.value


def test_no_statement_rests_on_what_a_relative_lacks():
    """No text of the source is SQL with advisory locks, notifications, triggers, table locks or session settings."""
    found = [
        f"{file.relative_to(SOURCE)}:{line}"
        for file in SOURCE.rglob("*.py")
        for line, text in strings(file)
        if MISSING_SOMEWHERE.search(text)
    ]
    assert found == []
    assert MISSING_SOMEWHERE.search("SELECT pg_advisory_lock(1)")


@pytest.mark.parametrize("metadata", [data_metadata, keys_metadata], ids=["data", "keys"])
def test_no_table_rests_on_what_a_relative_lacks(metadata):
    """No table has a generated column, a deferred constraint or a type of PostgreSQL's own."""
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        made = [str(CreateTable(table).compile(dialect=dialect))]
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
        assert [text for text in made if MISSING_SOMEWHERE.search(text)] == [], table.name
        assert table.primary_key.columns, table.name


def test_no_statement_of_a_journey_rests_on_what_a_relative_lacks(tmp_path):
    """Everything that SQLAlchemy sends while people are taken in, read and erased is plain enough."""
    sent: set[str] = set()

    def note(_connection, _cursor, statement, *_):
        sent.add(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        with on_postgres(tmp_path) as site:
            subject = site.collect(HANAKO, "event", "name", "email", "company")["subject"]
            site.state_choice(subject, "announce", "object")
            assert site.read(SATO, subject, "analyse", "name").status_code == 200
            site.house.settle()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len(sent) > 30
    assert [text for text in sent if MISSING_SOMEWHERE.search(text)] == []


def on_postgres(folder: Path, more: str = "", owner: str = "upheld", data: str = "", keys: str = "") -> Site:
    """A site whose two stores lie in PostgreSQL, with more lines of stores.toml."""
    where = folder / "data"
    where.mkdir()
    places = f'data = "{data or fresh_schema(owner)}"\nkeys = "{keys or fresh_schema(owner)}"\n'
    (where / "stores.toml").write_text(f"{places}{more}", "utf-8")
    return Site(folder=where)


# settings


def test_behind_a_pooler_nothing_is_prepared():
    """With `pgbouncer` no statement is prepared on a connection, however often it runs; without, it is."""
    for pgbouncer in (False, True):
        store = data_store(pgbouncer=pgbouncer)
        with store.read() as tx:
            for _ in range(8):
                tx.execute(SUBJECT)
            prepared = tx.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar()
        hot = store.hot()
        for _ in range(8):
            hot.rows("SELECT count(*) FROM subject")
        ((hot_prepared,),) = hot.rows("SELECT count(*) FROM pg_prepared_statements")
        hot.close()
        store.close()
        assert (prepared == 0, hot_prepared == 0) == (pgbouncer, pgbouncer)


def test_what_a_transaction_sets_ends_with_it():
    """Timeouts and purpose are set for a transaction only, so that the next user of a pooled connection has none of them."""
    store = data_store(pool=1, most=1, lock_timeout=7, statement_timeout=9)
    with store.write() as tx:
        assert tx.exec_driver_sql("SHOW lock_timeout").scalar() == "7s"
        assert tx.exec_driver_sql("SHOW statement_timeout").scalar() == "9s"
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver.execute("SHOW lock_timeout").fetchone() == ("0",)
        assert driver.execute("SHOW statement_timeout").fetchone() == ("0",)
    store.close()


def test_a_lock_that_is_not_to_be_had_is_a_conflict():
    """Whoever waits too long for a row is told that another one was first, and may try again."""
    store = data_store(lock_timeout=0.2)
    with store.write() as tx:
        tx.execute(insert(1))
    lock = sa.select(data_metadata.tables["subject"]).with_for_update()
    failed = []

    def other():
        try:
            with store.write() as tx:
                tx.execute(lock).all()
        except StoreConflictError as error:
            failed.append(error)

    with store.write() as tx:
        tx.execute(lock).all()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)
    store.close()
    assert len(failed) == 1


def test_a_statement_that_takes_too_long_is_busy():
    """A statement beyond its time ends and is told as busy."""
    store = data_store(statement_timeout=0.2)
    began = time.monotonic()
    with pytest.raises(StoreBusyError), store.read() as tx:
        tx.exec_driver_sql("SELECT pg_sleep(20)")
    assert time.monotonic() - began < 10
    store.close()


@pytest.mark.parametrize("wrong", ["pools = 3", "pool = true", 'pool = "8"', "row_security = 1", "lock_timeout = '5s'"])
def test_a_typing_error_in_the_settings_is_told(tmp_path, wrong):
    """An unknown key or a value of another kind under [postgresql] is refused."""
    (tmp_path / "stores.toml").write_text(f'data = "postgresql://a/b"\nkeys = "postgresql://a/c"\n[postgresql]\n{wrong}\n')
    with pytest.raises(PlacesError):
        places_of(tmp_path)


def test_settings_are_read(tmp_path):
    """The table [postgresql] of stores.toml says how a process works with the server."""
    text = 'data = "postgresql://a/b"\nkeys = "postgresql://a/c"\n[postgresql]\npool = 3\npgbouncer = true\nlock_timeout = 2\n'
    (tmp_path / "stores.toml").write_text(text)
    found = places_of(tmp_path).settings
    assert (found.pool, found.pgbouncer, found.lock_timeout, found.row_security) == (3, True, 2, False)


def test_a_server_that_logs_values_is_warned_about():
    """A server that writes values of statements into its log is named; one that does not is silent."""
    quiet = data_store()
    assert quiet.warnings() == []
    quiet.close()
    loud = Store(f"{fresh_schema()}%20-clog_parameter_max_length%3D-1")
    (told,) = loud.warnings()
    assert "log_parameter_max_length" in told
    loud.close()


# the wall


def test_without_a_purpose_a_login_sees_nobody(tmp_path):
    """With row security the house works as before; the same login without a purpose sees no row and writes none."""
    with on_postgres(tmp_path, "[postgresql]\nrow_security = true\n", owner="walled") as site:
        subject = site.collect(HANAKO, "event", "name", "email", "company")["subject"]
        site.collect(LENA, "registration", "email")
        assert site.read(SATO, subject, "analyse", "name").status_code == 200
        site.house.settle()
        assert site.house.ledger.verify() == []
        assert site.house.store.warnings() == []
        places = places_of(site.folder)
        for url, table in ((places.data, "record"), (places.data, "ledger_body"), (places.keys, "key_dek")):
            with psycopg.connect(url, autocommit=True) as thief:
                assert thief.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
                assert thief.execute(f"DELETE FROM {table}").rowcount == 0
                with thief.transaction():
                    thief.execute("SELECT set_config('upheld.purpose', 'audit', true)")
                    assert thief.execute(f"SELECT count(*) > 1 FROM {table}").fetchone() == (True,)
                assert thief.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        with psycopg.connect(places.data, autocommit=True) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute("INSERT INTO subject VALUES ('\\x00', 'live', 1)")


def test_a_wall_that_does_not_bind_is_told():
    """A superuser walks past row security; the house says so instead of feeling safe."""
    store = data_store(row_security=True)
    (told,) = store.warnings()
    assert "superuser" in told
    store.close()


# a server that goes away


@pytest.fixture
def lone():
    """A server of its own, which tests may stop."""
    cluster = Cluster(("fsync=off",)).start()
    yield cluster
    cluster.stop()


def test_a_server_that_goes_away_is_busy_until_it_is_back(tmp_path, lone):
    """While the server is away every request is answered 503 with Retry-After; when it is back the application works on."""
    with on_postgres(tmp_path, data=lone.database(), keys=lone.database()) as site:
        before = site.collect(HANAKO, "event", "name", "email", "company")
        sato, receipt = site.staff(SATO), site.receipt("registration")
        lone.down()
        began = time.monotonic()
        for answer in (
            site.send("registration", LENA.some("email"), receipt=receipt),
            site.http.post("/api/v1/read", json=READ | {"subject": before["subject"]}, headers=sato),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "busy"), answer.text
            assert int(answer.headers["Retry-After"]) >= 1
        told = site.http.get("/readyz").json()
        assert (told["ready"], told["parts"]) == (False, {"store": False})
        assert time.monotonic() - began < 20
        lone.up()
        until = time.monotonic() + 20
        while (answer := site.http.get("/readyz")).status_code != 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert answer.status_code == 200, answer.text
        after = site.send("registration", LENA.some("email"), receipt=receipt).json()
        assert site.read(SATO, before["subject"], "analyse", "name").status_code == 200
        assert after["subject"] != before["subject"]
        site.house.settle()
        assert site.house.ledger.verify() == []


def test_a_lost_hot_connection_is_made_again(lone):
    """A driver connection that the server dropped is busy once and works at the next statement."""
    store = Store(lone.database())
    hot = store.hot()
    assert hot.rows("SELECT 1") == [(1,)]
    lone.down()
    with pytest.raises(StoreBusyError):
        hot.rows("SELECT 1")
    lone.up()
    assert hot.rows("SELECT 1") == [(1,)]
    hot.close()
    store.close()
