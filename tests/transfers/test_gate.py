"""Leave for one hop, over HTTP and on the command line: which step stops what, and what the ledger says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.cli_rooms.conftest import Desk
from tests.support import (
    HANAKO,
    LENA,
    MORI,
    OLIVER,
    SATO,
    Person,
    Site,
    Staff,
    add_evidence,
    copy_policy,
    edit,
)
from upheld.amendment.model import StatutoryProcedureError
from upheld.cli import cli
from upheld.db import FixedClock
from upheld.policy.model import Frozen
from upheld.security import keys, staff
from upheld.transfers import Route, permitted

SIX = ("name", "email", "phone", "occupation", "job_title", "company")
OPS = Staff("OPS", 5, ("operations",))
COHOST = """
recipients:
  cohost:
    text: {en: the co-host of the event, ja: 共催者}
    role: joint
    name: {en: Example Partner KK, ja: 例示パートナー株式会社}
    country: [JP]
    purposes: [announce]
    fields: [name, email, company]
    ground: {jp: stated, eea: consent, uk: consent}
    range: {en: the co-host named on the event page, ja: イベントページに記載の共催者}
    responsible: {name: same_as_controller, address: same_as_controller, representative: same_as_controller}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return copy_policy(tmp_path / "policy")


def ask(site: Site, one: Staff, service: str, subject: str, purpose: str, *fields: str, **more: Any) -> httpx.Response:
    body = {"service": service, "subject": subject, "purpose": purpose, "fields": list(fields), **more}
    return site.http.post("/api/v1/transfers", json=body, headers=site.staff(one))


def code(answer: httpx.Response) -> str | None:
    return None if answer.status_code == 200 else str(answer.json()["code"])


def entries(site: Site, kind: str) -> list[dict[str, Any]]:
    site.house.settle()
    found = site.house.ledger.entries_since(0, 10_000, kinds=(kind,))
    return [dict(site.house.ledger.body(one.id)) for one in found]


def person(site: Site, who: Person, situation: str, *names: str, **more: Any) -> str:
    return str(site.collect(who, situation, *names, **more)["subject"])


@pytest.mark.row("M51")
def test_m51_only_listed_services_with_their_review_in_date(policy: Path) -> None:
    """A service that the policy does not list gets nothing, nor does one whose review date passed."""
    edit(policy, "evidence/services.yaml", """    contract:
      document: documents/dpa-slack.md
      signed: 2026-05-01
      art28: all
      subprocessors: {url: "https://www.example.com/subprocessors/slack", notice: P30D}
    review: {last: 2026-10-01, next: 2027-10-01}""", """    contract:
      document: documents/dpa-slack.md
      signed: 2026-05-01
      art28: all
      subprocessors: {url: "https://www.example.com/subprocessors/slack", notice: P30D}
    review: {last: 2025-11-23, next: 2026-11-23}""")  # fmt: skip
    with Site(policy) as site:
        hanako = person(site, HANAKO, "contact", "name", "email", "inquiry")
        assert code(ask(site, MORI, "dropbox", hanako, "respond_and_market", "inquiry")) == "service_unknown"
        assert code(ask(site, MORI, "slack", hanako, "respond_and_market", "inquiry")) is None
        site.clock.advance(days=40)
        staff.train(site.house, MORI.number, by="staff:0")
        late = ask(site, MORI, "slack", hanako, "respond_and_market", "inquiry")
        assert (late.status_code, code(late)) == (403, "review_overdue")
        assert [one["code"] for one in entries(site, "transfer.refused")] == ["service_unknown", "review_overdue"]


@pytest.mark.row("M56")
def test_m56_the_region_of_the_object_is_one_the_policy_states(site: Site) -> None:
    """An object for AWS may lie in Tokyo, not in Virginia."""
    hanako = person(site, HANAKO, "registration", "email")
    far = ask(site, OPS, "aws", hanako, "user_id", "email", region="us-east-1")
    assert (far.status_code, code(far)) == (403, "region_mismatch")
    assert code(ask(site, OPS, "aws", hanako, "user_id", "email", region="ap-northeast-1")) is None


