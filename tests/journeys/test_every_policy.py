"""One journey for four policies: the compiler and the rooms know no company, no language and no country by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Site, Staff
from upheld.policy.model import CompiledPolicy, Field, Situation
from upheld.rights import actions as rights

ROOT = Path(__file__).parents[2]
POLICIES = {
    "primenumber": ROOT / "policies/primenumber",
    "starter": ROOT / "policies/starter",
    "klinikum": ROOT / "tests/policy/good/klinikum/policy",
    "pebble": ROOT / "tests/policy/good/pebble/policy",
}
COUNTRY = {"primenumber": "JP", "starter": "JP", "klinikum": "DE", "pebble": "DE"}
JAPAN = re.compile(r"APPI|個人情報|[ぁ-んァ-ヶ]")


@pytest.fixture(params=POLICIES)
def named(request: pytest.FixtureRequest) -> Iterator[tuple[str, Site]]:
    """A running site for each policy."""
    name = str(request.param)
    with Site(POLICIES[name]) as site:
        yield name, site


def value_of(item: Field) -> Any:
    """Make a value that fits a field as it is declared."""
    if item.kind == "itemised":
        return [dict.fromkeys(item.items[:2], "example")]
    return {"email": "mika@example.com", "phone": "+4930123456", "date": "1990-05-17"}.get(
        item.format or "", "Example"
    )


def pick(policy: CompiledPolicy) -> tuple[Situation, str, str]:
    """Choose a situation that a program can hand in, a purpose it states and a field that it may be read for."""
    for situation in policy.situations.values():
        channel = policy.channels[situation.channel].how
        fields = [policy.fields[name] for name in situation.fields]
        if channel not in {"form", "staff"} or any(item.special or item.kind == "file" for item in fields):
            continue
        for stated in situation.purposes:
            usable = (situation.id, stated.purpose) not in policy.gaps
            roles = [r for r in policy.evidence.roles.values() if r.purposes is None or stated.purpose in r.purposes]
            mask = policy.use_masks[situation.id][stated.purpose]
            names = [name for name in situation.required if mask & policy.field_bits[name]]
            if usable and roles and names and policy.purposes[stated.purpose].output == "records":
                return situation, stated.purpose, names[0]
    raise AssertionError("no situation fits the journey")


def role_for(policy: CompiledPolicy, purpose: str) -> str:
    """Name a role that may read for a purpose."""
    return next(r.id for r in policy.evidence.roles.values() if r.purposes is None or purpose in r.purposes)


@pytest.mark.slow
def test_a_page_stands_in_every_language_with_one_structure(named: tuple[str, Site]) -> None:
    """Every language of a policy shows the same clauses in the same order, and Japan only where its law is listed."""
    _, site = named
    policy = site.house.in_force().policy
    pages = {lang: site.http.get(f"/privacy/{lang}") for lang in policy.languages}
    assert {page.status_code for page in pages.values()} == {200}
    marks = {
        lang: re.findall(r'data-(?:situation|purpose|field|service|right|measure)="[^"]+"', page.text)
        for lang, page in pages.items()
    }
    assert len({tuple(found) for found in marks.values()}) == 1
    assert len({m for m in next(iter(marks.values())) if m.startswith("data-situation")}) == len(policy.situations)
    if "jp" not in policy.reach:
        assert not any(JAPAN.search(page.text) for page in pages.values())
        assert site.http.get("/privacy/ja").status_code == 404


@pytest.mark.slow
def test_a_person_is_collected_read_refused_and_erased(named: tuple[str, Site]) -> None:
    """What the policy states is taken and read, what it does not is refused, and an erasure leaves nothing readable."""
    name, site = named
    policy = site.house.in_force().policy
    situation, purpose, field = pick(policy)
    worker = Staff("Journey", 900, (role_for(policy, purpose),))
    values = {one: value_of(policy.fields[one]) for one in situation.required}
    more: dict[str, Any] = {"country": COUNTRY[name], "relation": "J-1", "language": policy.languages[0]}
    more["consents"] = [s.purpose for s in situation.purposes if _asks_consent(policy, s.purpose)]
    if situation.subtypes:
        more["subtype"] = next(iter(situation.subtypes))
    if policy.channels[situation.channel].how == "staff":
        more |= {"script": {"version": policy.version}, "receipt": None, "headers": site.staff(worker)}

    undeclared = site.send(situation.id, {**values, "shoe_size": "42"}, **more)
    assert (undeclared.status_code, undeclared.json()["code"]) == (422, "field_not_declared")
    taken = site.send(situation.id, values, **more)
    assert taken.status_code == 201, taken.text
    subject = taken.json()["subject"]

    read = site.read(worker, subject, purpose, field, contract_id="J-1")
    assert read.status_code == 200, read.text
    assert list(read.json()["fields"]) == [field]
    other = next((p for p in policy.purposes if p not in situation.purpose_ids), None)
    if other is not None:
        refused = site.read(Staff("Other", 901, (role_for(policy, other),)), subject, other, field)
        assert (refused.status_code, refused.json()["code"]) == (403, "purpose_not_declared")

    if _asks_consent(policy, purpose):
        assert site.state_choice(subject, purpose, "withdraw").status_code in {200, 201}
        assert site.read(worker, subject, purpose, field).json()["code"] == "consent_withdrawn"
    _erase(site, subject, COUNTRY[name])
    gone = site.read(worker, subject, purpose, field)
    by_law = [rule for rule in policy.retention.longer_by_law if situation.id in rule.situations]
    # where a statute keeps a field it is readable for that statute's purpose alone
    assert gone.status_code == (403 if by_law else 404)
    assert gone.json()["code"] == ("retention_expired" if by_law else "not_found")
    site.house.settle()
    assert site.house.ledger.verify() == []


def _asks_consent(policy: CompiledPolicy, purpose: str) -> bool:
    line = policy.purpose_bases.get(purpose)
    return line is not None and any(
        basis in policy.bases and policy.bases[basis].proof == "consent_record" for basis in line.bases.values()
    )


def _erase(site: Site, subject: str, residence: str) -> None:
    """Ask for erasure over HTTP, end what is still open, and approve it as staff do."""
    from datetime import timedelta

    from upheld.db import unb64
    from upheld.retention import end_relation

    with site.house.store.read() as tx:
        open_ = [one for one in site.house.vault.relations_of(tx, unb64(subject)) if one.ended is None]
    for one in open_:
        end_relation(site.house, one.kind, "J-1", site.house.today() - timedelta(days=1), actor="svc:journey")
    body = {"right": "erasure", "residence": residence, "subject": subject, "language": "en"}
    made = site.http.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "erase-me"})
    assert made.status_code == 201, made.text
    number = made.json()["number"]
    if rights.get(site.house, number).state == "identity_needed":
        rights.identify(site.house, number, by=900)
    done = rights.approve(site.house, number, by=900)
    assert done.state == "ready"
