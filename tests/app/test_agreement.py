"""`upheld ledger verify` compares rows, keys and journal with what the entries say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters import placed
from tests.support import HANAKO, LENA, OLIVER, Site
from upheld.db import unb64

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        site_fill(running)
        yield running


def site_fill(site: Site) -> None:
    site.collect(HANAKO, "event", consents=["announce"])
    site.collect(LENA, "event", consents=["announce"])
    done = site.collect(OLIVER, "registration")
    site.house.settle()
    site.house.vault.erase(
        unb64(done["subject"]), reason="request", clause="rights.erasure", policy_version="1", actor="self"
    )
    site.house.settle()


def codes(site: Site) -> set[str]:
    return {one.code for one in site.house.ledger.verify()}


def sql(site: Site, text: str, *values: object) -> None:
    with site.house.store.write() as tx:
        tx.exec_driver_sql(placed(site.house.store, text), values)


def test_a_house_that_was_used_agrees_with_its_ledger(site: Site) -> None:
    """After collecting, consents and an erasure, rows, keys, journal and entries say the same."""
    assert site.house.ledger.verify() == []
    assert site.house.ledger.verify(since=2) == []


@pytest.mark.parametrize(
    ("change", "back", "code"),
    [
        ("UPDATE record SET situation = 'registration'", "UPDATE record SET situation = 'event'", "record_differs"),
        ("UPDATE record SET receipt_id = substr(receipt_id, 2) || substr(receipt_id, 1, 1)", "UPDATE record SET receipt_id = substr(receipt_id, 64) || substr(receipt_id, 1, 63)", "record_differs"),
        ("UPDATE record SET origin = origin || 'X'", "UPDATE record SET origin = substr(origin, 1, length(origin) - 1)", "record_differs"),
        ("UPDATE consent SET state = 'refused'", "UPDATE consent SET state = 'given'", "statement_differs"),
        ("UPDATE consent SET purpose = 'x' || purpose", "UPDATE consent SET purpose = substr(purpose, 2)", "statement_differs"),
        ("UPDATE standing SET state = 'withdrawn' WHERE state = 'given'", "UPDATE standing SET state = 'given' WHERE state = 'withdrawn'", "standing_differs"),
    ],
)  # fmt: skip
def test_a_row_changed_behind_the_ledger_is_found(site: Site, change: str, back: str, code: str) -> None:
    """Whoever edits a row of a record, a statement or a standing contradicts the entry it came from."""
    sql(site, change)
    found = site.house.ledger.verify()
    sql(site, back)
    assert code in {one.code for one in found}
    assert not any(word in one.detail for one in found for word in ("hanako", "lena", "example"))
    assert site.house.ledger.verify() == []


def test_a_row_put_in_or_taken_out_behind_the_ledger_is_found(site: Site) -> None:
    """A record that no entry tells of, and a statement that is told but not kept, are found."""
    with site.house.store.read() as tx:
        rows = tx.exec_driver_sql("SELECT * FROM consent").fetchall()
    sql(site, "DELETE FROM consent")
    assert "statement_missing" in codes(site)
    for row in rows:
        sql(site, f"INSERT INTO consent VALUES ({', '.join('?' * len(row))})", *row)
    sql(site, "UPDATE record SET id = ? WHERE id = (SELECT min(id) FROM record)" if site.house.store.dialect == "sqlite"
        else "UPDATE record SET id = ? WHERE id = (SELECT id FROM record ORDER BY id LIMIT 1)", b"\0" * 16)  # fmt: skip
    assert "record_without_entry" in codes(site)


def test_half_an_erasure_is_found() -> None:
    """A row, a key or a body of an erased person, and a line of the journal without its entry, are each found."""
    with Site() as site:
        site_fill(site)
        assert site.house.ledger.verify() == []
        sql(site, "UPDATE subject SET state = 'erased' WHERE id = (SELECT subject FROM standing LIMIT 1)")
        assert {"erased_not_gone", "erased_with_key"} <= codes(site)
        sql(site, "UPDATE subject SET state = 'live' WHERE id = (SELECT subject FROM standing LIMIT 1)")
        with site.house.store.read() as tx:
            time = site.house.clock.now()
            subject = tx.exec_driver_sql("SELECT subject FROM standing LIMIT 1").scalar_one()
        site.house.holdings.journal.append(erasure=b"e" * 16, subject=bytes(subject), classes=[], tags=[], time=time)
        assert codes(site) == {"journal_without_entry"}
