"""Bases at the console and on the command line: what staff decide, put on file, and can explain afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.support import HANAKO, LENA, NOW, OLIVER, SATO, Site, copy_policy, edit
from upheld.cli import cli
from upheld.db import unb64
from upheld.security import keys, staff


class Console:
    """A site with Sato signed in at the console."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.staff(SATO)
        self.browser = httpx.Client(base_url=site.url, timeout=30)
        self.sign_in(SATO.number)

    def sign_in(self, number: int) -> None:
        secret = staff.make_link(self.site.house, number)
        assert self.browser.post("/console/sign-in", data={"secret": secret}).status_code == 303

    def act(self, path: str, **members: str) -> httpx.Response:
        """Post a form of the console, and follow to the page it leads to."""
        return self.browser.post(f"/console/{path}", data=members, follow_redirects=True)

    def code(self, path: str, **members: str) -> tuple[int, str]:
        """Post a form of the console as a program would read the answer: status and code of the refusal."""
        answer = self.browser.post(f"/console/{path}", data=members, headers={"accept": "application/json"})
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""

    def reads(self, subject: str, purpose: str, *fields: str, **more: Any) -> str:
        """Give what a read of Sato's answers: `ok`, or the code of the refusal."""
        answer = self.site.read(SATO, subject, purpose, *fields, **more)
        return "ok" if answer.status_code == 200 else str(answer.json()["code"])

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command over the same data folder."""
        found = CliRunner().invoke(cli, [*words, "--data", str(self.site.folder)], obj=self.site.clock)
        assert found.exit_code == code, (words, found.output, found.exception)
        return found.output


@pytest.fixture
def console() -> Iterator[Console]:
    with Site() as site:
        yield Console(site)


@pytest.fixture(scope="module")
def shared() -> Iterator[Console]:
    with Site() as site:
        yield Console(site)


@pytest.mark.row("M42")
def test_m42_only_the_four_interests_count(shared: Console) -> None:
    """An interest that the policy does not name is refused at the console and on the command line; nothing is kept."""
    before = shared.site.counts()
    wrong = {"purpose": "analyse", "interest": "resale", "reference": "file 12"}
    assert shared.code("assessments", **wrong) == (422, "interest_unknown")
    words = ("basis", "assess", "analyse", "resale", "--reference", "file 12", "--by", "1")
    found = CliRunner().invoke(cli, [*words, "--data", str(shared.site.folder)], obj=shared.site.clock)
    assert found.exit_code == 1
    assert shared.site.counts() == before
    page = shared.act("assessments", purpose="analyse", interest="product_development", reference="file 12")
    assert (page.status_code, 'data-assessment="analyse"' in page.text) == (200, True)


@pytest.mark.row("M42")
def test_m42_a_policy_with_a_fifth_interest_does_not_compile(tmp_path: Path) -> None:
    """`upheld check` answers PP205 and names the four known interests."""
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "03-legal-bases.yaml", "uk: legitimate_interests, interest: product_development}\n  announce", "uk: legitimate_interests, interest: resale}\n  announce")
    found = CliRunner().invoke(cli, ["check", str(folder), "--as-of", "2026-11-22"])
    assert found.exit_code == 1
    assert "PP205" in found.output
    for interest in ("business_relationships", "product_development", "fraud_prevention", "legal_compliance"):
        assert interest in found.output


@pytest.mark.row("M45")
def test_m45_a_statute_must_be_of_the_place_that_protects_the_person(shared: Console, tmp_path: Path) -> None:
    """Japanese tax law is no ground for Lena's data, at the console and on the command line; nor in the policy (PP203)."""
    lena = str(shared.site.collect(LENA, "event")["subject"])
    sent = {"purpose": "hire_health", "statute": "jp-corporation-tax"}
    assert shared.code(f"subjects/{lena}/statute", **sent) == (422, "statute_jurisdiction")
    words = ["basis", "oblige", "hire_health", "jp-corporation-tax", "--subject", lena, "--by", "1"]
    found = CliRunner().invoke(cli, [*words, "--data", str(shared.site.folder)], obj=shared.site.clock)
    assert found.exit_code == 1
    assert found.exception is not None
    assert shared.code(f"subjects/{lena}/statute", purpose="analyse", statute="de-hgb-257") == (403, "no_legal_basis")
    folder = copy_policy(tmp_path / "policy")
    old = "hire_health: {eea: legitimate_interests, uk: legitimate_interests, interest: legal_compliance}"
    new = "hire_health: {eea: legal_obligation, uk: legal_obligation, statute: {id: jp-corporation-tax}}"
    edit(folder, "03-legal-bases.yaml", old, new)
    checked = CliRunner().invoke(cli, ["check", str(folder), "--as-of", "2026-11-22"])
    assert (checked.exit_code, checked.output.count("PP203")) == (1, 2)


