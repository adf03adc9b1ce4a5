"""Where each step of the gate ends: the last day that counts, the words that are told, and whose law asks at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.transfers.test_rules import LAW, POLICY, TODAY, ask, code, evidence, position, route
from upheld.policy.law import regimes
from upheld.policy.law.adequacy import SAME_AREA
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.transfers import Stop, permitted
from upheld.transfers.rules import asking, assessed, carried

DPF = {"checked_on": date(2026, 11, 12), "covers": ("non_hr",), "uk_extension": False}


def service(name: str, **changes: Any) -> CompiledPolicy:
    return replace(POLICY, services=Frozen({**POLICY.services, name: replace(POLICY.services[name], **changes)}))



def test_each_stop_names_its_step_and_what_it_is_about() -> None:
    """services (APPI 25, 28, GDPR 44): a caller learns the code, the clause, and which field or country it is about."""
    asked = permitted(POLICY, LAW, "slack", "JP", "respond", ("email", "blood"), TODAY)
    assert asked == Stop("field_not_declared", "collection.fields", field="blood")
    assert ask(POLICY, "dropbox", "JP", "respond") == Stop("service_unknown", "services")
    assert ask(POLICY, "slack", "JP", "announce") == Stop("service_unknown", "services.slack")
    bare = evidence(POLICY, "services.slack", contract=None)
    assert ask(bare, "slack", "JP", "respond") == Stop("review_overdue", "services.slack")
    assert ask(POLICY, "aws", "JP", "provide", region="us-east-1") == Stop("region_mismatch", "services.aws")
    none = replace(POLICY, countries=Frozen())
    assert ask(none, "marketo", "JP", "announce") == Stop("country_unassessed", "country.US", country="US")
    lost = position(POLICY, "marketo", jp=None)
    assert ask(lost, "marketo", "JP", "announce") == Stop("foreign_no_position", "services.marketo.transfer", country="US")
    unsigned = evidence(POLICY, "services.gcp", scc=None)
    assert ask(unsigned, "gcp", "DE", "analyse") == Stop("transfer_no_safeguard", "services.gcp.transfer", country="US")
    found = route(ask(POLICY, "gcp", "DE", "analyse"))
    assert (found.service, found.purpose, found.on) == ("gcp", "analyse", TODAY)


@pytest.mark.parametrize(
    ("changes", "on", "expected"),
    [
        ({"review": Frozen({"next": date(2026, 10, 23)})}, date(2026, 11, 22), None),
        ({"review": Frozen({"next": date(2026, 10, 23)})}, date(2026, 11, 23), "review_overdue"),
        ({"review": None}, TODAY, "review_overdue"),
        ({"contract": Frozen({"signed": TODAY})}, TODAY, "review_overdue"),
    ],
)
def test_a_processor_has_a_contract_and_a_review_in_date(changes: dict[str, Any], on: date, expected: str | None) -> None:
    """services (APPI 25, GDPR 28): a document and a day for the next look; thirty days after it are the last grace."""
    assert code(ask(evidence(POLICY, "services.slack", **changes), "slack", "JP", "respond", on)) == expected


def test_what_the_company_runs_itself_needs_no_contract() -> None:
    """services (APPI 25): nobody signs a contract with themselves, but a review that was announced is kept."""
    bare = evidence(service("salesforce", operator="self"), "services.salesforce", contract=None, review=None)
    assert code(ask(bare, "salesforce", "JP", "provide")) is None
    late = evidence(bare, "services.salesforce", review=Frozen({"next": date(2026, 10, 22)}))
    assert code(ask(late, "salesforce", "JP", "provide")) == "review_overdue"


def test_without_a_law_that_gives_grace_a_review_ends_with_its_day() -> None:
    """services: the days of grace are the law's; where no pack gives any, the announced day is the last."""
    lawless = replace(evidence(POLICY, "services.salesforce", review=Frozen({"next": TODAY})), packs=())
    assert code(ask(lawless, "salesforce", "JP", "provide")) is None
    assert code(ask(lawless, "salesforce", "JP", "provide", date(2026, 11, 23))) == "review_overdue"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"next": TODAY}, None),
        ({"next": date(2026, 11, 21)}, "country_unassessed"),
        ({"next": None}, None),
        ({"assessed": None}, "country_unassessed"),
        ({"assessed": "recently"}, "country_unassessed"),
    ],
)
def test_a_sheet_counts_through_the_day_of_its_next_look(changes: dict[str, Any], expected: str | None) -> None:
    """security.external_environment (APPI 23): a sheet with the day it was made, not past the day of its next look."""
    sheet = evidence(POLICY, "country.US", **changes)
    held = regimes(POLICY.reach, POLICY.packs, "JP", TODAY, LAW)
    stop = assessed(sheet, LAW, ("JP", "US"), held, TODAY)
    assert (stop.code if stop else None) == expected
    assert assessed(replace(sheet, countries=Frozen()), LAW, ("JP",), held, TODAY) is None
    assert assessed(replace(sheet, countries=Frozen()), LAW, ("US",), (), TODAY) is None


