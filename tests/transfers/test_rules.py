"""Every hop passes the gate: recipient, contract, region, country, Japanese position, mechanism."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.transfers import Route, Stop, permitted

ROOT = Path(__file__).parents[2] / "policies" / "primenumber"
TODAY = date(2026, 11, 22)
LAW = load_law()
POLICY = compile_policy(ROOT, LAW, TODAY).draft


def evidence(policy: CompiledPolicy, clause: str, **changes: Any) -> CompiledPolicy:
    """Give the policy with some evidence of a clause replaced; None takes a part away."""
    parts = {**policy.evidence.of(clause), **changes}
    kept = Frozen({key: value for key, value in parts.items() if value is not None})
    clauses = Frozen({**policy.evidence.clauses, clause: kept})
    return replace(policy, evidence=replace(policy.evidence, clauses=clauses))


def position(policy: CompiledPolicy, service: str, **transfer: str | None) -> CompiledPolicy:
    """Give the policy with other transfer words of a service."""
    row = policy.services[service]
    words = {key: value for key, value in {**row.transfer, **transfer}.items() if value is not None}
    return replace(
        policy, services=Frozen({**policy.services, service: replace(row, transfer=Frozen(words))})
    )


def ask(policy: CompiledPolicy, service: str, origin: str, purpose: str, on: date = TODAY, **more: Any) -> Route | Stop:
    return permitted(policy, LAW, service, origin, purpose, ("email",), on, **more)


def code(outcome: Route | Stop) -> str | None:
    return None if isinstance(outcome, Route) else outcome.code


def route(outcome: Route | Stop) -> Route:
    assert isinstance(outcome, Route), outcome
    return outcome


def test_each_country_reached_names_its_position_and_mechanism() -> None:
    """A German's data to Google Cloud rests on adequacy for Japan and on the clauses for the US."""
    found = route(ask(POLICY, "gcp", "DE", "analyse"))
    assert dict(found.mechanisms["eea"]) == {"US": "scc", "JP": "eu-jp"}
    assert dict(found.positions) == {"US": "equivalent_system", "JP": "domestic"}


def test_a_japanese_operator_in_japan_is_domestic() -> None:
    """Salesforce Japan stores in Japan: a Japanese person's data go nowhere abroad."""
    found = route(ask(POLICY, "salesforce", "JP", "provide"))
    assert dict(found.positions) == {"JP": "domestic"}
    assert dict(found.mechanisms) == {}


def test_an_unknown_service_is_refused() -> None:
    """Nothing goes to a service the policy does not name, nor to one that does not serve the purpose."""
    assert code(ask(POLICY, "dropbox", "JP", "provide")) == "service_unknown"
    assert code(ask(POLICY, "slack", "JP", "announce")) == "service_unknown"


def test_an_overdue_review_stops_after_its_grace() -> None:
    """Thirty days after a review was due nothing more is sent there."""
    late = evidence(POLICY, "services.slack", review=Frozen({"next": date(2026, 10, 23)}))
    assert code(ask(late, "slack", "JP", "respond")) is None
    assert code(ask(late, "slack", "JP", "respond", date(2026, 11, 23))) == "review_overdue"


def test_a_missing_contract_stops() -> None:
    """Nobody handles data for the company without a contract."""
    bare = evidence(POLICY, "services.slack", contract=None)
    assert code(ask(bare, "slack", "JP", "respond")) == "review_overdue"


def test_the_region_of_an_object_is_checked() -> None:
    """AWS is stated to store in Japan: Tokyo passes, Virginia and an unheard-of region do not."""
    assert code(ask(POLICY, "aws", "JP", "provide", region="ap-northeast-1")) is None
    assert code(ask(POLICY, "aws", "JP", "provide", region="us-east-1")) == "region_mismatch"
    assert code(ask(POLICY, "aws", "JP", "provide", region="moon-1")) == "region_mismatch"


def test_a_foreign_country_needs_a_dated_sheet() -> None:
    """Without the sheet of the US, or past its next look, nothing goes there."""
    none = replace(POLICY, countries=Frozen())
    assert code(ask(none, "marketo", "JP", "announce")) == "country_unassessed"
    assert code(ask(POLICY, "marketo", "JP", "announce", date(2027, 9, 30))) is None
    old = evidence(POLICY, "country.US", next=date(2026, 11, 21))
    assert code(ask(old, "marketo", "JP", "announce")) == "country_unassessed"


def test_the_japanese_position_must_stand() -> None:
    """No position, an unproven one or one not looked at for a year stops a foreign hop."""
    assert code(ask(position(POLICY, "marketo", jp=None), "marketo", "JP", "announce")) == "foreign_no_position"
    unproven = position(POLICY, "marketo", jp="not_handled")
    assert code(ask(unproven, "marketo", "JP", "announce")) == "foreign_no_position"
    proof = Frozen({"clause": "4", "access_control": "documents/x.md"})
    assert code(ask(evidence(unproven, "services.marketo", not_handled=proof), "marketo", "JP", "announce")) is None
    old = evidence(POLICY, "services.marketo", equivalent_system=Frozen({"checked": date(2025, 11, 21)}))
    assert code(ask(old, "marketo", "JP", "announce")) == "foreign_no_position"


