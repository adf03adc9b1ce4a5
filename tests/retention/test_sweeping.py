"""A sweep carries people who are due on together, and each of them as if alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.support import HANAKO, LENA, OLIVER, Site
from upheld import retention
from upheld.db import unb64
from upheld.retention.sweeping import Sweeper


def test_a_sweep_cut_off_after_its_fences_is_finished_and_the_next_does_the_rest() -> None:
    """Whoever was fenced goes at the next start; of the others one goes wholly, one keeps what the tax law names."""
    with Site() as site:
        house, vault = site.house, site.house.vault
        subjects = {
            person.key: unb64(str(site.collect(person, "event", "name", "email", "company")["subject"]))
            for person in (HANAKO, LENA, OLIVER)
        }
        site.collect(HANAKO, "contract", "name", "email", relation="C-1")
        retention.end_relation(house, "contract", "C-1", date(2026, 12, 31), actor="svc:crm")
        site.clock.set(datetime(2031, 11, 22, 3, tzinfo=UTC))
        found = retention.due(house)
        assert len(found) == 4
        cut_off = Sweeper(house, "svc:retention", house.today(), lambda _tx, _one: True)
        lenas = [one for one in found if one.record.subject == subjects["LENA"]]
        cut_off.person(subjects["LENA"], lenas)
        assert vault.find("email", LENA.email) == subjects["LENA"]  # fenced, and no key gone yet
        assert [one.step for one in house.vault.resume_erasures()] == []
        assert vault.find("email", LENA.email) is None
        done = retention.sweep(house)
        assert (done.people, done.records, done.kept_by_law) == (1, 2, 1)
        assert (done.certificate["places"][0]["state"], len(done.certificate["erasures"])) == ("done", 3)
        assert vault.find("email", OLIVER.email) is None
        with house.store.read() as tx:
            (left,) = vault.records_of(tx, subjects["HANAKO"])
            assert list(vault.open_fields(tx, left)) == ["name"]
        assert retention.due(house) == []
        house.settle()
        assert house.ledger.verify() == []