@pytest.mark.parametrize(
    ("said", "proof", "on", "expected"),
    [
        ("not_handled", {"not_handled": {"clause": "4", "access_control": "x.md"}}, TODAY, "not_handled"),
        ("not_handled", {"not_handled": {"clause": "4"}}, TODAY, None),
        ("not_handled", {"not_handled": {"access_control": "x.md"}}, TODAY, None),
        ("consent", {"not_handled": {"clause": "4", "access_control": "x.md"}}, TODAY, None),
        ("equivalent_system", {"equivalent_system": {"checked": TODAY}}, TODAY, "equivalent_system"),
        ("equivalent_system", {"equivalent_system": {"checked": date(2025, 11, 22)}}, TODAY, "equivalent_system"),
        ("equivalent_system", {"equivalent_system": {"checked": date(2025, 11, 21)}}, TODAY, None),
        ("equivalent_system", {"equivalent_system": {"checked": date(2026, 11, 23)}}, TODAY, None),
        ("equivalent_system", {"equivalent_system": {"checked": "lately"}}, TODAY, None),
        ("equivalent_system", {}, TODAY, None),
        ("consent", {"equivalent_system": {"checked": TODAY}}, TODAY, None),
    ],
)
def test_a_position_abroad_is_proven_each_in_its_way(said: str, proof: dict[str, Any], on: date, expected: str | None) -> None:
    """services.transfer (APPI 28; Rules 18): both papers for data not handled, a look within a year for a system like ours."""
    kept = {"equivalent_system": None, **{name: Frozen(parts) for name, parts in proof.items()}}
    policy = evidence(position(POLICY, "marketo", jp=said), "services.marketo", **kept)
    found = ask(policy, "marketo", "JP", "announce", on)
    assert (None if isinstance(found, Stop) else found.positions["US"]) == expected


def test_a_designated_country_needs_no_position() -> None:
    """services.transfer (APPI 28(1)): Japan designated the EEA and the United Kingdom, whatever the row says."""
    german = replace(service("marketo", storage=("DE",), support_access=("GB",), operator_country="JP", transfer=Frozen()))
    sheets = replace(german, countries=Frozen({**german.countries, "DE": german.countries["US"], "GB": german.countries["US"]}))
    for country in ("DE", "GB"):
        sheets = evidence(sheets, f"country.{country}", assessed=TODAY)
    assert dict(route(ask(sheets, "marketo", "JP", "announce")).positions) == {
        "JP": "domestic", "DE": "designated", "GB": "designated",
    }  # fmt: skip