@pytest.mark.row("M57")
def test_m57_a_domestic_service_needs_no_position(site: Site) -> None:
    """Salesforce is run from Japan and stores there: the entry says domestic and nothing else."""
    hanako = person(site, HANAKO, "contract", "name", "email")
    found = ask(site, OPS, "salesforce", hanako, "provide", "email")
    assert found.json()["records"][0]["positions"] == {"JP": "domestic"}
    made = entries(site, "transfer.made")[-1]
    assert (made["to"], made["kind"], made["positions"], made["mechanisms"]) == (
        "salesforce", "entrusted", {"JP": "domestic"}, {},
    )  # fmt: skip


@pytest.mark.row("M58")
def test_m58_each_country_has_a_mechanism_or_nothing_goes(policy: Path) -> None:
    """A German's data goes to Google Cloud under the clauses; without their evidence it stays, under the same version."""
    with Site(policy) as site:
        lena = person(site, LENA, "event", *SIX)
        found = ask(site, SATO, "gcp", lena, "analyse", "company")
        assert found.json()["records"][0]["mechanisms"] == {"eea": {"US": "scc", "JP": "eu-jp"}}
        before = site.house.in_force().policy
        edit(policy, "evidence/services.yaml", 'scc: {module: "2", signed: 2026-05-01, assessment: documents/tia-us-google.md}\n    ', "")
        assert site.publish(policy).kind == "evidence"
        bare = ask(site, SATO, "gcp", lena, "analyse", "company")
        assert (bare.status_code, code(bare)) == (403, "transfer_no_safeguard")
        after = site.house.in_force().policy
        assert (after.version, after.promise_hash) == (before.version, before.promise_hash)
        assert entries(site, "transfer.made")[-1]["mechanisms"]["eea"]["US"] == "scc"


def accept(policy: Path, at: str, code: str = "PP404") -> None:
    path = policy / "evidence" / "accepted.yaml"
    path.write_text(path.read_text("utf-8") + f"""  - code: {code}
    at: {at}
    reason: {{en: for the test, ja: 試験のため}}
    who: Head of the Corporate division
    until: 2027-06-30
""", "utf-8")  # fmt: skip


@pytest.mark.row("M59")
def test_m59_no_position_under_japanese_law_no_transfer(policy: Path) -> None:
    """Marketo abroad without a stated position gets nobody, not even one who agreed to be written to."""
    edit(policy, "05-services.yaml", "    purposes: [analyse, announce, marketing]\n    transfer: {jp: equivalent_system, eea: scc", "    purposes: [analyse, announce, marketing]\n    transfer: {eea: scc")
    accept(policy, "services.marketo.transfer", "PP401")
    with Site(policy) as site:
        hanako = person(site, HANAKO, "event", *SIX, consents=["announce"])
        bare = ask(site, SATO, "marketo", hanako, "announce", "email")
        assert (bare.status_code, code(bare)) == (403, "foreign_no_position")


def test_what_stops_a_read_stops_a_hop_first(site: Site) -> None:
    """Undeclared purposes, roles, objections and gaps answer as for a read, before any service is looked at."""
    oliver = person(site, OLIVER, "event", *SIX)
    assert code(ask(site, SATO, "dropbox", oliver, "provide", "email")) == "purpose_not_declared"
    assert code(ask(site, SATO, "marketo", oliver, "announce", "department")) == "field_not_declared"
    assert code(ask(site, MORI, "marketo", oliver, "announce", "email")) == "role_not_allowed"
    assert code(ask(site, SATO, "marketo", oliver, "announce", "email")) == "consent_missing"
    site.state_choice(oliver, "analyse", "object")
    assert code(ask(site, SATO, "gcp", oliver, "analyse", "company")) == "objected"
    assert code(ask(site, SATO, "gcp", "AAAAAAAAAAAAAAAAAAAAAA", "analyse", "company")) == "not_found"


