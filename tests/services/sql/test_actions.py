"""Erasing in an own database in the name of somebody, told in the ledger; secrets by reference only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.sql.shop import CANARY, HANAKO, MAP, make_shop
from tests.support import Site
from upheld.notice import House
from upheld.security import staff
from upheld.services.secrets import SecretError, resolve
from upheld.services.sql import DatabaseError, MapError
from upheld.services.sql.actions import erase, look_up, map_of
from upheld.web.refusals import Refusal


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        staff.add(running.house, "Sato")
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a data folder with a map of a shop and the secret that it names."""
    make_shop(f"sqlite:///{tmp_path / 'shop.db'}").dispose()
    for name in ("databases", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "databases" / "shopdb.yaml").write_text(MAP, "utf-8")
    secret = tmp_path / "secrets" / "shopdb"
    secret.write_text(f"sqlite:///{tmp_path / 'shop.db'}\n", "utf-8")
    secret.chmod(0o600)
    return tmp_path


def _told(house: House) -> list[tuple[str, dict[str, object]]]:
    """Give the entries of services with their bodies, as the ledger has them."""
    house.settle()
    entries = [one for one in house.ledger.entries_since(0) if one.kind.name.startswith("service.")]
    return [(one.kind.name, dict(house.ledger.body(one))) for one in entries]


def test_an_erasure_is_told_by_counts_and_never_by_values(site: Site, folder: Path) -> None:
    """What was found, done and seen stands in the ledger, under one digest of the plan."""
    told = erase(site.house, folder, "shopdb", HANAKO, CANARY, by=1)
    assert told.verdict is not None
    assert told.verdict.state == "verified"
    entries = _told(site.house)
    assert [kind for kind, _ in entries] == ["service.found", "service.erased", "service.verified"]
    assert {body["plan"] for _, body in entries} == {told.plan.digest}
    assert "anako" not in repr(entries)
    assert "anako" not in repr(told)


def test_what_stopped_an_erasure_is_told_as_well(site: Site, folder: Path) -> None:
    """A table that refuses to let a row go leaves everything as it was, and its code in the ledger."""
    shop = sqlite3.connect(folder / "shop.db")
    shop.execute("CREATE TRIGGER kept BEFORE DELETE ON notes BEGIN SELECT RAISE(ABORT, 'kept'); END")
    shop.commit()
    shop.close()
    with pytest.raises(DatabaseError):
        erase(site.house, folder, "shopdb", HANAKO, CANARY, by=1)
    assert [(kind, body["code"]) for kind, body in _told(site.house)] == [("service.failed", "rehearsal_failed")]


def test_somebody_unknown_erases_nothing(site: Site, folder: Path) -> None:
    """Without a member of staff who answers for it nothing is done."""
    with pytest.raises(Refusal):
        erase(site.house, folder, "shopdb", HANAKO, CANARY, by=99)
    assert look_up(site.house, folder, "shopdb", HANAKO).plan.acts
    assert _told(site.house) == []


@pytest.mark.parametrize("name", ["nothing", "../shopdb", ""])
def test_a_map_is_only_found_by_its_name(folder: Path, name: str) -> None:
    """A name that leads out of the folder, or to nothing, is answered with the names there are."""
    with pytest.raises(MapError, match="there are: shopdb"):
        map_of(folder, name)


def test_a_secret_that_others_may_read_is_no_secret(folder: Path) -> None:
    """A file open to others, a credential written into the map, and a missing one are refused; none is repeated."""
    (folder / "secrets" / "shopdb").chmod(0o644)
    for reference, code in (
        ("secret:shopdb", "secret_open"), ("secret:other", "secret_missing"), ("secret:../x", "secret_missing"),
        ("postgresql://root:hunter2@127.0.0.1/shop", "secret_missing"),
    ):  # fmt: skip
        with pytest.raises(SecretError) as caught:
            resolve(reference, folder)
        assert caught.value.diagnostic.code == code
        assert "hunter2" not in str(caught.value)


def test_the_environment_may_hold_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable wins over the file, as operators expect."""
    monkeypatch.setenv("UPHELD_SECRET_SHOPDB", "sqlite://")
    assert resolve("secret:shopdb", folder) == "sqlite://"