def test_only_the_law_that_is_listed_asks() -> None:
    """policy.law: a policy that lists no Japanese law asks for no Japanese position, one without the GDPR for no mechanism."""
    held = regimes(POLICY.reach, POLICY.packs, "DE", TODAY, LAW)
    assert set(held) == {"eea", "jp"}
    assert asking(POLICY, LAW, held, "transfer.mechanism", TODAY) == ("eea",)
    assert asking(POLICY, LAW, held, "transfer.position", TODAY) == ("jp",)
    assert asking(POLICY, LAW, ("jp",), "transfer.mechanism", TODAY) == ()
    european = route(ask(replace(POLICY, packs=("eu-gdpr",)), "gcp", "DE", "analyse"))
    assert (european.positions, set(european.mechanisms)) == ({}, {"eea"})
    everywhere = replace(POLICY, transfers_apply_to=None)
    assert dict(route(ask(everywhere, "gcp", "DE", "analyse")).mechanisms["eea"]) == {"JP": "eu-jp", "US": "scc"}
    elsewhere = replace(POLICY, transfers_apply_to=("uk",))
    assert route(ask(elsewhere, "gcp", "DE", "analyse")).mechanisms == {"eea": {}}
    assert route(ask(elsewhere, "gcp", "GB", "analyse")).mechanisms["uk"]["US"] == "uk_addendum"


def test_data_that_stay_in_the_area_move_freely() -> None:
    """transfers (GDPR 45): from Germany to Ireland nothing is crossed; from the United Kingdom there a decision carries."""
    irish = POLICY.services["marketo"]
    assert carried(POLICY, LAW, irish, "eea", "IE", TODAY, home="DE") == SAME_AREA
    assert carried(POLICY, LAW, irish, "eea", "IE", TODAY) == SAME_AREA
    assert carried(POLICY, LAW, irish, "uk", "GB", TODAY) == SAME_AREA
    assert carried(POLICY, LAW, irish, "uk", "IE", TODAY) not in {SAME_AREA, "uk_addendum"}


@pytest.mark.parametrize(
    ("seen", "situation", "origin", "expected"),
    [
        ({}, "event", "DE", "eu-us-dpf"),
        ({}, None, "DE", "eu-us-dpf"),
        ({"covers": ("hr",)}, "event", "DE", "transfer_no_safeguard"),
        ({"covers": ("hr",)}, "candidate", "DE", "eu-us-dpf"),
        ({}, "candidate", "DE", "transfer_no_safeguard"),
        ({"checked_on": "lately"}, "event", "DE", "transfer_no_safeguard"),
        ({"covers": None}, "event", "DE", "transfer_no_safeguard"),
        ({}, "event", "GB", "transfer_no_safeguard"),
        ({"uk_extension": True}, "event", "GB", "uk-us-bridge"),
    ],
)
def test_a_certification_covers_what_it_names(seen: dict[str, Any], situation: str | None, origin: str, expected: str) -> None:
    """transfers.adequacy (GDPR 45, UK GDPR 45A): applicants' data need the firm's own word for them, British data the extension."""
    parts = {name: value for name, value in {**DPF, **seen}.items() if value is not None}
    policy = evidence(POLICY, "services.marketo", dpf=Frozen(parts), scc=None, uk_addendum=None)
    policy = replace(policy, transfers_apply_to=None)
    found = ask(policy, "marketo", origin, "announce", situation=situation)
    told = found.code if isinstance(found, Stop) else dict(found.mechanisms["uk" if origin == "GB" else "eea"])["US"]
    assert told == expected


def test_where_the_situation_is_not_named_a_service_of_applicants_counts_as_theirs() -> None:
    """transfers.adequacy: a service that serves the purposes of applicants may hold their data, so its certification must cover them."""
    row = replace(POLICY.services["marketo"], purposes=("announce", "hire_screen"))
    policy = replace(POLICY, services=Frozen({**POLICY.services, "marketo": row}), transfers_apply_to=None)
    policy = evidence(policy, "services.marketo", dpf=Frozen(DPF), scc=None)
    assert code(ask(policy, "marketo", "DE", "announce", situation="event")) is None
    assert code(ask(policy, "marketo", "DE", "announce")) == "transfer_no_safeguard"
    assert code(ask(policy, "marketo", "DE", "announce", situation="survey")) == "transfer_no_safeguard"