def test_a_service_gets_only_purposes_it_is_listed_for(site: Site) -> None:
    """AWS is listed for delivering, not for analysing."""
    hanako = person(site, HANAKO, "event", *SIX)
    assert code(ask(site, SATO, "aws", hanako, "analyse", "company")) == "service_unknown"


@pytest.mark.row("M12")
def test_m12_a_co_host_is_a_third_party_until_named(policy: Path) -> None:
    """The co-host gets nobody of version 1, ever; under version 2, which names the joint use, the new attendee."""
    with Site(policy) as site:
        old = person(site, HANAKO, "joint_event", *SIX, consents=["announce"])
        before = ask(site, SATO, "Example Partner KK", old, "announce", "email")
        assert (before.status_code, code(before)) == (403, "third_party_no_basis")
        name_the_co_host(site, policy)
        kenta = Person("KENTA", "JP", "ja", {"name": "例示 健太", "email": "kenta@example.jp", "company": "例示商事"})
        new = person(site, kenta, "joint_event", "name", "email", "company", consents=["announce"])
        given = ask(site, SATO, "Example Partner KK", new, "announce", "email")
        assert (given.status_code, given.json()["kind"], given.json()["service"]) == (200, "joint", "cohost")
        made = entries(site, "transfer.made")
        assert [(one["to"], one["kind"]) for one in made] == [("cohost", "joint")]
        assert code(ask(site, SATO, "cohost", old, "announce", "email")) == "third_party_no_basis"
        assert code(ask(site, SATO, "cohost", new, "announce", "phone")) in {"third_party_no_basis", "field_not_declared"}
        assert code(ask(site, SATO, "cohost", new, "analyse", "email")) == "third_party_no_basis"


def name_the_co_host(site: Site, policy: Path) -> None:
    """Publish version 2: the co-host as a joint recipient with its five items, after the steps the law asks for."""
    (policy / "recipients.yaml").write_text("section: recipients\ntext: {en: Who gets data jointly with us., ja: 共同して利用する者。}\n" + COHOST.lstrip(), "utf-8")
    edit(policy, "02-collection.yaml", "    recipients: none\n", "    recipients: [cohost]\n")
    edit(policy, "00-policy.yaml", 'version: "1"', 'version: "2"')
    with pytest.raises(StatutoryProcedureError) as refused:
        site.publish(policy)
    steps = "".join(
        f"  - {{version: '2', class: {told.params['class']}, at: {told.clause}, "
        f"done: [{', '.join(told.params['steps'])}], who: Head of the Corporate division, on: 2026-11-21}}\n"
        for told in refused.value.findings
    )
    add_evidence(policy, "v2", "procedures:\n" + steps)
    site.publish(policy)


@pytest.mark.row("M53")
def test_m53_without_a_sheet_of_the_country_nothing_goes_there(policy: Path) -> None:
    """With the sheet of the United States gone, none of the services there gets anything."""
    (policy / "countries" / "US.yaml").unlink()
    edit(policy, "evidence/measures.yaml", """  country.US:
    document: documents/us-assessment.md
    by: Head of the Corporate division
    assessed: 2026-10-01
    next: 2027-10-01
""", "")  # fmt: skip
    shown = CliRunner().invoke(cli, ["check", str(policy), "--format", "concise", "--as-of", "2026-11-22"])
    assert (shown.exit_code, "PP303" in shown.output) == (1, True)
    draft = policy / "evidence" / "drafts.yaml"
    draft.write_text(draft.read_text("utf-8").replace("  - country.US\n", ""), "utf-8")
    for at in sorted(set(re.findall(r"\[at ([a-z_A-Z.]+)\]", shown.output)) | {"country.US"}):
        accept(policy, at, "PP303")
    with Site(policy) as site:
        event = person(site, HANAKO, "event", *SIX, consents=["announce"])
        contact = person(site, HANAKO, "contact", "name", "email", "inquiry")
        asked = ((SATO, "gcp", event, "analyse"), (SATO, "marketo", event, "announce"), (MORI, "slack", contact, "respond_and_market"))
        assert [code(ask(site, who, to, one, purpose)) for who, to, one, purpose in asked] == ["country_unassessed"] * 3


