"""The rules of standing and basis, as a lawyer would ask them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import REFERENCE
from upheld.basis import MARKS, Ground, Refused, check_basis, check_standing, mark_key
from upheld.basis.model import Recorded
from upheld.basis.rules import (
    absolute,
    check_statute,
    consent_terms,
    consents,
    effective,
    interests_of,
    joined,
    keys_of,
    next_state,
    pending_terms,
    rests_on_consent,
)
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen, Stated
from upheld.policy.period import Period
from upheld.records import Relation, Standing

DAY = date(2026, 11, 22)
TOMORROW = DAY + timedelta(days=1)
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


def test_who_may_not_be_mailed_is_still_served() -> None:
    """An address that must not be mailed stops mail alone."""
    standings = {mark_key("suppressed"): "set"}
    assert check_standing("announce", standings) is None
    assert check_standing("announce", standings, direct_marketing=True) == Refused("suppressed", "retention.proof")


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


STATES = (
    "unknown", "requested", "request_deferred", "refused", "given", "renewed", "expired", "invalidated", "revoked",
    "withdrawn", "objected", "upheld", "overruled",
)  # fmt: skip
NEVER_ASKED_AGAIN = ("refused", "withdrawn", "objected", "upheld", "overruled")


@pytest.mark.parametrize(
    ("action", "moves"),
    [
        ("give", {one: "given" for one in STATES if one not in {"given", "renewed"}}),
        ("sign_up", {one: "requested" for one in STATES if one not in {"given", "renewed"}}),
        ("renew", {one: "renewed" if one in {"given", "renewed", "expired"} else "given" for one in STATES}),
        ("refuse", {one: "withdrawn" if one in {"given", "renewed"} else "refused" for one in STATES if one != "refused"}),
        ("defer", dict.fromkeys(("unknown", "requested", "expired", "invalidated", "revoked"), "request_deferred")),
        ("withdraw", {one: "withdrawn" for one in STATES if one != "withdrawn"}),
        ("object", {one: "objected" for one in STATES if one != "objected"}),
        ("request", dict.fromkeys(("unknown", "request_deferred", "expired", "invalidated", "revoked"), "requested")),
        ("revoke", {"given": "revoked", "renewed": "revoked"}),
        ("invalidate", {"given": "invalidated", "renewed": "invalidated"}),
        ("expire", {"given": "expired", "renewed": "expired"}),
    ],
)
def test_each_statement_moves_a_purpose_as_the_table_says(action: str, moves: dict[str, str]) -> None:
    """What is said from each state; where the table has no line nothing changes and nothing is written."""
    assert {one: found for one in STATES if (found := next_state(one, action)) is not None} == moves


def test_none_of_our_own_acts_opens_what_a_person_closed() -> None:
    """Asking, revoking, invalidating and expiring leave a no as it is; what nobody says is an error."""
    assert {next_state(one, act) for one in NEVER_ASKED_AGAIN for act in ("request", "revoke", "invalidate", "expire")} == {None}
    with pytest.raises(ValueError, match="nobody says that"):
        next_state("given", "sell")


def test_a_consent_for_a_time_counts_on_its_last_day() -> None:
    """The day after it is expired; a no has no last day."""
    assert [effective(state, DAY, on) for state in ("given", "renewed") for on in (DAY, TOMORROW)] == [
        "given", "expired", "renewed", "expired",
    ]  # fmt: skip
    assert (effective("withdrawn", DAY, TOMORROW), effective("given", None, TOMORROW)) == ("withdrawn", "given")


def said(purpose: str, state: str, hour: int, until: date | None = None) -> Standing:
    """What one number of a person said, at an hour of the day."""
    return Standing(b"s", purpose, state, 0, datetime(2026, 11, 22, hour, tzinfo=UTC), b"e", until)


@pytest.mark.parametrize(
    ("own", "other", "known", "stands"),
    [
        (None, said("announce", "withdrawn", 9), 8, "withdrawn"),
        (None, said("announce", "given", 9), 8, None),
        (said("announce", "given", 9), said("announce", "given", 9), 8, "given"),
        (said("announce", "given", 10), said("announce", "withdrawn", 9), 8, "given"),
        (said("announce", "given", 9), said("announce", "withdrawn", 9), 8, "withdrawn"),
        (said("announce", "given", 10), said("announce", "withdrawn", 9), 11, "withdrawn"),
        (said("announce", "given", 10), said("announce", "withdrawn", 9), 10, "withdrawn"),
        (said("announce", "requested", 10), said("announce", "withdrawn", 9), 8, "withdrawn"),
        (said("announce", "given", 10, date(2026, 11, 21)), said("announce", "withdrawn", 9), 8, "withdrawn"),
        (said("announce", "objected", 7), said("announce", "withdrawn", 9), 8, "objected"),
    ],
)
def test_of_two_numbers_of_one_person_a_no_counts_for_both(
    own: Standing | None, other: Standing, known: int, stands: str | None
) -> None:
    """Unless this number said yes later than the no, and later than it was known that both are one."""
    since = datetime(2026, 11, 22, known, tzinfo=UTC)
    found = joined([own] if own else [], [other], since, DAY)
    assert found == ({} if stands is None else {"announce": stands})


def test_a_confirmation_is_open_for_as_long_as_the_policy_says() -> None:
    """basis.purposes (GDPR 7(1)): until a moment in UTC, also for a part of a purpose; where none is asked nothing is said."""
    line = replace(POLICY.purpose_bases["announce"], confirm=Period(2, "D"))
    policy = replace(POLICY, purpose_bases=Frozen({**POLICY.purpose_bases, "announce": line}))
    now = datetime(2026, 11, 22, 3, 4, 5, 678, tzinfo=UTC)
    for purpose in ("announce", "announce.events"):
        assert pending_terms(policy, purpose, now) == {"confirm_until": "2026-11-24T03:04:05+00:00"}
    assert (pending_terms(policy, "analyse", now), pending_terms(policy, "nothing", now)) == (None, None)


def test_consent_to_every_part_carries_the_whole() -> None:
    """The whole, or each part that is used; one part alone carries that part."""
    keys = keys_of(POLICY, "respond_and_market")
    assert keys == ("respond_and_market", "respond_and_market.respond", "respond_and_market.improve_for_marketing")
    assert keys_of(POLICY, "respond_and_market", "respond") == ("respond_and_market", "respond_and_market.respond")
    assert consents({keys[0]: "given"}, keys)
    assert consents({keys[1]: "given", keys[2]: "renewed"}, keys)
    assert not consents({keys[1]: "given", keys[2]: "withdrawn"}, keys)
    assert not consents({keys[2]: "given"}, keys)
    assert not consents({}, ("announce",))


def test_where_consent_is_asked_for_and_where_an_interest_is_weighed() -> None:
    """Announcing rests on consent in the EEA and the UK, not in Japan after a card; analysing on one of four interests."""
    assert [rests_on_consent(POLICY, LAW, "card", "announce", area, DAY) for area in ("EEA", "GB", "JP")] == [True, True, False]
    assert not rests_on_consent(POLICY, LAW, "event", "analyse", "EEA", DAY)
    assert len(interests_of(POLICY, "analyse")) == 4
    assert (interests_of(POLICY, "announce"), interests_of(POLICY, "nothing")) == ((), ())
    assert absolute(POLICY, "announce")
    assert not absolute(POLICY, "analyse")


def test_a_statement_keeps_what_its_notice_told() -> None:
    """basis.consent (GDPR 7(1)): fields the purpose may use, the services that serve it, their countries, the clock; else the purpose."""
    mailed = replace(POLICY.purposes["announce"], uses=("email", "inquiry"))
    policy = replace(POLICY, purposes=Frozen({**POLICY.purposes, "announce": mailed}))
    plain = {"purpose": "announce", "notice": policy.promise_hash, "situation": "event"}
    assert consent_terms(policy, LAW, "event", "announce", DAY) == plain | {
        "fields": ["email"], "services": ["salesforce", "marketo"], "recipients": [], "countries": ["JP", "US"],
        "periods": ["last_contact P3Y"],
    }  # fmt: skip
    assert consent_terms(policy, LAW, "event", "user_id", DAY)["fields"] == []
    assert consent_terms(policy, LAW, "survey", "announce", DAY) == plain | {"situation": "survey"}


def test_a_named_proof_counts_where_the_folder_has_none() -> None:
    """A recorded balancing test carries; without any there is no basis, and of no purpose a statute is a ground."""
    bare = replace(POLICY, evidence=replace(POLICY.evidence, clauses=Frozen({})))
    assert ask("event", "analyse", "EEA", evidence=bare, recorded=Recorded(assessment="ledger:a")) == "legitimate_interests stated"
    assert ask("event", "analyse", "EEA", evidence=bare, recorded=Recorded(statute="jp-corporation-tax")) == "no_legal_basis"
    found = check_statute(POLICY, LAW, "jp-corporation-tax", "analyse", ["eea"], DAY)
    assert found == Refused("statute_jurisdiction", "basis.purposes.analyse")
    found = check_statute(POLICY, LAW, "jp-corporation-tax", "analyse", ["jp"], DAY)
    assert found == Refused("no_legal_basis", "basis.purposes.analyse")


def with_line(purpose: str, **changes: Any) -> CompiledPolicy:
    line = replace(POLICY.purpose_bases[purpose], **changes)
    return replace(POLICY, purpose_bases=Frozen({**POLICY.purpose_bases, purpose: line}))


@pytest.mark.parametrize(
    ("statute", "recorded", "expected"),
    [
        ("de-hgb", None, "de-hgb"),
        ("de-hgb", Recorded(), "de-hgb"),
        ("de-hgb", Recorded(statute="de-ao"), "de-ao"),
        (None, Recorded(statute="de-ao"), "de-ao"),
        (None, Recorded(), None),
        (None, None, None),
    ],
)
def test_a_legal_obligation_names_its_statute(statute: str | None, recorded: Recorded | None, expected: str | None) -> None:
    """basis.legal_obligation (GDPR 6(1)(c), 6(3)): the statute put on file, else the policy's; without one there is no basis."""
    policy = with_line("analyse", bases=Frozen({"eea": "legal_obligation"}), statute=statute)
    found = check_basis(policy, LAW, "event", "analyse", "EEA", DAY, {}, recorded=recorded)
    if expected is None:
        assert found == Refused("no_legal_basis", "basis.purposes.analyse")
    else:
        assert isinstance(found, Ground)
        assert (found.statute, found.interest, found.assessment) == (expected, None, None)