def test_consent_to_a_transfer_names_the_sheet_in_force() -> None:
    """Consent given to sheet 1 of the US does not carry a transfer under sheet 2."""
    asked = position(POLICY, "marketo", jp="consent")
    assert code(ask(asked, "marketo", "JP", "announce")) == "foreign_no_position"
    assert code(ask(asked, "marketo", "JP", "announce", consents=("US 1",))) is None
    assert code(ask(asked, "marketo", "JP", "announce", consents=("US 2",))) == "foreign_no_position"


@pytest.mark.parametrize(
    ("scc", "expected"),
    [
        ({"module": "1"}, "scc_module"),
        ({"assessment": None}, "transfer_no_safeguard"),
        ({"signed": date(2027, 1, 1)}, "transfer_no_safeguard"),
        ({}, None),
    ],
)
def test_clauses_need_module_assessment_and_signature(scc: dict[str, Any], expected: str | None) -> None:
    """Standard clauses carry a hop only in module 2 or 3, signed by then, with an assessment."""
    parts = {**POLICY.evidence.of("services.gcp")["scc"], **scc}
    changed = evidence(POLICY, "services.gcp", scc=Frozen({k: v for k, v in parts.items() if v is not None}))
    assert code(ask(changed, "gcp", "FR", "analyse")) == expected


def test_british_data_need_the_addendum_or_the_idta() -> None:
    """Clauses alone do not carry data of people in the United Kingdom."""
    assert dict(route(ask(POLICY, "marketo", "GB", "announce")).mechanisms["uk"]) == {"US": "uk_addendum"}
    without = evidence(POLICY, "services.marketo", uk_addendum=None)
    assert code(ask(without, "marketo", "GB", "announce")) == "uk_addendum_missing"
    assert code(ask(position(POLICY, "marketo", uk="scc"), "marketo", "GB", "announce")) == "uk_addendum_missing"
    idta = position(POLICY, "marketo", uk="idta")
    assert code(ask(idta, "marketo", "GB", "announce")) == "uk_addendum_missing"
    signed = evidence(idta, "services.marketo", idta=Frozen({"signed": date(2026, 1, 1)}))
    assert route(ask(signed, "marketo", "GB", "announce")).mechanisms["uk"]["US"] == "idta"


def test_another_contract_needs_its_approval() -> None:
    """A contract of another kind carries a hop only with the approval on record."""
    other = position(POLICY, "marketo", eea="other_contract")
    assert code(ask(other, "marketo", "DE", "announce")) == "approval_missing"
    approved = evidence(other, "services.marketo", approval=Frozen({"id": "A-1", "who": "x", "on": TODAY}))
    assert route(ask(approved, "marketo", "DE", "announce")).mechanisms["eea"]["US"] == "other_contract"


def test_certification_carries_while_it_is_fresh() -> None:
    """A US firm certified and looked up ten days ago needs no clauses; looked up 91 days ago it does."""
    def certified(checked: date) -> CompiledPolicy:
        seen = Frozen({"checked_on": checked, "covers": ("non_hr",), "uk_extension": False})
        return evidence(POLICY, "services.marketo", dpf=seen, scc=None)

    fresh = ask(certified(date(2026, 11, 12)), "marketo", "DE", "announce", situation="event")
    assert route(fresh).mechanisms["eea"]["US"] != "scc"
    assert code(ask(certified(date(2026, 8, 23)), "marketo", "DE", "announce")) == "transfer_no_safeguard"


def test_an_unknown_origin_needs_every_mechanism() -> None:
    """Someone whose country is not known is protected by each regime that could be theirs."""
    found = route(ask(POLICY, "marketo", "unknown", "announce"))
    assert set(found.mechanisms) == {"eea", "uk"}


@given(
    service=st.sampled_from(sorted(POLICY.services)),
    origin=st.sampled_from(["JP", "DE", "NO", "GB", "other", "unknown", "EEA"]),
    on=st.dates(date(2026, 1, 1), date(2035, 1, 1)),
    dropped=st.sets(st.sampled_from(["contract", "review", "scc", "uk_addendum", "equivalent_system"])),
)
def test_less_evidence_never_opens_a_way(service: str, origin: str, on: date, dropped: set[str]) -> None:
    """Taking evidence away never lets a hop through that the whole evidence stops."""
    purpose = POLICY.services[service].purposes[0]
    whole = ask(POLICY, service, origin, purpose, on)
    less = ask(evidence(POLICY, f"services.{service}", **dict.fromkeys(dropped)), service, origin, purpose, on)
    assert isinstance(whole, Route) or isinstance(less, Stop)
    if isinstance(less, Route):
        reached = set(POLICY.services[service].countries)
        assert set(less.positions) == reached
        assert all(set(carried) == reached for carried in less.mechanisms.values())
