"""An erasure on request reaches the services, ends only when each has answered, and says what each of them said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.services.connected import connect_shop, customers, put_customer
from tests.support import HANAKO, LENA, OFFICER, SATO, Site
from upheld.cli import cli
from upheld.db import UpheldError, data_metadata, unb64
from upheld.records import KeyGoneError
from upheld.retention import sweep
from upheld.retention.holds import place
from upheld.rights import actions as rights
from upheld.services import cases, store
from upheld.services.actions import carry_out


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.staff(SATO)
        running.staff(OFFICER)
        yield running


@pytest.fixture
def shop(site: Site) -> Iterator[sa.Engine]:
    assert site.folder is not None
    engine = connect_shop(site.folder)
    put_customer(engine, 7, "田中 花子", "Hanako@Example.co.jp", "03-1234-5678")
    put_customer(engine, 8, "Lena Fischer", LENA.email, None)
    yield engine
    engine.dispose()


def _asked(site: Site, subject: str) -> str:
    """Ask for erasure, be identified and approved; give the number."""
    made = rights.receive(site.house, right="erasure", residence="JP", subject=subject)
    rights.identify(site.house, made.number, by=OFFICER.number)
    if rights.get(site.house, made.number).state == "fee_due":
        rights.paid(site.house, made.number, by=OFFICER.number)
    rights.approve(site.house, made.number, by=OFFICER.number)
    return made.number


def _say(site: Site, *words: str) -> str:
    """Run `upheld services` over the site's own folder and clock; gives what it printed, or why it refused."""
    found = CliRunner().invoke(cli, ["services", *words, "--data", str(site.folder)], obj=site.clock)
    assert found.exception is None or isinstance(found.exception, (UpheldError, SystemExit)), found.exception
    return found.output + (str(found.exception) if isinstance(found.exception, UpheldError) else "")


def _place(site: Site, number: str, name: str) -> dict[str, Any]:
    places = rights.get(site.house, number).certificate["places"]
    return next(dict(place) for place in places if place["place"] == name)


def test_a_request_ends_only_after_the_services_have_answered(site: Site, shop: sa.Engine) -> None:
    """Her rows are gone, the others' stay, and the certificate has counts, the control and the end of the backups."""
    subject = site.collect(HANAKO, "contact")["subject"]
    number = _asked(site, subject)
    assert rights.get(site.house, number).state == "searching"
    assert _place(site, number, "shopdb")["state"] == "unanswered"
    carry_out(site.house)
    found = rights.get(site.house, number)
    assert found.state == "ready", found.certificate
    assert customers(shop) == ["canary@example.com", LENA.email]
    told = _place(site, number, "shopdb")
    assert (told["state"], told["found_before"], told["found_after"]) == ("pending", 3, 0)
    assert "2026-12" in told["why"] or "2027-01" in told["why"]
    site.clock.set(site.clock.now() + timedelta(days=40))
    carry_out(site.house)
    assert _place(site, number, "shopdb")["state"] == "done"


def test_who_comes_back_is_seen_and_erased_again(site: Site, shop: sa.Engine) -> None:
    """Something writes her into the shop again: the later look finds her, says so in the ledger, and erases her."""
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    carry_out(site.house)
    site.clock.set(site.clock.now() + timedelta(days=40))
    carry_out(site.house)
    put_customer(shop, 9, "H. Tanaka", HANAKO.email)
    site.clock.set(site.clock.now() + timedelta(minutes=16))
    carry_out(site.house)
    assert HANAKO.email not in customers(shop)
    site.house.settle()
    kinds = [one.kind.name for one in site.house.ledger.entries_since(0, 1000)]
    assert "service.resurrected" in kinds
    assert _place(site, number, "shopdb")["state"] in {"pending", "done"}


def test_after_the_last_look_nothing_of_the_person_is_left_in_the_case(site: Site, shop: sa.Engine) -> None:
    """The sealed identifiers are deleted and their key is destroyed; before, nothing stands anywhere in clear."""
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    carry_out(site.house)
    with site.house.store.read() as tx:
        (case,) = store.cases(tx, number)
        rows = repr([tx.execute(sa.select(table)).all() for table in data_metadata.sorted_tables])
        assert cases.secrets_of(site.house, tx, case)[0]["email"] == (HANAKO.email,)
    for value in (HANAKO.email, "81312345678", "田中"):
        assert value not in rows
    site.house.vault.orphan_sweep(0)  # the key of a case that is not over is no orphan
    for days in (40, 1, 2, 31):
        site.clock.set(site.clock.now() + timedelta(days=days))
        carry_out(site.house)
    with site.house.store.read() as tx:
        (case,) = store.cases(tx, number)
        assert case.sealed is None
        assert [one.sealed for one in store.targets(tx, case.id)] == [None]
        with pytest.raises(KeyGoneError):
            cases.secrets_of(site.house, tx, case)
    assert site.house.holdings.ring.data_key(case.id, "identity") is None


