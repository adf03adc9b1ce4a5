"""Files of many people: the source is confirmed first, each row passes the gate, nothing is stored twice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from tests.cli_rooms.conftest import Desk
from tests.support import HANAKO, KENJI, LENA, OLIVER, Person, Site
from upheld.collection import store
from upheld.db import FixedClock, data_metadata, unb64
from upheld.security import keys

FIELDS = ("name", "email", "company", "phone", "occupation", "job_title")
SOURCE = {
    "giver": "Example Partner KK", "address": "1-1 Example, Tokyo", "representative": "例示 太郎",
    "acquired": "People signed up on the partner's page for the event.",
}  # fmt: skip
FLAGS = (
    "--source", SOURCE["giver"], "--source-address", SOURCE["address"], "--source-representative",
    SOURCE["representative"], "--source-acquired", SOURCE["acquired"],
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "data", FixedClock(Site.now))
    made.run("publish", "--policy", str(made.policy))
    return made


def table(people: Sequence[Person], *extra: dict[str, str]) -> str:
    """Write people as CSV with a column for their country."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*FIELDS, "country"])
    writer.writeheader()
    for one in people:
        writer.writerow({**one.some(*FIELDS), "country": one.country})
    for row in extra:
        writer.writerow(row)
    return out.getvalue()


def numbered(first: int, last: int) -> list[Person]:
    """Make people who exist only in a file."""
    return [
        Person(f"P{n}", "JP", "ja", {"name": f"例示 {n}", "email": f"p{n}@example.jp", "company": "例示"})
        for n in range(first, last)
    ]


def auth(site: Site, *scopes: str) -> dict[str, str]:
    label = site.house.ids.random(6).hex()
    _, text = keys.make(site.house, label=label, by="staff:0", scopes=scopes)
    return {"Authorization": f"Bearer {text}"}


def confirm(site: Site, situation: str, headers: dict[str, str], **told: str) -> httpx.Response:
    return site.http.post(f"/api/v1/collect/{situation}/sources", json=told or SOURCE, headers=headers)


def bulk(site: Site, situation: str, content: Any, headers: dict[str, str], **query: Any) -> httpx.Response:
    sent = {"Content-Type": "text/csv", **headers}
    return site.http.post(f"/api/v1/collect/{situation}/bulk", content=content, headers=sent, params=query)


@pytest.mark.row("M13")
def test_m13_no_import_without_its_source(desk: Desk, tmp_path: Path) -> None:
    """A list that comes back is refused without its source; with it three people are in, and the German and the Briton must be told."""
    path = tmp_path / "list.csv"
    path.write_text(table([HANAKO, LENA, OLIVER]), "utf-8")
    assert desk.refused("collect", "joint_event", "--csv", str(path)) == "source_unconfirmed"
    assert desk.refused("collect", "joint_event", "--csv", str(path), *FLAGS[:4]) == "source_unconfirmed"
    assert desk.json("plan")["deletes"] == 0
    sato = desk.hire("SATO", "sales")
    found = desk.json("collect", "joint_event", "--csv", str(path), *FLAGS, "--by", str(sato))
    assert (found["rows"], found["stored"], found["faults"]) == (3, 3, [])
    assert (found["to_inform"], found["inform_by"]) == (2, "2026-12-22")
    for who in (HANAKO, OLIVER):
        read = desk.run("read", "--email", who.email, "--purpose", "analyse", "--field", "company", "--by", str(sato))
        assert who.fields["company"] in read.output
    tasks = desk.json("tasks", "list")
    assert [(one["kind"], one["situation"], one["due"]) for one in tasks] == [("inform", "joint_event", "2026-12-22")] * 2
    line = ("--purpose", "analyse", "--field", "company", "--by", str(sato))
    told = {desk.json("read", "--email", who.email, *line)["records"][0]["record"] for who in (LENA, OLIVER)}
    assert {one["record"] for one in tasks} == told
    desk.run("ledger", "verify")


def test_the_confirmation_is_kept_sealed_and_named_by_every_row(site: Site) -> None:
    """Who gave the data stands once in the ledger; each imported record points at it, and its entry says so."""
    headers = auth(site, "collect:joint_event")
    source = confirm(site, "joint_event", headers).json()["source"]
    assert bulk(site, "joint_event", table(numbered(0, 3)), headers, source=source).json()["stored"] == 3
    site.house.settle()
    ledger = site.house.ledger
    (told,) = [one for one in ledger.entries_since(0, 10_000, kinds=("source.confirmed",)) if one.ref == source]
    assert dict(ledger.body(told.id)) == {"situation": "joint_event", **SOURCE}
    rows = [dict(ledger.body(one.id)) for one in ledger.entries_since(0, 10_000, kinds=("record.imported",))]
    assert [(one["source"], one["row"]) for one in rows[-3:]] == [(source, 1), (source, 2), (source, 3)]
    with site.house.store.read() as tx:
        held = [repr(row) for one in data_metadata.sorted_tables for row in tx.execute(sa.select(one))]
    assert held
    assert SOURCE["representative"] not in "".join(held)


