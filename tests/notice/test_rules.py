"""What is told, what of it is agreed to, and whether a showing counts: rules without a store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support import NOW, REFERENCE
from upheld.notice.rules import fingerprint, fingerprints, sheet, special_consent, surface_of
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, End, Field, Frozen, PurposeBasis, Recipient
from upheld.policy.period import Period

LAW = load_law()
DAY = NOW.date()
POLICY = compile_policy(REFERENCE, LAW, DAY).draft


def with_health(**ground: str) -> CompiledPolicy:
    """Let applications declare data on health, of which `hire_health` alone may use them, on these grounds."""
    health = Field("health", Frozen({"en": "health"}), "free_text", ("health",), None, 200, (), None)
    candidate = replace(POLICY.situations["candidate"], optional=("phone", "health"))
    uses = {name: ("name", "health") if name == "hire_health" else ("name", "email") for name in POLICY.purposes}
    line: PurposeBasis = replace(POLICY.purpose_bases["hire_health"], special=Frozen(ground))
    return replace(
        POLICY,
        fields=Frozen({"health": health, **POLICY.fields}),
        situations=Frozen({**POLICY.situations, "candidate": candidate}),
        purposes=Frozen({name: replace(one, uses=uses[name]) for name, one in POLICY.purposes.items()}),
        purpose_bases=Frozen({**POLICY.purpose_bases, "hire_health": line}),
    )


@pytest.mark.parametrize(
    ("ground", "asked"),
    [
        ({}, True),
        ({"jp": "consent", "eea": "A9-2-b", "uk": "A9-2-b"}, True),
        ({"jp": "law", "eea": "A9-2-a", "uk": "A9-2-b"}, True),
        ({"jp": "law", "eea": "A9-2-b"}, True),
        ({"jp": "law", "eea": "A9-2-b", "uk": "A9-2-b"}, False),
    ],
)
def test_consent_is_asked_where_no_other_ground_stands_in_each_regime(ground: dict[str, str], asked: bool) -> None:
    """basis.purposes (APPI 20(2), GDPR 9): special-care data need consent unless each regime has a ground of its own."""
    policy = with_health(**ground)
    candidate = policy.situations["candidate"]
    assert special_consent(policy, candidate, "hire_health") == (("health",) if asked else ())
    assert special_consent(policy, candidate, "hire_screen") == ()
    assert special_consent(policy, candidate, "announce") == ()
    assert sheet(policy, LAW, candidate, DAY).consents == (("hire_health",) if asked else ())
    bare = replace(policy, purpose_bases=Frozen({}))
    assert special_consent(bare, bare.situations["candidate"], "hire_health") == ("health",)


def test_a_notice_names_the_interest_only_where_a_regime_weighs_it() -> None:
    """notice.channels (GDPR 13(1)(d)): the interest is told where the purpose rests on it, and on nothing else."""
    told = {one.purpose.id: one for one in sheet(POLICY, LAW, POLICY.situations["contact"], DAY).purposes}
    assert {name: one.interest for name, one in told.items()} == {
        "analyse": "product_development", "marketing": None, "respond_and_market": "business_relationships",
    }  # fmt: skip
    assert {name: one.consent for name, one in told.items()} == {"analyse": False, "marketing": True, "respond_and_market": False}
    for basis, interest in (("contract", None), ("legitimate_interests", "product_development")):
        changed = with_line("analyse", bases=Frozen({"eea": "contract", "uk": basis}))
        analyse = sheet(changed, LAW, changed.situations["event"], DAY).purposes[0]
        assert (analyse.interest, analyse.consent) == (interest, False)
    unweighed = with_line("announce", interest="product_development")
    assert sheet(unweighed, LAW, unweighed.situations["event"], DAY).purposes[1].interest is None
    unknown = with_line("analyse", bases=Frozen({"eea": "public_task", "uk": "public_task"}))
    assert sheet(unknown, LAW, unknown.situations["event"], DAY).purposes[0].interest is None


def with_line(purpose: str, **changes: Any) -> CompiledPolicy:
    line: PurposeBasis = replace(POLICY.purpose_bases[purpose], **changes)
    return replace(POLICY, purpose_bases=Frozen({**POLICY.purpose_bases, purpose: line}))


def with_partner(**changes: Any) -> CompiledPolicy:
    """Let events pass data on to a partner in Singapore and Japan."""
    partner = Recipient(
        "partner", Frozen({"en": "a partner"}), "own", None, False, ("SG", "JP"), ("announce",), None, Frozen(), None, Frozen(), None
    )
    event = replace(POLICY.situations["event"], recipients=("partner", "nobody"))
    return replace(
        POLICY,
        recipients=Frozen({"partner": replace(partner, **changes)}),
        situations=Frozen({**POLICY.situations, "event": event}),
    )


def test_a_notice_names_who_receives_and_where_they_are() -> None:
    """notice.channels (GDPR 13(1)(e)(f)): recipients of the situation with their countries, each country once."""
    policy = with_partner()
    told = sheet(policy, LAW, policy.situations["event"], DAY)
    assert [one.id for one in told.recipients] == ["partner"]
    assert told.countries == ("JP", "US", "SG")
    assert sheet(policy, LAW, policy.situations["materials"], DAY).recipients == ()
    strangers = replace(policy, retention=replace(policy.retention, kinds=Frozen({})))
    assert sheet(strangers, LAW, strangers.situations["event"], DAY).ends == ()


def test_what_was_agreed_hangs_on_recipient_transfer_act_and_basis() -> None:
    """Who receives, where they are and in which role, the terms of a transfer, the act and the basis each make it another thing."""
    before = with_partner()

    def changed(policy: CompiledPolicy) -> set[str]:
        old, new = (fingerprints(one, LAW, one.situations["event"], DAY) for one in (before, policy))
        return {name for name in old if old[name] != new[name]}

    def of_event(**changes: Any) -> CompiledPolicy:
        event = replace(before.situations["event"], **changes)
        return replace(before, situations=Frozen({**before.situations, "event": event}))

    both = {"analyse", "announce"}
    assert changed(with_partner()) == changed(with_partner(country=("JP", "SG"), text=Frozen({"en": "another word"}))) == set()
    assert changed(with_partner(role="joint")) == changed(with_partner(country=("SG",))) == both
    assert changed(of_event(recipients=("nobody",))) == both
    first, second = before.situations["event"].purposes
    assert changed(of_event(purposes=(first, replace(second, act="on_page")))) == {"announce"}
    moved = replace(before.services["salesforce"], transfer=Frozen({"jp": "consent"}))
    assert changed(replace(before, services=Frozen({**before.services, "salesforce": moved}))) == {"announce"}
    rested: PurposeBasis = replace(before.purpose_bases["analyse"], bases=Frozen({"eea": "consent", "uk": "legitimate_interests"}))
    assert changed(replace(before, purpose_bases=Frozen({**before.purpose_bases, "analyse": rested}))) == {"analyse"}
    narrower = replace(before.purposes["analyse"], uses=("name",))
    assert changed(replace(before, purposes=Frozen({**before.purposes, "analyse": narrower}))) == {"analyse"}
    later = replace(before.retention.kinds["prospect"], ends=(End("last_contact", Period(3, "Y"), "from_year_end"),))
    kinds = Frozen({**before.retention.kinds, "prospect": later})
    assert changed(replace(before, retention=replace(before.retention, kinds=kinds))) == both
    assert fingerprint(before, LAW, before.situations["event"], DAY) == fingerprint(
        with_partner(country=("JP", "SG")), LAW, with_partner().situations["event"], DAY
    )
    assert fingerprint(before, LAW, before.situations["event"], DAY) != fingerprint(
        with_partner(role="joint"), LAW, before.situations["event"], DAY
    )


@pytest.mark.parametrize(
    ("situation", "surface"), [("event", "form:event"), ("card", "staff:card"), ("browsing", "browser:browsing")]
)
def test_a_notice_is_shown_where_the_situation_is_met(situation: str, surface: str) -> None:
    """notice.channels: the surface is how people are met and in which situation."""
    assert surface_of(POLICY, POLICY.situations[situation]) == surface
    bare = replace(POLICY, channels=Frozen({}))
    assert surface_of(bare, POLICY.situations[situation]) == f"{POLICY.situations[situation].channel}:{situation}"
