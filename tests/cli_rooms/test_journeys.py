"""Journeys on the command line: a sweep by plan, an erasure, an access, the ledger under a flipped byte."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli_rooms.conftest import Desk
from tests.support import HANAKO, LENA, OLIVER, REFERENCE
from upheld.app import open_house
from upheld.db import Store
from upheld.records import assembly


def contract(desk: Desk, number: str, ended: str) -> str:
    told = desk.collect("contract", HANAKO.some("name", "email"), country="JP", relation=number)
    desk.run("relation", "end", number, "--on", ended)
    return str(told["record"])


def reading(desk: Desk, by: int, record: str) -> tuple[str, ...]:
    return (
        "read", "--email", HANAKO.email, "--purpose", "analyse", "--field", "email", "--by", str(by), "--record", record,
    )  # fmt: skip


@pytest.mark.row("M63")
@pytest.mark.parametrize(
    ("ended", "last", "after"),
    [("2024-03-31", (2027, 3, 31), (2027, 4, 1)), ("2024-02-29", (2027, 2, 28), (2027, 3, 1))],
)
def test_m63_three_years_after_the_contract_it_is_gone(
    desk: Desk, ended: str, last: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """Readable on the last day, refused the next even before the sweep, erased by that day's sweep."""
    sato = desk.hire("SATO", "sales")
    record = contract(desk, "C-1", ended)
    desk.at(*last)
    assert HANAKO.email in desk.run(*reading(desk, sato, record)).output
    assert desk.json("plan")["deletes"] == 0
    desk.at(*after)
    assert desk.refused(*reading(desk, sato, record)) == "retention_expired"
    out = desk.data.parent / "due.plan"
    desk.run("plan", "--out", str(out), "--detailed-exitcode", code=3)
    plan = json.loads(out.read_text("utf-8"))
    assert plan["deletes"] == 1
    assert HANAKO.email not in out.read_text("utf-8")
    told = desk.json("apply", str(out), "--approve-deletes", "1", "--by", str(sato))
    store = told["certificate"]["places"][0]
    assert (store["state"], store["found_before"], store["found_after"]) == ("done", 1, 0)
    audit = desk.hire("ACC", "accounting")
    kept = desk.json("read", "--email", HANAKO.email, "--purpose", "tax_audit", "--by", str(audit))
    assert list(kept["fields"]) == ["name"]  # the statute keeps the name for the audit; the address is gone
    assert desk.json("plan")["deletes"] == 0
    desk.run("ledger", "verify")


def test_a_closed_account_goes_wholly(desk: Desk) -> None:
    """Three years after an account was closed nothing of the person remains, and they are found no more."""
    ops = desk.hire("OPS", "operations")
    told = desk.collect("registration", HANAKO.some("email"), country="JP")
    desk.run("relation", "end", told["relation"], "--kind", "account", "--on", "2026-11-30")
    desk.at(2029, 12, 1)
    out = desk.data.parent / "due.plan"
    desk.run("plan", "--out", str(out), "--detailed-exitcode", code=3)
    done = desk.json("apply", str(out), "--approve-deletes", "1", "--by", str(ops))
    assert (done["people"], done["records"], done["kept_by_law"]) == (1, 1, 0)
    ops = desk.hire("OPS2", "operations")
    gone = ("read", "--email", HANAKO.email, "--purpose", "user_id", "--by", str(ops))
    assert desk.refused(*gone) == "not_found"
    desk.run("plan", "--detailed-exitcode", code=0)
    desk.run("ledger", "verify")


def test_a_plan_is_carried_out_exactly_or_not_at_all(desk: Desk) -> None:
    """A wrong number, a changed file, and anything that happened since stop the plan; nothing is erased."""
    desk.hire("SATO", "sales")
    contract(desk, "C-1", "2023-11-21")
    out = desk.data.parent / "due.plan"
    desk.run("plan", "--out", str(out))
    desk.run("apply", str(out), "--approve-deletes", "2", code=4)
    plan = json.loads(out.read_text("utf-8"))
    out.write_text(json.dumps({**plan, "deletes": 2}), "utf-8")
    desk.run("apply", str(out), "--approve-deletes", "2", code=4)
    out.write_text(json.dumps(plan), "utf-8")
    desk.collect("registration", HANAKO.some("email"), country="JP")
    stale = desk.run("apply", str(out), "--approve-deletes", "1", code=4)
    assert "plan_stale" in stale.stderr
    assert desk.json("plan")["deletes"] == 1


