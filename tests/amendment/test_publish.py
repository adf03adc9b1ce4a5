"""Publishing: one instant for everything, never without the steps a law asks for, evidence apart from the promise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import (
    HANAKO,
    REFERENCE,
    Site,
    copy_policy,
    edit,
    record_procedures,
    with_partner_offers,
)
from upheld.amendment import PublicationStoppedError, StatutoryProcedureError, note_effective
from upheld.db import UpheldError

SIX = ("name", "email", "phone", "occupation", "job_title", "company")
@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    folder = copy_policy(tmp_path / "v2")
    edit(folder, "00-policy.yaml", 'version: "1"', 'version: "2"')
    return folder


def kinds(site: Site) -> list[str]:
    """List the kinds of all ledger entries, oldest first."""
    site.house.settle()
    return [entry.kind.name for entry in site.house.ledger.entries_since(0, 10_000)]


def test_the_first_version_is_in_force_at_once(site: Site) -> None:
    """Publishing the first version writes it down, once in each language, and everything speaks of it."""
    assert kinds(site) == ["policy.published", "notice.published", "notice.published", "policy.effective"]
    published = site.house.in_force()
    assert (published.version, published.effective_from, published.superseded_at) == ("1", site.now, None)
    assert site.http.get("/privacy/en").headers["upheld-policy"] == published.policy.label


@pytest.mark.row("M88")
def test_m88_page_forms_and_gate_switch_at_one_instant(site: Site, v2: Path) -> None:
    """After publication page, form, decisions and writes speak of version 2; version 1 stays readable with its interval."""
    old = site.receipt("event")
    edit(v2, "02-collection.yaml", "When we interview you", "When we interview you in person")
    site.clock.advance(minutes=1)
    done = site.publish(v2)
    assert (done.kind, done.diff_class) == ("version", "wording")
    for path in ("/privacy/en", "/forms/event", "/api/v1/collect/event"):
        assert site.http.get(path).headers["upheld-policy"].startswith("2; ")
    asked = site.http.post("/api/v1/decide", json={"situation": "event", "field": "email", "purpose": "announce"})
    assert asked.json()["policy_version"] == "2"
    stale = site.send("event", HANAKO.some(*SIX), receipt=old)
    assert (stale.status_code, stale.json()["code"]) == (409, "notice_stale")
    assert site.send("event", HANAKO.some(*SIX)).json()["policy_version"] == "2"
    assert site.http.get("/privacy/en/v/1").status_code == 200
    first = site.house.shelf.version("1")
    assert first is not None
    assert first.superseded_at == site.house.in_force().effective_from
    assert first.in_force(site.now)
    assert not first.in_force(site.clock.now())


@pytest.mark.row("M89")
def test_m89_what_goes_beyond_needs_its_procedure(site: Site, v2: Path, tmp_path: Path) -> None:
    """A new purpose is refused naming clause, class and steps; a mended typing error goes through as wording."""
    with_partner_offers(v2)
    before = site.counts()
    with pytest.raises(StatutoryProcedureError) as caught:
        site.publish(v2)
    refusal = caught.value
    assert (refusal.code, refusal.status, refusal.diff_class) == ("statutory_procedure", 409, "beyond")
    assert "ask_consent" in refusal.steps
    assert {finding.code for finding in refusal.findings} == {"PP703"}
    assert "collection.event.partner_offers" in {finding.clause for finding in refusal.findings}
    assert (site.house.in_force().version, site.counts()) == ("1", before)
    v2b = copy_policy(tmp_path / "v2b")
    edit(v2b, "00-policy.yaml", 'version: "1"', 'version: "2"')
    edit(v2b, "02-collection.yaml", "When we interview you", "When we interview you in person")
    done = site.publish(v2b)
    assert (done.kind, done.diff_class) == ("version", "wording")


def test_the_recorded_procedure_opens_the_way(site: Site, v2: Path) -> None:
    """With every step recorded for its clause and class the same change is published."""
    with_partner_offers(v2)
    record_procedures(site, v2)
    assert site.publish(v2).diff_class == "beyond"
    asked = {"situation": "event", "field": "email", "purpose": "partner_offers"}
    assert site.http.post("/api/v1/decide", json=asked).json()["allow"]


def test_a_published_number_keeps_its_promise(site: Site, tmp_path: Path) -> None:
    """Another promise under the number that is published is refused."""
    folder = copy_policy(tmp_path / "again")
    edit(folder, "02-collection.yaml", "When we interview you", "When we speak with you")
    with pytest.raises(PublicationStoppedError) as caught:
        site.publish(folder)
    assert [told.code for told in caught.value.diagnostics()] == ["PP704"]
    assert caught.value.diagnostics()[0].message


def test_an_error_stops_publication_and_the_old_version_stays(site: Site, v2: Path) -> None:
    """A folder with an error is refused with its findings; what is in force stays in force."""
    edit(v2, "04-security.yaml", "    responsible_person:\n      role: {en: Head of the Corporate division, ja: コーポレート部門の責任者}\n", "")
    with pytest.raises(PublicationStoppedError) as caught:
        site.publish(v2)
    assert "PP301" in {told.code for told in caught.value.diagnostics()}
    assert site.house.in_force().version == "1"


def test_a_date_that_passed_stops_publishing_and_not_serving(site: Site, v2: Path) -> None:
    """When a review or an acceptance is overdue nothing new is published, while everything goes on being served."""
    site.clock.set(datetime(2027, 7, 1, tzinfo=UTC))
    with pytest.raises(PublicationStoppedError) as caught:
        site.publish(v2)
    assert "PP016" in {told.code for told in caught.value.diagnostics()}
    assert site.http.get("/privacy/en").status_code == 200
    assert site.send("event", HANAKO.some(*SIX)).status_code == 201


@pytest.mark.row("M48")
def test_m48_other_evidence_is_no_new_version(site: Site, tmp_path: Path) -> None:
    """A new edition of the rules changes today's evidence and its documents; version and promise stay, and it is written down."""
    before = site.house.in_force()
    folder = copy_policy(tmp_path / "rules")
    rules = folder / "documents" / "handling-rules.md"
    rules.write_text(rules.read_text("utf-8") + "\nOne more rule.\n", "utf-8")
    done = site.publish(folder)
    after = site.house.in_force()
    assert done.kind == "evidence"
    assert (after.version, after.policy.promise_hash) == (before.version, before.policy.promise_hash)
    assert after.policy.evidence_hash != before.policy.evidence_hash
    changed = {path for path in after.documents if after.documents[path] != before.documents[path]}
    assert changed == {"documents/handling-rules.md"}
    for published in (before, after):
        kept = site.house.shelf.document(published.documents["documents/handling-rules.md"])
        assert kept is not None
        assert (b"One more rule." in kept) == (published is after)
    assert kinds(site)[-1] == "policy.published"
    assert site.publish(folder).kind == "nothing"
    old = site.receipt("event")
    assert site.send("event", HANAKO.some(*SIX), receipt=old).status_code == 201


