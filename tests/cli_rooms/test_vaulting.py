"""The root and the backups on the command line."""

from __future__ import annotations

from tests.cli_rooms.conftest import Desk
from tests.support import HANAKO, LENA


def erased(desk: Desk) -> str:
    """Erase somebody on request; gives the request's number."""
    clerk = desk.hire("CLERK", "privacy_office")
    desk.collect("event", LENA.some("name", "email", "company"), country="DE")
    number = str(desk.json("request", "new", "erasure", "--residence", "DE", "--email", LENA.email)["number"])
    desk.run("request", "identify", number, "--by", str(clerk))
    desk.run("request", "approve", number, "--by", str(clerk))
    return number


def backups(desk: Desk, number: str) -> dict[str, str]:
    places = desk.json("request", "show", number)["certificate"]["places"]
    return next(one for one in places if one["place"] == "backups")


def test_the_second_half_of_a_certificate_comes_with_the_change_of_the_root(desk: Desk) -> None:
    """Status tells what waits and until when; after the change the same certificate says that backups are done."""
    number = erased(desk)
    assert (backups(desk, number)["state"], backups(desk, number)["at"]) == ("pending", "")
    now = desk.json("keys", "status")
    assert (now["root"], now["erasures_waiting"], now["backup_copies"], now["overdue"]) == ("root-1", 1, 0, False)
    assert (now["buckets"], now["people"]) == (4096, 0)
    assert "waiting for its change: 1 since 2026-11-22" in desk.run("keys", "status").output
    desk.clock.advance(hours=25)
    assert desk.json("keys", "status")["overdue"]
    told = desk.json("keys", "rotate")
    assert (told["old"], told["new"], told["copies"], told["erasures_sealed"]) == ("root-1", "root-2", 2, 1)
    place = backups(desk, number)
    assert (place["state"], place["at"]) == ("done", "2026-11-23T04:00:00+00:00")
    assert "not guaranteed on SSD" in place["medium"]
    now = desk.json("keys", "status")
    assert (now["root"], now["roots"], now["erasures_waiting"], now["backup_copies"]) == ("root-2", ["root-2"], 0, 2)
    desk.run("ledger", "verify")


def test_a_backup_made_before_an_erasure_comes_back_without_the_person(desk: Desk) -> None:
    """Through the commands alone: backup, erase, change the root, restore with the newest sealed keys, serve on."""
    number = erased(desk)
    clerk, sato = 1, desk.hire("SATO", "sales")
    told = desk.collect("event", HANAKO.some("name", "email", "company"), country="JP")
    old = desk.data.parent / "old"
    made = desk.json("backup", "--out", str(old))
    assert (made["ledger"]["origin"], made["journal"]["lines"]) == ("localhost/upheld/ledger/1", 1)
    assert "journal, at least 1 line, and the root" in desk.run("backup", "--out", str(desk.data.parent / "two")).output
    assert desk.refused("backup", "--out", str(old)) == "backup_there"
    asked = desk.json("request", "new", "erasure", "--residence", "JP", "--email", HANAKO.email)["number"]
    desk.run("request", "identify", asked, "--by", str(clerk))
    desk.run("request", "approve", asked, "--by", str(clerk))
    desk.clock.advance(hours=1)
    desk.run("keys", "rotate")
    here, desk.data = desk.data, desk.data.parent / "new"
    away = ("restore", "--from", str(old), "--root", str(here / "root"))
    assert desk.refused(*away) == "journal_gap"
    away = (*away, "--journal", str(here / "journal"))
    assert desk.refused(*away) == "root_gone"
    back = desk.json(*away, "--keys", str(here / "copies" / "a"))
    assert (back["journal_lines"], back["erased_again"], back["gap_accepted"]) == (3, 1, False)
    assert back["ledger"] == "localhost/upheld/ledger/2"
    gone = ("read", "--email", HANAKO.email, "--purpose", "analyse", "--by", str(sato))
    assert desk.refused(*gone) == "not_found"
    gone = ("read", "--subject", told["subject"], "--purpose", "analyse", "--by", str(sato))
    assert desk.refused(*gone) == "not_found"
    assert desk.json("request", "show", number)["state"] == "ready"
    desk.collect("event", LENA.some("name", "email", "company"), country="DE")
    desk.run("ledger", "verify")
    assert desk.refused(*away) == "restore_there"


def test_another_number_of_buckets_than_the_store_has_is_refused(desk: Desk) -> None:
    """Every command says so until the figure in `keeping.toml` is the store's again."""
    (desk.data / "keeping.toml").write_text("[keys]\nbuckets = 65536\n")
    assert desk.refused("keys", "status") == desk.refused("backup", "--out", str(desk.data.parent / "old")) == "key_buckets"
    (desk.data / "keeping.toml").write_text("[keys]\nbuckets = 4096\n")
    assert "4,096, for the keys of 0 people" in desk.run("keys", "status").output