@pytest.mark.parametrize(
    ("bases", "held", "statute", "code"),
    [
        ({"eea": "legal_obligation"}, ["jp"], "jp-corporation-tax", None),
        ({"eea": "legal_obligation"}, ["eea", "jp"], "jp-corporation-tax", "statute_jurisdiction"),
        ({"eea": "legal_obligation"}, ["eea"], "nothing", "statute_jurisdiction"),
        ({"eea": "legal_obligation"}, [], "nothing", None),
        ({"eea": "contract", "uk": "no_such_basis"}, ["jp"], "jp-corporation-tax", "no_legal_basis"),
    ],
)
def test_a_statute_is_a_ground_where_its_country_counts(
    bases: dict[str, str], held: list[str], statute: str, code: str | None
) -> None:
    """basis.legal_obligation (GDPR 6(1)(c), 6(3)): a known statute of an accepted country, for a purpose that rests on one."""
    found = check_statute(with_line("analyse", bases=Frozen(bases)), LAW, statute, "analyse", held, DAY)
    assert found == (Refused(code, "basis.purposes.analyse") if code else None)


def test_nothing_outweighs_an_objection_to_mail_or_to_what_was_only_agreed_to() -> None:
    """rights.objection (GDPR 21(2)(3)): mail by the purpose's or a situation's act, and what rests on consent; no other purpose."""
    silent = replace(POLICY, situations=Frozen({}), purpose_bases=Frozen({}))
    assert [absolute(silent, one) for one in ("announce", "analyse", "nothing")] == [True, False, False]
    agreed = with_line("analyse", bases=Frozen({"eea": "consent", "uk": "no_such_basis"}))
    assert absolute(agreed, "analyse")
    mailed = replace(POLICY.situations["event"], purposes=(Stated("analyse", "send_marketing"),))
    assert absolute(replace(POLICY, situations=Frozen({"event": mailed})), "analyse")
    assert not absolute(replace(POLICY, situations=Frozen({"event": mailed})), "provide")


def test_an_interest_is_told_only_where_it_was_weighed() -> None:
    """basis.legitimate_interests (GDPR 6(1)(f)): consent has no interest behind it, and a test on file is a document's name."""
    found = check_basis(with_line("announce", interest="product_development"), LAW, "event", "announce", "EEA", DAY, {"announce": "given"})
    assert isinstance(found, Ground)
    assert found.interest is None
    for told in (7, ""):
        clauses = Frozen({"basis.purposes.analyse": Frozen({"assessment": told})})
        odd = replace(POLICY, evidence=replace(POLICY.evidence, clauses=clauses))
        assert ask("event", "analyse", "EEA", evidence=odd) == "no_legal_basis"


def test_a_purpose_without_a_line_has_no_basis_in_the_eea() -> None:
    """Where the policy names no basis for a purpose, European data are not used for it, and the clause is told."""
    lines = {name: line for name, line in POLICY.purpose_bases.items() if name != "analyse"}
    bare = replace(POLICY, purpose_bases=Frozen(lines))
    found = check_basis(bare, LAW, "event", "analyse", "EEA", DAY, {})
    assert found == Refused("no_legal_basis", "basis.purposes.analyse")