def test_an_announced_version_waits_for_its_day(tmp_path: Path) -> None:
    """Where the policy promises 30 days, the next version is announced, and takes effect by itself when they are over."""
    patient = copy_policy(tmp_path / "patient")
    edit(patient, "09-amendment.yaml", "effective: on_posting", "effective: P30D")
    with Site(policy=patient) as site:
        v2 = copy_policy(tmp_path / "v2", patient)
        edit(v2, "00-policy.yaml", 'version: "1"', 'version: "2"')
        done = site.publish(v2)
        assert done.published.effective_from == datetime(2026, 12, 22, 15, 0, tzinfo=UTC)
        announced = site.house.shelf.announced()
        assert announced is not None
        assert (site.house.in_force().version, announced.version) == ("1", "2")
        assert site.send("event", HANAKO.some(*SIX)).json()["policy_version"] == "1"
        old = site.receipt("event")
        site.clock.set(datetime(2026, 12, 22, 15, 0, tzinfo=UTC))
        assert site.house.in_force().version == "2"
        assert site.send("event", HANAKO.some(*SIX), receipt=old).json()["code"] == "notice_stale"
        assert note_effective(site.house) == 1
        assert note_effective(site.house) == 0
        assert kinds(site)[-1] == "policy.effective"


@pytest.mark.row("M49")
def test_m49_nothing_is_served_that_was_not_published(tmp_path: Path) -> None:
    """A folder without a responsible person cannot become the first version; the site says that none is in force."""
    folder = copy_policy(tmp_path / "bare")
    edit(folder, "04-security.yaml", "    responsible_person:\n      role: {en: Head of the Corporate division, ja: コーポレート部門の責任者}\n", "")
    with Site(policy=None) as site:
        with pytest.raises(PublicationStoppedError):
            site.publish(folder)
        assert site.http.get("/privacy/en").status_code == 503
        site.publish(REFERENCE)
        assert site.http.get("/privacy/en").status_code == 200


def test_two_that_publish_at_once_do_not_both_win(site: Site, tmp_path: Path) -> None:
    """Of two people who publish different second versions at the same time one wins, and the other is told."""
    folders = []
    for name in ("one", "other"):
        folder = copy_policy(tmp_path / name)
        edit(folder, "00-policy.yaml", 'version: "1"', 'version: "2"')
        edit(folder, "02-collection.yaml", "When we interview you", f"When {name} of us interviews you")
        folders.append(folder)
    start, outcomes = threading.Barrier(2), []

    def attempt(folder: Path) -> None:
        start.wait()
        try:
            outcomes.append(site.publish(folder).kind)
        except UpheldError as error:
            outcomes.append(error.diagnostics()[0].code)

    threads = [threading.Thread(target=attempt, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("version") == 1
    assert set(outcomes) - {"version"} <= {"changed_meanwhile", "PP704"}
    assert [one.version for one in site.house.shelf.versions()] == ["1", "2"]
    assert kinds(site).count("policy.effective") == 2