def test_a_source_is_asked_for_before_anything_is_looked_at(site: Site) -> None:
    """Without a confirmation, with one for another situation, or with an invented one, not a row is judged."""
    headers = auth(site, "collect:joint_event", "collect:event")
    other = confirm(site, "event", headers).json()["source"]
    before = site.counts()
    for source in ("", other, "AAAAAAAAAAAAAAAAAAAAAA", "?"):
        refused = bulk(site, "joint_event", table([HANAKO]), headers, source=source)
        assert (refused.status_code, refused.json()["code"]) == (422, "source_unconfirmed")
    short = confirm(site, "joint_event", headers, giver="Example Partner KK", acquired="a list")
    assert (short.status_code, short.json()["fields"]) == (422, ["address", "representative"])
    assert site.counts() == before


def test_a_faulty_row_stores_nothing_and_stops_no_other(site: Site) -> None:
    """The report names row, code and field of each fault, never what stood there; the other rows are in."""
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    people = numbered(100, 104)
    text = table(
        people[:2],
        {"name": "SECRET", "email": "not an address", "company": "SECRET"},
        {"name": "SECRET", "email": "x@example.jp"},
        {"name": "SECRET", "email": "y@example.jp", "company": "SECRET", "country": "Narnia"},
    )
    text += "too,few\r\n" + table(people[2:]).split("\r\n", 1)[1]
    before = site.counts()[0]
    found = bulk(site, "event", text, headers, source=source)
    assert "SECRET" not in found.text
    report = found.json()
    assert (report["rows"], report["stored"], report["faulty"]) == (8, 4, 4)
    assert [(one["row"], one["code"], one["field"]) for one in report["faults"]] == [
        (3, "value_invalid", "email"), (4, "field_required", "company"), (5, "value_invalid", "country"),
        (6, "malformed", ""),
    ]  # fmt: skip
    assert site.counts()[0] == before + 4
    again = bulk(site, "event", text, {**headers, "Accept": "text/csv"}, source=source)
    assert again.text.splitlines()[:2] == ["row,code,field,clause", "3,value_invalid,email,collection.fields.email"]
    assert site.counts()[0] == before + 4


def test_an_undeclared_column_is_no_way_in(site: Site) -> None:
    """A column that the situation does not declare makes every row with a value there faulty."""
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    text = "name,email,company,birthday\nA,a@example.jp,X,\nB,b@example.jp,X,1990-01-01\n"
    report = bulk(site, "event", text, headers, source=source).json()
    assert (report["stored"], [(one["row"], one["code"], one["field"]) for one in report["faults"]]) == (
        1, [(2, "field_not_declared", "birthday")],
    )  # fmt: skip


def test_the_same_file_is_stored_once(site: Site) -> None:
    """Sent again, wholly or after it was cut off, a file adds only the rows that are not there yet."""
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    text = table(numbered(200, 201), {"name": "X", "email": "no", "company": "Y"}) + table(numbered(201, 900)).split("\r\n", 1)[1]
    first = bulk(site, "event", text, headers, source=source, stop=True).json()
    assert (first["stored"], first["stopped"]) == (1, 2)
    second = bulk(site, "event", text, headers, source=source).json()
    assert (second["rows"], second["stored"], second["known"], second["faulty"]) == (701, 699, 1, 1)
    before = site.counts()
    third = bulk(site, "event", text, headers, source=source).json()
    assert (third["stored"], third["known"], third["faulty"]) == (0, 700, 1)
    assert site.counts() == before


def test_a_dry_run_judges_and_stores_nothing(desk: Desk, tmp_path: Path) -> None:
    """With --dry-run every row is judged; neither people nor a confirmation are written. The report goes to a file."""
    path, report = tmp_path / "list.csv", tmp_path / "faults.csv"
    path.write_text(table([HANAKO], {"name": "B", "email": "b@example.jp"}), "utf-8")
    shown = desk.run("collect", "event", "--csv", str(path), "--dry-run", "--report", str(report), code=1)
    assert "would store 1 of 2 rows" in shown.output
    assert report.read_text("utf-8").splitlines() == [
        "row,code,field,clause", "2,field_required,company,collection.event.company",
    ]  # fmt: skip
    sato = desk.hire("SATO", "sales")
    assert desk.refused("read", "--email", HANAKO.email, "--purpose", "analyse", "--by", str(sato)) == "not_found"