@pytest.mark.row("M39")
def test_m39_a_recorded_assessment_opens_what_none_had_shut(tmp_path: Path) -> None:
    """Without a balancing test Lena's data are shut and Hanako's open; one put on file by staff opens Lena's."""
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "evidence/bases.yaml", "  basis.purposes.analyse: {assessment: documents/lia-analyse.md}\n", "")
    with Site(policy=folder) as site:
        console = Console(site)
        lena, hanako = (str(site.collect(person, "event")["subject"]) for person in (LENA, HANAKO))
        assert (console.reads(lena, "analyse", "name"), console.reads(hanako, "analyse", "name")) == ("no_legal_basis", "ok")
        filed = {"purpose": "analyse", "interest": "product_development", "reference": "file 12"}
        assert console.code("assessments", **{**filed, "interest": "fraud_prevention"}) == (422, "interest_unknown")
        assert console.act("assessments", **filed).status_code == 200
        answer = site.read(SATO, lena, "analyse", "name")
        assert answer.status_code == 200
        body = site.house.ledger.body(unb64(answer.json()["records"][0]["entry"]))
        site.house.settle()
        (made,) = site.house.ledger.entries_since(0, 10_000, kinds=("interest.assessed",))
        assert body["assessment"] == f"ledger:{made.ref}"


@pytest.mark.row("M44")
def test_m44_a_withdrawal_does_not_reach_back() -> None:
    """The use of 10:05 is explained as lawful with the consent of 10:00, after the withdrawal of 10:10 as before."""
    with Site(now=NOW.replace(hour=1)) as site:  # 10:00 in Tokyo
        _explained(Console(site), site)


def _explained(console: Console, site: Site) -> None:
    done = site.collect(OLIVER, "event", consents=["announce"])
    subject = str(done["subject"])
    (given,) = [one for one in site.house.ledger.about(unb64(subject)) if one.kind.name == "consent.given"]
    site.clock.advance(timedelta(minutes=5))
    used = site.read(SATO, subject, "announce", "email").json()["records"][0]["entry"]
    site.clock.advance(timedelta(minutes=5))
    site.state_choice(subject, "announce", "withdraw")
    site.clock.advance(timedelta(minutes=1))
    assert console.reads(subject, "announce", "email") == "consent_withdrawn"
    site.house.settle()
    n = site.house.ledger.entry(unb64(used)).n
    told = json.loads(console.run("ledger", "explain", str(n), "--format", "json"))
    assert (told["entry"], told["kind"], told["lawful"]) == (used, "access.read", True)
    assert told["at"].startswith("2026-11-22T01:05:00")
    assert told["rests_on"]["consent"]["entry"] == given.ref
    assert told["rests_on"]["later"]["state"] == "withdrawn"
    lines = console.run("ledger", "explain", used)
    assert "lawful" in lines
    assert given.ref in lines
    page = console.browser.get(f"/console/ledger/{n}")
    assert (page.status_code, given.ref in page.text, 'id="lawful"' in page.text) == (200, True, True)
    assert OLIVER.email not in page.text + lines
    assert console.browser.get("/console/ledger/999999").status_code == 404


@pytest.mark.row("M75")
def test_m75_staff_see_the_task_and_decide_it_at_the_console(console: Console) -> None:
    """Lena's objection stands on the page of bases until it is decided; then the purpose is open with the decision's id."""
    lena = str(console.site.collect(LENA, "event")["subject"])
    console.site.state_choice(lena, "analyse", "object")
    page = console.browser.get("/console/bases").text
    assert f'data-task="analyse" data-subject="{lena}"' in page
    assert LENA.email not in page
    assert lena in console.run("basis", "tasks")
    assert console.reads(lena, "analyse", "name") == "objected"
    decided = {"purpose": "analyse", "result": "compelling_grounds"}
    assert console.code(f"subjects/{lena}/decide", **decided) == (422, "ground_missing")
    shown = console.act(f"subjects/{lena}/decide", **decided, reason="an ongoing case of fraud")
    assert 'data-standing="analyse" data-state="overruled"' in shown.text
    assert console.reads(lena, "analyse", "name") == "ok"
    assert 'data-empty="objections"' in console.browser.get("/console/bases").text


