"""The rules of standing and basis, as a lawyer would ask them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import REFERENCE
from upheld.basis import MARKS, Ground, Refused, check_basis, check_standing, mark_key
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import Frozen
from upheld.records import Relation

DAY = date(2026, 11, 22)
LAW = load_law()
POLICY = compile_policy(REFERENCE, LAW, DAY).draft
CONTRACT = Relation(b"r", b"s", "contract", date(2026, 1, 1), date(2026, 12, 31))


def ask(situation: str, purpose: str, origin: str, on: date = DAY, **more: object) -> str:
    """Give the refusal's code, or the bases that carry it."""
    standings = more.pop("standings", {})
    found = check_basis(POLICY, LAW, situation, purpose, origin, on, standings, **more)  # type: ignore[arg-type]
    return found.code if isinstance(found, Refused) else " ".join(found.bases.values())


def test_standing_is_told_in_order() -> None:
    """Objection before withdrawal before restriction before stops."""
    assert check_standing("announce", {"announce": "objected", mark_key("restricted"): "set"}) == Refused(
        "objected", "basis.purposes.announce"
    )
    found = check_standing("announce", {"announce": "withdrawn", mark_key("restricted"): "set"})
    assert found is not None
    assert found.code == "consent_withdrawn"
    found = check_standing("announce", {mark_key("restricted"): "set", mark_key("use_ceased"): "set"})
    assert found is not None
    assert found.code == "restricted"
    assert check_standing("announce", {"announce": "given", mark_key("restricted"): "lifted"}) is None


def test_stopped_provision_meets_only_those_outside() -> None:
    """Who stopped provision is still served by our own use; only a hand-over is refused."""
    standings = {mark_key("provision_stopped"): "set"}
    assert check_standing("analyse", standings) is None
    found = check_standing("analyse", standings, third_party=True)
    assert found is not None
    assert found.code == "provision_stopped"


def test_a_restriction_can_be_lifted_for_a_named_use() -> None:
    """Restricted data stay usable where the law says so."""
    standings = {mark_key("restricted"): "set"}
    assert check_standing("legal_claims", standings, despite=["restricted"]) is None


@pytest.mark.row("M39")
def test_m39_an_interest_needs_its_assessment_in_the_eea_only() -> None:
    """Without a balancing test on file LENA's data rest on nothing; HANAKO's are untouched by it."""
    assert ask("event", "analyse", "EEA") == "legitimate_interests stated"
    bare = replace(POLICY, evidence=replace(POLICY.evidence, clauses=Frozen({})))
    assert ask("event", "analyse", "EEA", evidence=bare) == "no_legal_basis"
    assert ask("event", "analyse", "GB", evidence=bare) == "no_legal_basis"
    assert ask("event", "analyse", "JP", evidence=bare) == "stated"
    assert ask("event", "analyse", "unknown", evidence=bare) == "no_legal_basis"


@pytest.mark.row("M40")
def test_m40_a_contract_carries_to_its_last_day() -> None:
    """Without a contract there is no basis; its last day counts, the next does not."""
    assert ask("contract", "provide", "EEA") == "basis_missing"
    assert ask("contract", "provide", "EEA", date(2026, 12, 31), contract=CONTRACT) == "contract stated"
    assert ask("contract", "provide", "EEA", date(2027, 1, 1), contract=CONTRACT) == "basis_ended"
    assert ask("contract", "provide", "JP") == "stated"


def test_consent_must_stand_for_this_purpose() -> None:
    """Consent to announcing carries announcing, not marketing; a card is ground enough in Japan alone."""
    given_ = {"announce": "given"}
    assert ask("event", "announce", "JP", standings=given_) == "consent"
    assert ask("event", "announce", "JP") == "consent_missing"
    assert ask("event", "announce", "JP", standings={"announce": "refused"}) == "consent_missing"
    assert ask("contact", "marketing", "JP", standings=given_) == "consent_missing"
    assert ask("card", "announce", "JP") == "stated"
    assert ask("card", "announce", "EEA") == "consent_missing"
    assert ask("event", "announce", "JP", open_kinds=["customer"]) == "stated"


def test_the_ground_names_interest_and_assessment() -> None:
    """What carries a read is told with the interest and the document behind it."""
    found = check_basis(POLICY, LAW, "event", "analyse", "EEA", DAY, {})
    assert found == Ground(
        {"eea": "legitimate_interests", "jp": "stated"}, "product_development", "documents/lia-analyse.md"
    )


STATES = st.sampled_from(["given", "refused", "withdrawn", "objected", "overruled"])
STANDINGS = st.dictionaries(
    st.sampled_from(["announce", "analyse", *(mark_key(mark) for mark in MARKS)]), STATES | st.just("set")
)


@given(STANDINGS, st.sampled_from(sorted(POLICY.purposes)), st.sampled_from(["JP", "EEA", "GB", "unknown"]))
def test_more_stops_never_allow_more(standings: dict[str, str], purpose: str, origin: str) -> None:
    """Adding a stop never turns a refusal into a permission, and a basis never outlives an objection."""
    before = check_standing(purpose, standings, third_party=True, direct_marketing=True)
    for mark in MARKS:
        more = {**standings, mark_key(mark): "set"}
        after = check_standing(purpose, more, third_party=True, direct_marketing=True)
        assert after is not None
        assert before is None or after is not None
    assert check_standing(purpose, {**standings, purpose: "objected"}) is not None
    assert check_standing(purpose, {**standings, purpose: "withdrawn"}) is not None
