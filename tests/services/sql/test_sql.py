"""Erasing a person from the company's own database: complete, nobody else's, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.clusters import fresh_schema
from tests.services.sql.shop import CANARY, HANAKO, MAP, everything, make_shop, service
from upheld.services.model import Outcome, Ref
from upheld.services.sql import DatabaseError, MapError, SqlService, read_map

DAY = date(2026, 11, 22)
LENA = {"email": ("lena@example.com",)}
OTHER = {"email": ("hanako2@example.com",)}


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a fresh database of either kind."""
    return f"sqlite:///{tmp_path / 'shop.db'}" if request.param == "sqlite" else fresh_schema()


@pytest.fixture
def shop(address: str) -> Iterator[sa.Engine]:
    engine = make_shop(address)
    yield engine
    engine.dispose()


def _keys(found: tuple[Ref, ...], owner: str) -> set[tuple[str, tuple[object, ...]]]:
    return {(ref.store, ref.key) for ref in found if ref.owner == owner}


def _words(done: dict[Ref, Outcome], store: str) -> set[str]:
    return {one.word for ref, one in done.items() if ref.store == store}


def test_everything_of_a_person_is_found_and_nothing_of_a_look_alike(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """Spelled otherwise, by phone, by reference: found; whoever was invited, and a similar address: not hers."""
    found = service(address, tmp_path).find(HANAKO)
    visits = {("visits", ("Hanako@Example.com", 1)), ("visits", ("Hanako@Example.com", 2))}
    hers = {("customers", (1,)), ("drafts", (5,)), ("drafts", (7,)), ("notes", (1,))} | visits
    assert _keys(found, "subject") == hers
    assert _keys(found, "shared") == {("addresses", (1,)), ("addresses", (3,))}
    assert _keys(found, "other") == {("customers", (2,))}


def test_an_erasure_takes_what_is_hers_and_leaves_every_other_row_as_it_was(
    shop: sa.Engine, address: str, tmp_path: Path
) -> None:
    """Her rows are gone, a shared address stays while others refer to it, an invitation is let go."""
    before = everything(shop)
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    assert everything(shop) == before, "a plan changes nothing, its rehearsal included"
    done = dict(database.erase(plan, HANAKO).outcomes)
    after = everything(shop)
    gone = {table: {row.split(":")[0] for row in before[table] - after[table]} for table in before}
    assert gone == {
        "addresses": {"1"}, "customers": {"1", "2"}, "drafts": {"5", "7"}, "notes": {"1"}, "orders": set(),
        "visits": {"Hanako@Example.com"},
    }  # fmt: skip
    with shop.connect() as tx:
        row = tx.execute(sa.text("SELECT email, plan, invited_by FROM customers WHERE id = 2")).one()
    assert tuple(row) == ("hanako2@example.com", "free", None)
    assert _words(done, "addresses") == {"done", "detached"}
    assert _words(done, "drafts") == {"done"}
    verdict = database.verify(plan, HANAKO, CANARY, on=DAY)
    assert (verdict.state, verdict.after, verdict.until) == ("verified", 0, date(2026, 12, 27))


def test_erasing_again_changes_nothing(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """The second time every row answers `already`, and no row is written."""
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    database.erase(plan, HANAKO)
    before = everything(shop)
    again = database.erase(plan, HANAKO)
    assert everything(shop) == before
    assert set(again.counts()) <= {"already", "detached"}
    assert database.plan(HANAKO).acts == ()


def test_what_a_law_keeps_is_written_over_and_holds_what_it_refers_to(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """LENA's order stays for the tax office without her name, and her row stays with everything of hers blanked."""
    database = service(address, tmp_path)
    plan = database.plan(LENA)
    done = dict(database.erase(plan, LENA).outcomes)
    with shop.connect() as tx:
        order = tx.execute(sa.text("SELECT recipient, total, customer_id FROM orders WHERE id = 20")).one()
        person = tx.execute(sa.text("SELECT name, email, phone FROM customers WHERE id = 4")).one()
    assert tuple(order) == ("", 1100, 4)
    assert person.name is None
    assert person.phone is None
    assert person.email.startswith("erased-")
    assert {one.code for ref, one in done.items() if ref.store == "orders"} == {"tax_records"}
    assert {one.code for ref, one in done.items() if ref.store == "customers"} == {"pinned_by_orders"}
    assert database.verify(plan, LENA, CANARY, on=DAY).state == "verified"


def test_a_row_that_changed_since_the_plan_takes_everything_back(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """Nothing is lost of what somebody wrote meanwhile: the erasure answers `conflict` and does nothing."""
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    with shop.begin() as tx:
        tx.execute(sa.text("UPDATE notes SET body = 'wants a receipt' WHERE id = 1"))
    before = everything(shop)
    with pytest.raises(DatabaseError) as caught:
        database.erase(plan, HANAKO)
    assert caught.value.diagnostic.code == "conflict"
    assert everything(shop) == before


def test_a_row_that_came_since_the_plan_takes_everything_back(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """A visit that arrives between plan and erasure is not left behind: the plan is made anew."""
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    with shop.begin() as tx:
        tx.execute(sa.text("INSERT INTO visits VALUES ('Hanako@Example.com', 9)"))
    with pytest.raises(DatabaseError, match="came since"):
        database.erase(plan, HANAKO)
    assert database.erase(database.plan(HANAKO), HANAKO).counts()["done"] > 0


def test_without_its_control_finding_nothing_proves_nothing(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """Where the same look-up does not even find the control, the verdict is void."""
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    database.erase(plan, HANAKO)
    with shop.begin() as tx:
        tx.execute(sa.text("DELETE FROM customers WHERE id = 3"))
    assert database.verify(plan, HANAKO, CANARY, on=DAY).state == "void"


def test_free_text_about_somebody_else_that_names_the_person_is_told(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """A note on LENA that quotes HANAKO's address is left, and said to be left."""
    with shop.begin() as tx:
        tx.execute(sa.text("UPDATE notes SET body = 'see hanako@EXAMPLE.com' WHERE id = 3"))
    database = service(address, tmp_path)
    plan = database.plan(HANAKO)
    database.erase(plan, HANAKO)
    verdict = database.verify(plan, HANAKO, CANARY, on=DAY)
    assert (verdict.state, dict(verdict.left)) == ("left", {"notes": 1})


def test_a_name_with_quotes_and_signs_is_only_a_value(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """O'Brien of 300 characters with `; --` in it is erased like anybody, and nobody with him."""
    before = everything(shop)
    database = service(address, tmp_path)
    database.erase(database.plan(OTHER), OTHER)
    after = everything(shop)
    assert {row.split(":")[0] for row in before["customers"] - after["customers"]} == {"2"}
    assert all(len(before[table]) - len(after[table]) <= 1 for table in before)


def test_what_the_database_refuses_is_known_before_the_first_write(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """A table outside the map that refers to a person stops the plan, not the erasure half-way; no value is told."""
    database = service(address, tmp_path)
    with shop.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE loyalty (id INTEGER PRIMARY KEY, who INTEGER NOT NULL REFERENCES customers (id))")
        tx.exec_driver_sql("INSERT INTO loyalty VALUES (1, 1)")
    with pytest.raises(DatabaseError) as caught:
        database.plan(HANAKO)
    assert caught.value.diagnostic.code == "rehearsal_failed"
    assert "anako" not in str(caught.value) + repr(caught.value.diagnostic)
    with pytest.raises(DatabaseError, match="loyalty"):
        service(address, tmp_path)


def test_a_column_nobody_classified_is_an_error_before_anybody_asks(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """A new column stops the map from being used until somebody says what it holds."""
    with shop.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE orders ADD COLUMN gift_note VARCHAR(200)")
    with pytest.raises(DatabaseError, match=r"orders\.gift_note: say whether it is personal"):
        service(address, tmp_path)


def test_nothing_erased_stays_in_the_files(tmp_path: Path) -> None:
    """SQLite's file and its log hold no byte of the address afterwards."""
    file = tmp_path / "shop.db"
    make_shop(f"sqlite:///{file}").dispose()
    database = service(f"sqlite:///{file}", tmp_path)
    assert b"Hanako@Example.com" in file.read_bytes()
    database.erase(database.plan(HANAKO), HANAKO)
    database.close()
    left = b"".join(one.read_bytes() for one in tmp_path.glob("shop.db*"))
    assert b"anako@Example.com" not in left


@pytest.mark.parametrize(
    ("was", "is_now", "code"),
    [
        ("    key: [id]\n    identity", "    keys: [id]\n    identity", "form"),
        ("ship_to: addresses.id}\n    fields: {rec", "ship_to: address.id}\n    fields: {rec", "table_unknown"),
        ("breaks: [customers.best_order]", "", "cycle"),
        ("mask: {recipient: \"\"}", "mask: {id: \"\"}", "mask_of_key"),
        ("shared: true, ", "", "orphan_not_shared"),
        ("stored_in: JP", "stored_in: JP\nstored_in: US", "twice"),
        ("not_personal: [plan]", "not_personal: [plan, email]", "column_both"),
    ],
)
def test_a_map_that_does_not_hold_together_is_told(tmp_path: Path, was: str, is_now: str, code: str) -> None:
    """Each mistake has its code and its place."""
    assert was in MAP
    file = tmp_path / "shopdb.yaml"
    file.write_text(MAP.replace(was, is_now, 1), "utf-8")
    with pytest.raises(MapError) as caught:
        read_map(file)
    assert code in {one.code for one in caught.value.troubles}


def test_what_a_table_cannot_do_says_why(shop: sa.Engine, address: str, tmp_path: Path) -> None:
    """Everything less than full has its reason."""
    told = service(address, tmp_path).capabilities()
    assert {(one.store, one.op) for one in told if one.level == "partial"} == {("orders", "erase")}
    assert all(one.reason for one in told if one.level != "full")


def test_no_other_database_is_taken_for_one(tmp_path: Path) -> None:
    """A kind of database that was never tried is refused by name."""
    file = tmp_path / "shopdb.yaml"
    file.write_text(MAP, "utf-8")
    with pytest.raises(DatabaseError) as caught:
        SqlService(read_map(file), "mysql://nobody@127.0.0.1/shop")
    assert caught.value.diagnostic.code == "dialect_unknown"