@pytest.mark.row("M92")
def test_m92_the_entry_names_the_mechanism_of_every_country(site: Site) -> None:
    """Of a German each of the five services has, in the ledger, a mechanism for operator, storage and support."""
    lena = person(site, LENA, "event", *SIX, consents=["announce"])
    person(site, LENA, "registration", "email")
    person(site, LENA, "contact", "name", "email", "inquiry")
    hops = (
        (OPS, "aws", "user_id"), (SATO, "salesforce", "announce"), (SATO, "gcp", "analyse"),
        (SATO, "marketo", "announce"), (MORI, "slack", "respond_and_market"),
    )  # fmt: skip
    services = site.house.in_force().policy.services
    for one, service, purpose in hops:
        assert code(ask(site, one, service, lena, purpose)) is None, service
        made = entries(site, "transfer.made")[-1]
        assert made["to"] == service
        assert set(made["mechanisms"]["eea"]) == set(services[service].countries)
        assert all(made["mechanisms"]["eea"].values())


@pytest.mark.row("M93")
def test_m93_a_decision_on_a_country_carries_as_long_as_it_stands(site: Site) -> None:
    """A German's data go to Japan on the decision of 2019; the one on the United Kingdom ends with 27 December 2031."""
    lena = person(site, LENA, "event", *SIX, consents=["announce"])
    found = ask(site, SATO, "salesforce", lena, "announce", "email")
    assert found.json()["records"][0]["mechanisms"] == {"eea": {"JP": "eu-jp"}}
    policy, law = site.house.in_force().policy, site.house.law
    row = policy.services["salesforce"]
    british = replace(row, operator_country="GB", storage=("GB",), support_access=("GB",), transfer=Frozen({}))
    clauses = dict(policy.evidence.clauses)
    clauses["services.salesforce"] = Frozen({**clauses["services.salesforce"], "review": Frozen({"next": date(2040, 1, 1)})})
    clauses["country.GB"] = Frozen({"assessed": date(2026, 10, 1), "next": date(2040, 1, 1)})
    countries = Frozen({**policy.countries, "GB": policy.countries["US"]})
    told = replace(
        policy, services=Frozen({**policy.services, "salesforce": british}), countries=countries,
        evidence=replace(policy.evidence, clauses=Frozen(clauses)),
    )  # fmt: skip

    def hop(on: date) -> object:
        outcome = permitted(told, law, "salesforce", "DE", "announce", ("email",), on)
        return dict(outcome.mechanisms["eea"]) if isinstance(outcome, Route) else outcome.code

    assert hop(date(2031, 12, 27)) == {"GB": "eu-gb-2025"}
    assert hop(date(2032, 1, 1)) == "transfer_no_safeguard"


@pytest.mark.row("M96")
def test_m96_another_contract_carries_once_it_is_approved(policy: Path) -> None:
    """A contract of another kind needs the approval that is on file, by its number; the compiler asks for it as well."""
    edit(policy, "05-services.yaml", "    purposes: [analyse]\n    transfer: {jp: equivalent_system, eea: scc", "    purposes: [analyse]\n    transfer: {jp: equivalent_system, eea: other_contract")
    accept(policy, "services.gcp.transfer", "PP413")
    with Site(policy) as site:
        lena = person(site, LENA, "event", *SIX)
        bare = ask(site, SATO, "gcp", lena, "analyse", "company")
        assert (bare.status_code, code(bare)) == (403, "approval_missing")
        edit(policy, "evidence/services.yaml", "    connector: {find: yes, correct: yes, erase: yes, backups_lapse: P180D}", "    approval: {id: DPA-2026-17}\n    connector: {find: yes, correct: yes, erase: yes, backups_lapse: P180D}")
        site.publish(policy)
        found = ask(site, SATO, "gcp", lena, "analyse", "company")
        assert found.json()["records"][0]["mechanisms"]["eea"]["US"] == "other_contract"