@pytest.mark.row("M73")
def test_m73_restricting_and_lifting_at_the_console(console: Console) -> None:
    """A restriction is set with its ground, and the form to lift it wants the day on which the person was told."""
    lena = str(console.site.collect(LENA, "event")["subject"])
    assert console.code(f"subjects/{lena}/stop", stop="restricted.because") == (422, "ground_missing")
    shown = console.act(f"subjects/{lena}/stop", stop="restricted.accuracy_contested").text
    assert 'data-mark="restricted" data-purpose="*"' in shown
    assert console.reads(lena, "analyse", "name") == "restricted"
    assert console.code(f"subjects/{lena}/lift", stop="restricted") == (409, "person_not_told")
    assert console.code(f"subjects/{lena}/lift", stop="restricted", told="yesterday") == (422, "value_invalid")
    console.act(f"subjects/{lena}/lift", stop="restricted", told="2026-11-22")
    assert console.reads(lena, "analyse", "name") == "ok"


@pytest.mark.row("M74")
def test_m74_stops_on_the_command_line(console: Console) -> None:
    """Use is ceased and taken up again by command, each in the name of a member of staff."""
    console.site.collect(HANAKO, "event")
    who = ("--email", HANAKO.email, "--by", "1")
    assert console.run("basis", "stop", "use_ceased", "--ground", "leak", *who) == "use_ceased set\n"
    subject = str(json.loads(console.run("consent", "export", *who))["pii_principal_id"])
    assert console.reads(subject, "analyse", "name") == "use_ceased"
    console.run("basis", "lift", "use_ceased", *who, code=1)
    assert console.run("basis", "lift", "use_ceased", "--told", "2026-11-22", *who) == "use_ceased lifted\n"
    assert console.reads(subject, "analyse", "name") == "ok"


def test_a_person_is_looked_up_without_a_trace_in_the_address(console: Console) -> None:
    """The address of the page is the person's number; history and exports stand there, no value does."""
    subject = str(console.site.collect(LENA, "event", consents=["announce"], language="en")["subject"])
    found = console.browser.post("/console/subjects", data={"kind": "email", "value": LENA.email})
    assert (found.status_code, found.headers["location"]) == (303, f"/console/subjects/{subject}")
    page = console.browser.get(found.headers["location"])
    assert page.headers["cache-control"] == "no-store"
    assert 'data-event="given" data-purpose="announce"' in page.text
    assert LENA.email not in page.text
    told = console.browser.get(f"/console/subjects/{subject}", params={"format": "jsonld"}).json()
    assert told["dct:conformsTo"] == {"@id": "dpv-27560:record-eu-gdpr"}
    assert console.browser.post("/console/subjects", data={"kind": "email", "value": "nobody@example.com"}).status_code == 404


def test_a_withdrawal_that_came_by_phone_is_written_down_and_a_yes_is_not(console: Console) -> None:
    """Staff note what a person refused or withdrew, in their own name; consent itself needs the notice."""
    subject = str(console.site.collect(LENA, "event", consents=["announce"])["subject"])
    path = f"subjects/{subject}/consent"
    assert console.code(path, purpose="announce", action="give") == (422, "value_invalid")
    console.act(path, purpose="announce", action="withdraw")
    assert console.reads(subject, "announce", "email") == "consent_withdrawn"
    (entry,) = [one for one in console.site.house.ledger.about(unb64(subject)) if one.kind.name == "consent.withdrawn"]
    assert entry.actor == "staff:1"
    shown = console.run("consent", "show", "--subject", subject, "--by", "1").splitlines()
    assert [line.split()[3] for line in shown[:2]] == ["given", "withdrawn"]
    assert console.run("consent", "say", "announce", "withdraw", "--subject", subject, "--by", "1") == "announce withdrawn (as before)\n"
    link = console.run("consent", "link", "announce", "--subject", subject, "--by", "1", "--url", "https://www.example.com")
    assert link.startswith("https://www.example.com/consent/withdraw/")
    assert console.run("consent", "expire") == "0 consents expired\n"