def test_tax_law_keeps_two_fields_for_one_purpose(desk: Desk) -> None:
    """After the period the e-mail is gone; name and company stay for the tax audit and nothing else."""
    desk.hire("SATO", "sales")
    told = desk.collect("contract", HANAKO.some("name", "email", "company"), country="JP", relation="C-1")
    desk.run("relation", "end", "C-1", "--on", "2026-12-31")
    desk.at(2030, 1, 1)
    audit, sales = desk.hire("ACC", "accounting"), desk.hire("KAWA", "sales")
    base = ("read", "--subject", told["subject"])
    who = ("--by", str(audit), "--purpose", "tax_audit")
    assert desk.refused(*base, "--by", str(sales), "--purpose", "analyse", "--field", "name") == "retention_expired"
    assert desk.refused(*base, *who, "--field", "email") == "retention_expired"
    assert "例示株式会社" in desk.run(*base, *who, "--field", "company").output
    out = desk.data.parent / "due.plan"
    desk.run("plan", "--out", str(out))
    done = desk.json("apply", str(out), "--approve-deletes", "1")
    assert (done["people"], done["kept_by_law"]) == (0, 1)
    assert HANAKO.fields["name"] in desk.run(*base, *who).output
    assert desk.refused(*base, "--by", str(sales), "--purpose", "analyse", "--field", "name") == "retention_expired"
    assert desk.json("plan")["deletes"] == 0
    desk.at(2034, 1, 1)
    desk.run("plan", "--out", str(out))
    assert desk.json("apply", str(out), "--approve-deletes", "1")["people"] == 1
    desk.run("ledger", "verify")


@pytest.mark.row("M72")
def test_m72_erasure_on_request_and_its_refusal(desk: Desk) -> None:
    """Someone who came to an event is erased with a certificate; someone with a running contract is refused with reasons."""
    clerk, sato = desk.hire("CLERK", "privacy_office"), desk.hire("SATO", "sales")
    desk.collect("event", LENA.some("name", "email", "company"), country="DE")
    made = desk.json("request", "new", "erasure", "--residence", "DE", "--email", LENA.email)
    number = made["number"]
    assert number == "R-26-0001-7"
    assert (made["state"], made["due"], made["fee"]["total"]) == ("identity_needed", "2026-12-22", 0)
    assert desk.refused("request", "approve", number, "--by", str(clerk)) == "identity_needed"
    desk.run("request", "identify", number, "--by", str(clerk))
    shown = desk.json("request", "show", number)
    assert shown["plan"]["records"] == {"event": 1}
    done = desk.json("request", "approve", number, "--by", str(clerk))
    places = {one["place"]: one for one in done["certificate"]["places"]}
    assert (places["store"]["state"], places["store"]["found_before"]) == ("done", 1)
    assert places["backups"]["state"] == "pending"
    assert {places[one]["state"] for one in ("aws", "salesforce", "gcp", "marketo", "slack")} == {"already_absent"}
    out = desk.data.parent / "handed"
    assert desk.json("request", "deliver", number, "--out", str(out), "--by", str(clerk))["state"] == "closed"
    assert "pending" in (out / "certificate.txt").read_text("utf-8")
    gone = ("read", "--email", LENA.email, "--purpose", "analyse", "--by", str(sato))
    assert desk.refused(*gone) == "not_found"
    stored = b"".join(path.read_bytes() for path in desk.data.rglob("*") if path.is_file())
    assert LENA.email.encode() not in stored

    desk.collect("contract", HANAKO.some("name", "email"), country="JP", relation="C-1")
    second = desk.json("request", "new", "erasure", "--residence", "JP", "--email", HANAKO.email)["number"]
    assert second == "R-26-0002-5"
    desk.run("request", "identify", second, "--by", str(clerk))
    assert desk.refused("request", "approve", second, "--by", str(clerk)) == "contract_in_force"
    shown = desk.json("request", "show", second)
    assert shown["state"] == "refused"
    assert set(shown["letters"]) == {"en", "ja"}
    assert "contract" in shown["letters"]["en"]
    assert "契約" in shown["letters"]["ja"]
    assert "22 November 2026" in shown["letters"]["en"]
    still = ("read", "--email", HANAKO.email, "--purpose", "analyse", "--by", str(sato))
    desk.run(*still)
    desk.run("ledger", "verify")


