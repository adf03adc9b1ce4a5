"""The page of rights and the requests of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import HANAKO, LENA, SATO, Person, Site, copy_policy
from upheld.rights import actions, erasing
from upheld.web.refusals import Refusal


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def ask(site: Site, right: str, residence: str, key: str = "", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key or site.house.ids.random(12).hex()}
    return site.http.post("/api/v1/requests", json={"right": right, "residence": residence, **more}, headers=headers)


@pytest.mark.row("M67")
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_m67_the_page_offers_the_rights_of_the_residence(site: Site, lang: str) -> None:
    """Tiles by residence, with fee and last day before anything is filled in."""
    for residence, count, fee, due in (("JP", 10, "1100", "2026-12-06"), ("DE", 9, "0", "2026-12-22")):
        page = site.http.get("/rights", params={"residence": residence, "lang": lang}).text
        tiles = re.findall(r'<section id="(\w+)" data-right="(\w+)"', page)
        assert len(tiles) == count
        access = page[page.index('data-right="access"') :]
        assert f'data-fee="{fee}"' in access[: access.index("</section>")]
        assert f'data-due="{due}"' in access[: access.index("</section>")]
        assert site.house.in_force().policy.contact.mailbox in page
    assert site.http.get("/rights", params={"residence": "XX"}).status_code == 422
    assert "data-right=" not in site.http.get("/rights").text


def test_a_right_of_another_place_names_the_nearest(site: Site) -> None:
    """Portability is no right in Japan; the answer names access instead."""
    answer = ask(site, "portability", "JP", identifier={"kind": "email", "value": HANAKO.email})
    assert (answer.status_code, answer.json()["code"]) == (422, "right_not_offered")
    assert "access" in answer.json()["detail"]


def test_nothing_tells_whether_someone_is_known(site: Site) -> None:
    """The answer to a request is the same for a person held and for one never heard of."""
    site.collect(LENA, "event")
    known = ask(site, "erasure", "DE", identifier={"kind": "email", "value": LENA.email}).json()
    unknown = ask(site, "erasure", "DE", identifier={"kind": "email", "value": "no@example.de"}).json()
    differ = {name for name in known if known[name] != unknown[name]}
    assert differ == {"number"}
    assert known["state"] == "identity_needed"


def test_a_request_sent_twice_is_one_request(site: Site) -> None:
    """The same key gives the same number; no key is refused."""
    first = ask(site, "access", "DE", "k1", identifier={"kind": "email", "value": LENA.email})
    again = ask(site, "access", "DE", "k1", identifier={"kind": "email", "value": LENA.email})
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(actions.listed(site.house)) == 1
    bare = site.http.post("/api/v1/requests", json={"right": "access", "residence": "DE", "subject": "x"})
    assert bare.json()["code"] == "idempotency_missing"


def test_withdrawal_and_objection_act_at_once(site: Site) -> None:
    """Whoever holds the person's own number stops a purpose with the request itself."""
    subject = site.collect(LENA, "event", consents=["announce"])["subject"]
    assert site.read(SATO, subject, "announce", "email").status_code == 200
    made = ask(site, "consent_withdrawal", "DE", subject=subject).json()
    assert made["state"] == "closed"
    assert site.read(SATO, subject, "announce", "email").json()["code"] == "consent_withdrawn"
    assert site.read(SATO, subject, "analyse", "email").status_code == 200
    ask(site, "objection", "DE", subject=subject, purposes=["analyse"])
    assert site.read(SATO, subject, "analyse", "email").json()["code"] == "objected"


def test_a_withdrawal_by_address_alone_waits_for_proof(site: Site) -> None:
    """Knowing somebody's e-mail address does not let one withdraw in their name."""
    subject = site.collect(LENA, "event", consents=["announce"])["subject"]
    site.staff(SATO)
    made = ask(site, "consent_withdrawal", "DE", identifier={"kind": "email", "value": LENA.email}).json()
    assert made["state"] == "identity_needed"
    assert site.read(SATO, subject, "announce", "email").status_code == 200
    done = actions.identify(site.house, made["number"], by=SATO.number)
    assert done.state == "closed"
    assert site.read(SATO, subject, "announce", "email").json()["code"] == "consent_withdrawn"


def test_an_interrupted_erasure_ends_with_the_whole_certificate(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process dies after the data are gone, going on still tells how many records were found."""
    site.collect(LENA, "event")
    site.staff(SATO)
    made = ask(site, "erasure", "DE", identifier={"kind": "email", "value": LENA.email}).json()
    number = made["number"]
    actions.identify(site.house, number, by=SATO.number)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(erasing, "certificate", die)
    with pytest.raises(KeyboardInterrupt):
        actions.approve(site.house, number, by=SATO.number)
    monkeypatch.undo()
    assert actions.get(site.house, number).state == "searching"
    done = actions.resume(site.house, number, by=SATO.number)
    store = done.certificate["places"][0]
    assert (done.state, store["state"], store["found_before"], store["found_after"]) == ("ready", "done", 1, 0)
    assert done.subject is None


def test_other_policies_offer_their_own_rights(tmp_path: Path) -> None:
    """The starter policy has a page of rights too."""
    from tests.support import ROOT

    with Site(policy=copy_policy(tmp_path / "p", ROOT / "policies" / "starter")) as site:
        assert site.http.get("/rights", params={"residence": "JP"}).status_code == 200


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_of_rights_is_accessible(site: Site, page: Any, check_page: Any, lang: str) -> None:
    """The page has no accessibility finding, narrow or wide."""
    for width in (360, 1280):
        check_page(page, f"{site.url}/rights?residence=JP&lang={lang}", width)


@pytest.mark.parametrize(
    ("person", "right", "ground", "code"),
    [
        (LENA, "restriction", "accuracy_contested", "restricted"),
        (HANAKO, "cease_use", "beyond_purpose", "use_ceased"),
    ],
)
def test_a_right_to_stop_use_stops_it(site: Site, person: Person, right: str, ground: str, code: str) -> None:
    """Approved on a ground of the law, it binds the next read and the next audience; without a ground nothing changes."""
    subject = site.collect(person, "card", "name", "email")["subject"]
    site.staff(SATO)
    asked = {"kind": "email", "value": person.email}
    number = ask(site, right, person.country, identifier=asked).json()["number"]
    actions.identify(site.house, number, by=SATO.number)
    if actions.get(site.house, number).state == "fee_due":
        actions.paid(site.house, number, by=SATO.number)
    with pytest.raises(Refusal) as caught:
        actions.approve(site.house, number, by=SATO.number)
    assert caught.value.diagnostic.code == "ground_missing"
    assert site.read(SATO, subject, "business_contact", "email").status_code == 200
    done = actions.approve(site.house, number, by=SATO.number, ground=ground)
    assert (done.state, done.decided_by) == ("ready", f"staff:{SATO.number}")
    assert site.read(SATO, subject, "business_contact", "email").json()["code"] == code
    told = site.http.post("/api/v1/audience", json={"purpose": "business_contact"}, headers=site.staff(SATO)).text
    assert json.loads(told.splitlines()[0])["count"] == 0
    assert actions.hand_over(site.house, number, by=SATO.number).state == "closed"