def test_staff_without_a_role_or_training_decide_nothing(console: Console) -> None:
    """The console of bases is shut for an account that holds no role, and for one whose training ran out."""
    lena = str(console.site.collect(LENA, "event")["subject"])
    new = staff.add(console.site.house, "NEW").number
    console.sign_in(new)
    assert console.code(f"subjects/{lena}/stop", stop="restricted.unlawful") == (403, "role_not_allowed")
    staff.grant(console.site.house, new, "support", by="staff:1")
    assert console.code(f"subjects/{lena}/stop", stop="restricted.unlawful") == (403, "training_expired")
    console.browser.cookies.clear()
    assert console.code(f"subjects/{lena}/stop", stop="restricted.unlawful") == (401, "not_signed_in")
    assert console.reads(lena, "analyse", "name") == "ok"


@pytest.mark.row("M64")
def test_m64_a_statute_keeps_named_fields_for_one_purpose() -> None:
    """Four years on, name and company are read for tax alone; the address is gone for every purpose."""
    with Site() as site:
        console = Console(site)
        subject = str(site.collect(OLIVER, "contract", "name", "email", "company", relation="C-64")["subject"])
        _end(site, "C-64", "2026-12-31")
        staff.grant(site.house, SATO.number, "accounting", by="staff:0")
        for year, expected in ((2030, ("retention_expired", "retention_expired", "ok")), (2034, ("retention_expired",) * 3)):
            site.clock.set(site.now.replace(year=year, month=3))
            _still_here(site)
            asked = (("analyse", "name"), ("tax_audit", "email"), ("tax_audit", "name"))
            assert tuple(console.reads(subject, purpose, field) for purpose, field in asked) == expected
        site.clock.set(site.now.replace(year=2033, month=12, day=31))
        _still_here(site)
        answer = site.read(SATO, subject, "tax_audit", "name")
        assert (answer.status_code, answer.json()["fields"]) == (200, {"name": OLIVER.fields["name"]})
        body = site.house.ledger.body(unb64(answer.json()["records"][0]["entry"]))
        assert body["statute"] == "jp-corporation-tax"


def _still_here(site: Site) -> None:
    """Train Sato again and give him another key, as years have gone by."""
    staff.train(site.house, SATO.number, by="staff:0")
    _, text = keys.make(site.house, label=f"{site.clock.now():%Y-%m}", by="staff:0", number=SATO.number)
    site._keys[SATO.name] = {"Authorization": f"Bearer {text}"}


def _end(site: Site, number: str, ended: str) -> None:
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("relations:end",))
    body = {"kind": "contract", "id": number, "ended": ended}
    done = site.http.post("/api/v1/relations", json=body, headers={"Authorization": f"Bearer {text}"})
    assert done.status_code == 200, done.text



@pytest.mark.browser
@pytest.mark.slow
def test_the_pages_of_bases_are_accessible(console: Console, page: Any, check_page: Any) -> None:
    """Bases, person, entry and the withdrawal link have no accessibility finding, in both languages, narrow and wide."""
    site = console.site
    lena = str(site.collect(LENA, "event", consents=["announce"])["subject"])
    site.state_choice(lena, "analyse", "object")
    console.act(f"subjects/{lena}/stop", stop="use_ceased.leak", purpose="announce")
    console.act("assessments", purpose="analyse", interest="product_development", reference="file 12")
    body = {"subject": lena, "purpose": "announce"}
    link = site.http.post("/api/v1/consents/links", json=body, headers=site.staff(SATO)).json()["path"]
    page.goto(f"{site.url}/console/sign-in/{staff.make_link(site.house, SATO.number)}")
    page.get_by_role("button").last.click()
    page.wait_for_url("**/console")
    for path in ("/console/bases", f"/console/subjects/{lena}", "/console/ledger/5", link):
        for lang, width in (("en", 360), ("ja", 1280)):
            check_page(page, f"{site.url}{path}?lang={lang}", width)
    page.goto(f"{site.url}{link}?lang=ja")
    page.get_by_role("button", name="撤回する").click()
    page.wait_for_selector("#withdrawn")