@pytest.mark.row("M97")
def test_m97_the_details_of_safeguards_are_written_and_handed_over(desk: Desk) -> None:
    """A request for the details ends with a letter in both languages, the copy enclosed, and the hash of both in the ledger."""
    clerk = desk.hire("CLERK", "privacy_office")
    made = desk.json("request", "new", "safeguard_details", "--residence", "GB", "--email", OLIVER.email)
    number = made["number"]
    assert (made["state"], made["fee"]["total"]) == ("review", 0)
    desk.run("request", "approve", number, "--by", str(clerk))
    copy, out = desk.data.parent / "clauses-google-redacted.pdf", desk.data.parent / "answer"
    copy.write_bytes(b"%PDF-1.7 a copy with its prices blacked out")
    desk.run("request", "deliver", number, "--by", str(clerk), code=2)  # where to is not said
    args = ("--out", str(out), "--enclose", str(copy), "--by", str(clerk))
    assert desk.json("request", "deliver", number, *args)["state"] == "closed"
    letter, twin = (out / "safeguards.en.txt").read_text("utf-8"), (out / "safeguards.ja.txt").read_text("utf-8")
    google = letter.partition("Google Cloud")[2].partition("\n\n")[0]
    assert "United States: standard clauses with the UK addendum (signed on 1 May 2026)" in google
    assert "Japan: adequate by decision (in force since" in google
    assert "Last on 1 October 2026, next by 1 October 2027" in google
    assert number in twin
    assert "2026年05月01日に締結" in twin
    assert OLIVER.email not in letter + twin
    assert (out / "copies" / copy.name).read_bytes() == copy.read_bytes()
    sums = (out / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(copy.read_bytes()).hexdigest().encode() in sums
    digest = base64.urlsafe_b64encode(hashlib.sha256(sums).digest()).rstrip(b"=").decode()
    with closing(open_house(desk.data, desk.clock)) as opened:
        opened.settle()
        kinds = ["request.received", "safeguard.asked", "request.decided", "export.made", "request.answered", "request.closed"]
        entries = opened.ledger.entries_since(0, 100, kinds=kinds)
        assert [one.kind.name for one in entries] == kinds
        assert opened.ledger.body(entries[3])["manifest"] == digest
    japan = desk.json("request", "new", "safeguard_details", "--residence", "JP", "--email", HANAKO.email)["number"]
    desk.run("request", "approve", japan, "--by", str(clerk))
    bare = ("--out", str(desk.data.parent / "bare"), "--by", str(clerk))
    assert desk.refused("request", "deliver", japan, *bare) == "request_step"  # what the recipients do is still to be told
    desk.run("request", "deliver", japan, *bare, "--enclose", str(copy))
    assert "外国情報監視法" in (desk.data.parent / "bare" / "safeguards.ja.txt").read_text("utf-8")
    desk.run("ledger", "verify")


@pytest.mark.row("M83")
def test_m83_access_in_japan_costs_and_waits_for_the_fee(desk: Desk) -> None:
    """1,100 yen are due before anything is prepared; then the package is signed, complete and checked offline."""
    clerk = desk.hire("CLERK", "privacy_office")
    desk.collect("event", HANAKO.some("name", "email", "company", "phone"), country="JP", consents=["announce"])
    made = desk.json("request", "new", "access", "--residence", "JP", "--email", HANAKO.email, "--lang", "ja")
    number = made["number"]
    assert (made["due"], made["fee"]["total"]) == ("2026-12-06", 1100)
    desk.run("request", "identify", number, "--by", str(clerk))
    assert desk.refused("request", "approve", number, "--by", str(clerk)) == "fee_unpaid"
    desk.run("request", "paid", number, "--by", str(clerk))
    desk.run("request", "approve", number, "--by", str(clerk))
    out = desk.data.parent / "package"
    desk.run("request", "deliver", number, "--out", str(out), "--by", str(clerk))
    data = json.loads((out / "data.json").read_text("utf-8"))
    assert data["records"][0]["fields"]["email"] == HANAKO.email
    about = json.loads((out / "about.json").read_text("utf-8"))
    assert [one["id"] for one in about["situations"][0]["purposes"]] == ["analyse", "announce"]
    assert (out / "csv" / "event.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "田中 花子" in (out / "report.ja.html").read_text("utf-8")
    papers = desk.run("keys", "show").output.splitlines()[1].split()[1]
    assert "good" in desk.run("request", "verify", str(out), "--key", papers).output
    changed = desk.data.parent / "changed"
    shutil.copytree(out, changed)
    path = changed / "data.json"
    path.write_bytes(path.read_bytes().replace("花子".encode(), "太郎".encode()))
    assert desk.refused("request", "verify", str(changed), "--key", papers) == "package_changed"
    rectify = desk.json("request", "new", "rectification", "--residence", "JP", "--email", HANAKO.email)
    assert rectify["fee"]["total"] == 0


@pytest.mark.row("M98")
def test_m98_register_and_ledger_show_it_all(desk: Desk, tmp_path: Path) -> None:
    """The register has thirty rows; one flipped byte of a stored entry is found and its position named."""
    desk.collect("event", HANAKO.some("name", "email", "company"), country="JP")
    desk.collect("registration", LENA.some("email"), country="DE")
    from click.testing import CliRunner

    from upheld.cli import cli
    from upheld.ledger.rules import pack, unpack

    rows = CliRunner().invoke(cli, ["export", "register", "--policy", str(REFERENCE), "--format", "json"])
    assert rows.exit_code == 0, rows.output
    assert len(json.loads(rows.stdout)) == 30
    desk.run("ledger", "checkpoint")
    desk.run("ledger", "verify")
    hot = Store(assembly.places_of(desk.data).data).hot()
    ((packed,),) = hot.rows("SELECT leaves FROM ledger_bundle")
    leaves = unpack(packed)
    leaves[3] = leaves[3][:-3] + bytes([leaves[3][-3] ^ 1]) + leaves[3][-2:]
    hot.rows("UPDATE ledger_bundle SET leaves = ?", (pack(leaves),))
    hot.close()
    found = desk.json("ledger", "verify", code=1)
    assert found["findings"][0]["position"] == 3
    assert "first bad position 3" in desk.run("ledger", "verify", code=1).output


def test_a_receipt_is_checked_without_the_store(desk: Desk, tmp_path: Path) -> None:
    """The receipt of an entry proves it with the public key alone."""
    sato = desk.hire("SATO", "sales")
    desk.collect("event", HANAKO.some("name", "email", "company"), country="JP")
    read = desk.json("read", "--email", HANAKO.email, "--purpose", "analyse", "--field", "name", "--by", str(sato))
    file = tmp_path / "receipt.json"
    file.write_text(desk.run("ledger", "receipt", read["records"][0]["entry"]).stdout, "utf-8")
    key = desk.run("keys", "show").output.splitlines()[0].split()[1]
    nowhere = ("--data", str(tmp_path / "nowhere"))
    assert "access.read" in desk.run("ledger", "verify", "--receipt", str(file), "--key", key, *nowhere).output


def test_what_cannot_run_leaves_with_two(desk: Desk, tmp_path: Path) -> None:
    """A missing data folder, a missing file and a missing way to name a person are no refusals."""
    desk.run("plan", "--data", str(tmp_path / "nowhere"), code=2)
    desk.run("collect", "event", "--json", str(tmp_path / "no.json"), code=2)
    desk.run("read", "--purpose", "analyse", "--by", "1", code=2)
