"""What a role sees of a value, and looking for people by name: masked where the role says so, and each an entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_rooms.conftest import Desk as Shell
from tests.security.conftest import Desk
from tests.security.test_console import sign_in
from tests.support import HANAKO, LENA, Site, copy_policy, edit
from upheld.security import staff
from upheld.security.searching import find_name
from upheld.web.refusals import Refusal

SALES = "purposes: [analyse, announce, marketing, business_contact]}"


@pytest.fixture
def masked(tmp_path: Path) -> Iterator[Desk]:
    """A site whose sales role sees values masked."""
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "evidence/roles.yaml", SALES, SALES.replace("}", ", view: masked}"))
    with Site(policy=folder) as site:
        yield Desk(site)


def told(desk: Desk, subject: str, **more: object) -> dict[str, object]:
    answer = desk.read("SATO", subject, "business_contact", "name", "email", **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def last_read(desk: Desk) -> dict[str, object]:
    desk.site.house.settle()
    house = desk.site.house
    return dict(house.ledger.body(house.ledger.entries_since(0, 100_000, kinds=("access.read",))[-1]))


def test_a_role_that_sees_masked_values_is_given_no_others(masked: Desk) -> None:
    """Masked without being asked for, also in an audience; raw is refused; the entry tells how much was seen."""
    subject = masked.site.collect(HANAKO, "card", "name", "email")["subject"]
    found = told(masked, subject)
    assert (found["view"], found["fields"]) == ("masked", {"name": "田•••", "email": "h•••@e•••.co.jp"})
    assert last_read(masked)["view"] == "masked"
    assert masked.code("SATO", subject, "business_contact", "email", view="raw") == "role_not_allowed"
    lines = masked.audience("SATO", purpose="business_contact")
    assert lines[1]["fields"]["email"] == "h•••@e•••.co.jp"


def test_whoever_may_see_whole_values_may_ask_for_less(desk: Desk) -> None:
    """Raw as before; masked and redacted when asked for; the name of a view that is none is refused."""
    subject = desk.site.collect(HANAKO, "card", "name", "email")["subject"]
    assert told(desk, subject)["fields"] == {"name": HANAKO.fields["name"], "email": HANAKO.email}
    assert told(desk, subject, view="redacted")["fields"] == {"name": "•••", "email": "•••"}
    assert told(desk, subject, view="masked")["view"] == "masked"
    assert desk.read("SATO", subject, "business_contact", "name", view="blurred").status_code in {400, 422}


def test_of_two_roles_the_wider_counts_for_its_purposes(masked: Desk) -> None:
    """Accounting sees whole values for business contact; who has both roles sees them for that purpose only."""
    subject = masked.site.collect(HANAKO, "card", "name", "email")["subject"]
    staff.grant(masked.site.house, masked.number["SATO"], "accounting", by="staff:2")
    assert told(masked, subject)["view"] == "raw"
    answer = masked.read("SATO", subject, "analyse", "company", "name")
    assert answer.status_code != 200 or answer.json()["view"] == "masked"


def test_the_console_shows_masked_values_and_whole_ones_for_a_reason(desk: Desk) -> None:
    """One record, on that page only; without a reason nothing whole; the reason stands in the entry, values in no address."""
    made = desk.site.collect(HANAKO, "card", "name", "email")
    sign_in(desk, "SATO")
    place = f"/console/subjects/{made['subject']}"
    page = desk.site.http.get(place).text
    assert 'id="records"' in page
    assert HANAKO.email not in page
    asked = {"record": made["record"], "purpose": "business_contact", "view": "masked"}
    shown = desk.site.http.post(f"{place}/look", data=asked).text
    assert 'data-view="masked"' in shown
    assert "h•••@e•••.co.jp" in shown
    assert HANAKO.email not in shown
    assert "ground_missing" in desk.site.http.post(f"{place}/look", data={**asked, "view": "raw"}).text
    whole = desk.site.http.post(f"{place}/look", data={**asked, "view": "raw", "reason": "calls back"}).text
    assert HANAKO.email in whole
    assert last_read(desk)["reason"] == "calls back"
    assert HANAKO.email not in desk.site.http.get(place).text


def test_a_name_is_looked_for_without_standing_in_an_address(desk: Desk) -> None:
    """The console finds a part of the name, shows it masked with its number; the entry has a count, not what was typed."""
    subject = desk.site.collect(HANAKO, "card", "name", "email")["subject"]
    desk.site.collect(LENA, "card", "name", "email")
    sign_in(desk, "SATO")
    page = desk.site.http.post("/console/persons", data={"name": "花子", "purpose": "business_contact"})
    assert page.status_code == 200, page.text
    assert 'data-found="1"' in page.text
    assert f'data-hit="{subject}"' in page.text
    assert "田•••" in page.text
    assert "花子" not in page.text
    desk.site.house.settle()
    entry = desk.site.house.ledger.entries_since(0, 100_000, kinds=("access.bulk",))[-1]
    body = desk.site.house.ledger.body(entry)
    assert (body["search"], body["count"], body["people"]) == ("name", 1, 2)
    assert "花子" not in json.dumps(body, ensure_ascii=False)


def test_a_search_shows_nobody_whom_a_read_would_not(desk: Desk) -> None:
    """Who is restricted is not found; a role for other purposes, one sign, or too many people are refused with a code."""
    house = desk.site.house
    subject = desk.site.collect(LENA, "card", "name", "email")["subject"]
    with house.store.read() as tx:
        sato, mori = (staff.reader(house, tx, desk.number[who]) for who in ("SATO", "MORI"))
    assert len(find_name(house, sato, "lena", "business_contact").hits) == 1

    def code(*asked: object, **more: int) -> str:
        with pytest.raises(Refusal) as caught:
            find_name(house, *asked, **more)  # type: ignore[arg-type]
        return caught.value.diagnostic.code

    assert code(mori, "lena", "business_contact") == "role_not_allowed"
    assert code(sato, "l", "business_contact") == "value_invalid"
    desk.site.collect(HANAKO, "card", "name", "email")
    assert code(sato, "lena", "business_contact", bound=1) == "search_too_wide"
    sign_in(desk, "SATO")
    desk.site.http.post(f"/console/subjects/{subject}/stop", data={"stop": "restricted.unlawful"})
    assert find_name(house, sato, "lena", "business_contact").hits == ()


def test_the_commands_find_people(desk: Desk) -> None:
    """By name for a purpose, by identifier from standard input; nobody is `not_found`; each look-up is an entry."""
    subject = desk.site.collect(HANAKO, "card", "name", "email")["subject"]
    assert desk.site.folder is not None
    shell, by = Shell(desk.site.folder, desk.site.clock), str(desk.number["SATO"])
    found = shell.json("records", "find", "--name", "田中", "--purpose", "business_contact", "--by", by)
    assert [one["subject"] for one in found["found"]] == [subject]
    line = ("records", "find", "--kind", "email", "--value", "-", "--by", by)
    assert shell.run(*line, stdin=f"{HANAKO.email}\n").output.strip() == subject
    assert shell.refused("records", "find", "--kind", "email", "--value", LENA.email, "--by", by) == "not_found"
    shell.run("records", "find", "--by", by, code=2)
    assert desk.kinds("access.bulk") == 3
    masked = shell.run("read", "--subject", subject, "--purpose", "business_contact", "--view", "masked", "--by", by)
    assert HANAKO.email not in masked.output