def test_an_erased_person_is_not_brought_back(site: Site) -> None:
    """A row about somebody who was erased is refused; their own next act is not."""
    gone = Person("GONE", "JP", "ja", {"name": "消去 済", "email": "gone@example.jp", "company": "例示"})
    subject = unb64(site.collect(gone, "event", "name", "email", "company")["subject"])
    site.house.vault.erase(subject, reason="request", clause="rights.erasure", policy_version="1", actor="staff:0")
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    report = bulk(site, "event", table([gone, *numbered(50, 52)]), headers, source=source).json()
    assert (report["stored"], [(one["row"], one["code"]) for one in report["faults"]]) == (2, [(1, "suppressed")])
    assert site.http.post("/api/v1/read", json={"identifier": {"kind": "email", "value": gone.email}, "purpose": "analyse"}, headers=auth(site, "read:analyse")).status_code == 404
    assert site.collect(gone, "event", "name", "email", "company")["subject"]


def test_parquet_is_read_like_csv(site: Site) -> None:
    """A Parquet file with a career as a list of objects is taken in; other bytes are refused as malformed."""
    headers = auth(site, "collect:candidate")
    source = confirm(site, "candidate", headers).json()["source"]
    rows = [{**KENJI.some("name", "email", "work_history"), "subtype": "internship", "country": "JP"}]
    rows.append({"name": "B", "email": "b2@example.jp", "work_history": None, "subtype": "alumni", "country": None})
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    kind = {"Content-Type": "application/vnd.apache.parquet"}
    report = bulk(site, "candidate", out.getvalue(), {**headers, **kind}, source=source).json()
    assert (report["stored"], [(one["row"], one["code"]) for one in report["faults"]]) == (1, [(2, "subtype_unknown")])
    refused = bulk(site, "candidate", b"PAR1 nonsense", {**headers, **kind}, source=source)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


def test_files_from_a_japanese_office_are_read(site: Site) -> None:
    """Shift_JIS with its charset is read; the same bytes called UTF-8 are not guessed at."""
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    raw = table(numbered(300, 303)).encode("cp932")
    said = {"Content-Type": "text/csv; charset=Shift_JIS"}
    assert bulk(site, "event", raw, {**headers, **said}, source=source).json()["stored"] == 3
    wrong = bulk(site, "event", raw + b"\n", headers, source=source)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("content", ["", "name,name\na,b\n", "name,\na,b\n", '"name\n'])
def test_a_heading_that_is_none_is_refused(site: Site, content: str) -> None:
    """Without a first line that names each column once there is no import."""
    headers = auth(site, "collect:event")
    source = confirm(site, "event", headers).json()["source"]
    refused = bulk(site, "event", content, headers, source=source)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


def test_only_the_scope_of_the_situation_imports(site: Site) -> None:
    """A key for another situation imports nothing; other kinds of files are not read; an unknown situation is none."""
    headers = auth(site, "collect:event")
    assert confirm(site, "joint_event", headers).status_code == 403
    assert bulk(site, "joint_event", table([HANAKO]), headers).status_code == 403
    assert bulk(site, "event", table([HANAKO]), {}).status_code == 401
    assert bulk(site, "survey", table([HANAKO]), headers).json()["code"] == "situation_unknown"
    plain = bulk(site, "event", table([HANAKO]), {**headers, "Content-Type": "text/plain"})
    assert (plain.status_code, plain.json()["code"]) == (415, "media_type")


def test_a_person_erased_is_owed_nothing(site: Site) -> None:
    """The task to tell a person goes with the person."""
    headers = auth(site, "collect:joint_event")
    source = confirm(site, "joint_event", headers).json()["source"]
    karl = Person("KARL", "DE", "en", {"name": "Karl", "email": "karl@example.de", "company": "Beispiel"})
    assert bulk(site, "joint_event", table([karl]), headers, source=source).json()["to_inform"] == 1
    subject = site.house.vault.find("email", karl.email)
    assert subject is not None
    with site.house.store.read() as tx:
        owed = [one for one in store.owed(tx) if one.subject == subject]
    assert [(one.due, one.regime) for one in owed] == [(date(2026, 12, 22), "eea")]
    site.house.vault.erase(subject, reason="request", clause="rights.erasure", policy_version="1", actor="staff:0")
    with site.house.store.read() as tx:
        assert not [one for one in store.owed(tx) if one.subject == subject]


def test_the_report_can_be_json(desk: Desk, tmp_path: Path) -> None:
    """A report file that does not end in .csv is JSON with counts and faults."""
    path, report = tmp_path / "list.csv", tmp_path / "report.json"
    path.write_text(table([HANAKO], {"name": "B", "email": "b@example.jp"}), "utf-8")
    desk.run("collect", "event", "--csv", str(path), *FLAGS, "--report", str(report), code=1)
    told = json.loads(report.read_text("utf-8"))
    assert (told["stored"], told["faults"][0]["row"]) == (1, 2)
