"""The root and the backups on the command line."""

from __future__ import annotations

from tests.cli_rooms.conftest import Desk
from tests.support import LENA


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