def test_nothing_found_without_the_control_needs_a_person(site: Site, shop: sa.Engine, tmp_path: Path) -> None:
    """A control that is not there proves nothing: somebody must look, say where, and another decides an exception."""
    assert site.folder is not None
    file = site.folder / "connections" / "shopdb.yaml"
    file.write_text(file.read_text("utf-8").replace("canary@", "nobody@"), "utf-8")
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    carry_out(site.house)
    assert rights.get(site.house, number).state == "searching"
    assert "control_not_seen" in _place(site, number, "shopdb")["why"]
    def say(*words: str) -> str:
        return _say(site, "answer", number, "shopdb", *words)

    assert "where you looked" in say("--complete", "--by", "1")
    assert "does not decide its exceptions" in say("--exception", "--reason", "claim", "--until", "2027-01-01", "--by", "4")
    assert "statute of the policy" in say("--exception", "--reason", "because", "--until", "2027-01-01", "--by", "1")
    assert "PDF" in say("--complete", "--where", "shop admin", "--evidence", __file__, "--by", "1")
    assert say("--complete", "--where", "searched the shop's admin by address", "--by", "1") == "shopdb: complete\n"
    found = rights.get(site.house, number)
    assert (found.state, _place(site, number, "shopdb")["state"]) == ("ready", "done")


def test_a_service_that_is_away_is_asked_again_and_the_others_go_on(site: Site, shop: sa.Engine) -> None:
    """One system down: the other's rows go at once, the request stays open, and ends when it is back."""
    assert site.folder is not None
    away = site.folder / "away.db"
    connect_shop(site.folder, "away").dispose()
    moved = away.rename(site.folder / "away.db.off")
    away.mkdir()  # what cannot be opened as a file
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    carry_out(site.house)
    assert HANAKO.email not in [one.lower() for one in customers(shop)]
    assert rights.get(site.house, number).state == "searching"
    away.rmdir()
    moved.rename(away)
    site.clock.set(site.clock.now() + timedelta(hours=1))
    carry_out(site.house)
    assert rights.get(site.house, number).state == "ready"
    assert _place(site, number, "away")["state"] == "already_absent"


def test_who_is_not_in_a_service_is_told_apart_from_who_was_erased(site: Site, shop: sa.Engine) -> None:
    """OLIVER never was a customer: with the control found, that is an answer of its own."""
    subject = site.collect(LENA, "contact")["subject"]
    with shop.begin() as tx:
        tx.execute(sa.text("DELETE FROM notes WHERE owner_id = 8"))
        tx.execute(sa.text("DELETE FROM drafts WHERE customer_id = 8"))
        tx.execute(sa.text("DELETE FROM customers WHERE id = 8"))
    number = _asked(site, subject)
    carry_out(site.house)
    assert _place(site, number, "shopdb") | {"at": ""} == {
        "place": "shopdb", "state": "already_absent", "at": "", "why": "searched, and the control was found",
    }  # fmt: skip


def test_the_command_line_tells_how_services_stand(site: Site, shop: sa.Engine) -> None:
    """list, check, carry and show name services, states and counts, and nobody."""
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    told = _say(site, "list")
    assert "salesforce" in told
    assert "not connected" in told
    assert "planned 1" in told
    checked = _say(site, "check", "shopdb")
    assert "control" in checked
    assert "there are: shopdb" in _say(site, "check", "shop")
    assert "steps" in _say(site, "carry")
    shown = _say(site, "show", number)
    assert "pending" in shown
    assert "pending_window 3" in shown
    assert "anako" not in told + checked + shown


def test_what_stopped_can_be_begun_anew_once_the_reason_is_gone(site: Site, shop: sa.Engine) -> None:
    """A secret that others may read stops the service; mended, the same request goes on to its end."""
    assert site.folder is not None
    secret = site.folder / "secrets" / "shopdb"
    secret.chmod(0o644)
    number = _asked(site, site.collect(HANAKO, "contact")["subject"])
    carry_out(site.house)
    assert "secret_open" in _place(site, number, "shopdb")["why"]
    assert HANAKO.email in [one.lower() for one in customers(shop)]
    secret.chmod(0o600)
    assert "1 begin again" in _say(site, "retry", number, "--by", "1")
    carry_out(site.house)
    assert HANAKO.email not in [one.lower() for one in customers(shop)]
    assert rights.get(site.house, number).state == "ready"
    assert _say(site, "retry", number, "--by", "1") != ""


def test_whose_period_is_over_goes_from_the_services_as_well(site: Site, shop: sa.Engine) -> None:
    """GDPR 5(1)(e), APPI 22: the nightly sweep takes the person out of every system, not of ours alone."""
    site.collect(HANAKO, "contact")
    site.clock.set(site.clock.now() + timedelta(days=366 * 8))
    assert sweep(site.house).people == 1
    carry_out(site.house)
    assert customers(shop) == ["canary@example.com", LENA.email]
    with site.house.store.read() as tx:
        (case,) = store.recent(tx, 5)
        assert (case.op, case.actor, case.reference.partition(".")[0]) == ("erase", "svc:retention", f"sweep-{site.house.today()}")


def test_a_legal_hold_keeps_services_untouched_until_it_is_lifted(site: Site, shop: sa.Engine) -> None:
    """Under a hold nothing goes outside either; each service stands as held, and the certificate says so."""
    subject = site.collect(HANAKO, "contact")["subject"]
    placed = place(
        site.house, unb64(subject), matter="2026-17", reason="claim", until=date(2027, 6, 30), by=SATO.number, approver=OFFICER.number
    )
    number = _asked(site, subject)
    carry_out(site.house)
    assert HANAKO.email in [one.lower() for one in customers(shop)]
    assert _place(site, number, "shopdb")["why"] == "held: legal_hold"
    assert placed