def test_who_asks_for_a_way_alone_means_ordinary_data() -> None:
    """transfers.adequacy: where nobody says that the data are applicants', a certification for others than staff carries them."""
    policy = evidence(POLICY, "services.marketo", dpf=Frozen(DPF), scc=None)
    assert carried(policy, LAW, policy.services["marketo"], "eea", "US", TODAY) == "eu-us-dpf"


SIGNED, AFTER = Frozen({"signed": TODAY}), Frozen({"signed": date(2026, 11, 23)})
SCC = Frozen({"module": "3", "signed": TODAY, "assessment": "x.md"})


@pytest.mark.parametrize(
    ("regime", "chosen", "proof", "expected"),
    [
        ("eea", "scc", {"scc": SCC}, "scc"),
        ("eea", "scc", {"scc": Frozen({"signed": TODAY, "assessment": "x.md"})}, "transfer_no_safeguard"),
        ("eea", "scc", {"scc": Frozen({**SCC, "module": "4"})}, "scc_module"),
        ("eea", "scc", {"scc": Frozen({**SCC, "signed": date(2026, 11, 23)})}, "transfer_no_safeguard"),
        ("eea", "scc", {"scc": Frozen({**SCC, "signed": "soon"})}, "transfer_no_safeguard"),
        ("eea", "scc", {"scc": Frozen({**SCC, "assessment": ""})}, "transfer_no_safeguard"),
        ("eea", "scc", {}, "transfer_no_safeguard"),
        ("eea", None, {"scc": SCC}, "transfer_no_safeguard"),
        ("eea", "idta", {"scc": SCC, "idta": SIGNED}, "transfer_no_safeguard"),
        ("eea", "uk_addendum", {"scc": SCC}, "scc"),
        ("eea", "other_contract", {"scc": SCC}, "approval_missing"),
        ("eea", "other_contract", {"approval": Frozen({"id": "A-1"})}, "other_contract"),
        ("eea", "other_contract", {"approval": Frozen({"who": "x"})}, "approval_missing"),
        ("uk", "uk_addendum", {"scc": SCC, "uk_addendum": SIGNED}, "uk_addendum"),
        ("uk", "uk_addendum", {"scc": SCC, "uk_addendum": AFTER}, "uk_addendum_missing"),
        ("uk", "uk_addendum", {"uk_addendum": SIGNED}, "transfer_no_safeguard"),
        ("uk", "scc", {"scc": SCC, "uk_addendum": SIGNED}, "uk_addendum_missing"),
        ("uk", None, {"scc": SCC, "uk_addendum": SIGNED}, "uk_addendum_missing"),
        ("uk", None, {"uk_addendum": SIGNED}, "transfer_no_safeguard"),
        ("uk", "idta", {"idta": SIGNED}, "idta"),
        ("uk", "idta", {"idta": AFTER, "scc": SCC}, "uk_addendum_missing"),
    ],
)
def test_a_contract_carries_what_its_papers_prove(
    regime: str, chosen: str | None, proof: dict[str, Any], expected: str
) -> None:
    """transfers.scc (GDPR 46(2)(c), UK GDPR 46): module, signature by that day and assessment; for British data the addendum or the IDTA."""
    kept = {"scc": None, "uk_addendum": None, **proof}
    policy = evidence(position(POLICY, "marketo", **{regime: chosen}), "services.marketo", **kept)
    found = carried(policy, LAW, policy.services["marketo"], regime, "US", TODAY)
    assert found == (expected if expected in {"scc", "uk_addendum", "idta", "other_contract"} else Stop(
        expected, "services.marketo.transfer", country="US"
    ))  # fmt: skip