@pytest.mark.row("M94")
def test_m94_the_clauses_need_the_right_module_and_an_assessment(policy: Path) -> None:
    """Module 1 does not fit a processor; module 2 does; without the assessment it carries nothing."""
    line = 'scc: {module: "2", signed: 2026-05-01, assessment: documents/tia-us-google.md}'
    with Site(policy) as site:
        lena = person(site, LENA, "event", *SIX)
        assert code(ask(site, SATO, "gcp", lena, "analyse", "company")) is None
        accept(policy, "services.gcp")
        edit(policy, "evidence/services.yaml", line, 'scc: {module: "1", signed: 2026-05-01, assessment: documents/tia-us-google.md}')
        site.publish(policy)
        assert code(ask(site, SATO, "gcp", lena, "analyse", "company")) == "scc_module"
        edit(policy, "evidence/services.yaml", line.replace('"2"', '"1"'), 'scc: {module: "2", signed: 2026-05-01}')
        site.publish(policy)
        assert code(ask(site, SATO, "gcp", lena, "analyse", "company")) == "transfer_no_safeguard"


@pytest.mark.row("M95")
def test_m95_clauses_alone_do_not_carry_british_data(policy: Path) -> None:
    """Marketo gets a British person's address with the addendum, not with the clauses alone."""
    with Site(policy) as site:
        oliver = person(site, OLIVER, "event", *SIX, consents=["announce"])
        given = ask(site, SATO, "marketo", oliver, "announce", "email")
        assert given.json()["records"][0]["mechanisms"]["uk"] == {"US": "uk_addendum"}
        edit(policy, "evidence/services.yaml", "tia-us-adobe.md}\n    uk_addendum: {signed: 2026-05-01}\n", "tia-us-adobe.md}\n")
        accept(policy, "services.marketo.transfer", "PP405")
        site.publish(policy)
        bare = ask(site, SATO, "marketo", oliver, "announce", "email")
        assert (bare.status_code, code(bare)) == (403, "uk_addendum_missing")


def test_a_program_needs_the_scope_of_the_service(site: Site) -> None:
    """A key for one service sends to that one only, and reads nothing."""
    hanako = person(site, HANAKO, "event", *SIX, consents=["announce"])
    _, text = keys.make(site.house, label="marketo", by="staff:0", scopes=("transfer:marketo",))
    auth = {"Authorization": f"Bearer {text}"}

    def hop(service: str, purpose: str) -> httpx.Response:
        body = {"service": service, "subject": hanako, "purpose": purpose, "fields": ["email"]}
        return site.http.post("/api/v1/transfers", json=body, headers=auth)

    assert code(hop("marketo", "announce")) is None
    assert code(hop("gcp", "analyse")) == "role_not_allowed"
    reading = {"subject": hanako, "purpose": "announce", "fields": ["email"]}
    assert code(site.http.post("/api/v1/read", json=reading, headers=auth)) == "role_not_allowed"
    assert site.http.post("/api/v1/transfers", json={"service": "x", "purpose": "y"}).status_code == 401


def test_the_command_line_asks_the_same_gate(tmp_path: Path) -> None:
    """`upheld transfers` prints position and mechanism, or leaves with the code that stops it."""
    desk = Desk(tmp_path / "data", FixedClock(Site.now))
    desk.run("publish", "--policy", str(desk.policy))
    sato = desk.hire("SATO", "sales")
    desk.collect("event", LENA.some(*SIX), country="DE")
    args = ("transfers", "--email", LENA.email, "--purpose", "analyse", "--field", "company", "--by", str(sato))
    shown = desk.run(*args, "--service", "gcp").output
    assert "US scc  JP eu-jp" in shown
    assert json.loads(desk.run(*args, "--service", "gcp", "--format", "json").output)["kind"] == "entrusted"
    assert desk.refused(*args, "--service", "dropbox") == "service_unknown"
    assert desk.refused(*args, "--service", "gcp", "--region", "eu-west-1") == "region_mismatch"
