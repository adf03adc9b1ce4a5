"""Audiences of any size: written as JSON lines, CSV and Parquet, with the entry durable before the first byte."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli_rooms.conftest import Desk as Shell
from tests.security.conftest import Desk
from tests.support import HANAKO, LENA, NOW, SATO, Person, Site
from upheld.basis.actions import state_choice
from upheld.collection import importing
from upheld.collection.model import Source
from upheld.collection.rows import read_csv
from upheld.db import FixedClock, b64, unb64
from upheld.notice import House
from upheld.records.numbers import BLOCK, Numbers, unpack
from upheld.security import keys
from upheld.security.lines import safe

room = import_module("upheld.security.audience")
SIX = ("name", "email", "phone", "occupation", "job_title", "company")


def ask(desk: Desk, accept: str, purpose: str = "announce", **body: object) -> bytes:
    headers = {**desk.auth["SATO"], "Accept": accept}
    answer = desk.site.http.post("/api/v1/audience", json={"purpose": purpose, **body}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(accept.split(";", maxsplit=1)[0])
    assert answer.headers["upheld-count"] == "2"
    return answer.content


def test_the_same_audience_in_three_forms(desk: Desk) -> None:
    """JSON lines, CSV and Parquet carry the same people; each is one entry, whose number the answer names."""
    desk.site.collect(HANAKO, "event", *SIX)
    desk.site.collect(LENA, "event", *SIX)
    lines = [json.loads(line) for line in ask(desk, "application/x-ndjson", "analyse").splitlines()]
    table = list(csv.DictReader(io.StringIO(ask(desk, "text/csv", "analyse").decode())))
    parquet = pq.read_table(io.BytesIO(ask(desk, "application/vnd.apache.parquet", "analyse"))).to_pylist()
    people = [{"subject": line["subject"], **line["fields"]} for line in lines[1:]]
    assert sorted(str(one["email"]) for one in people) == sorted([HANAKO.email, LENA.email])
    assert [{name: cell for name, cell in row.items() if cell} for row in table] == people
    assert [{name: cell for name, cell in row.items() if cell is not None} for row in parquet] == people
    assert desk.kinds("access.bulk") == 3


def test_no_cell_is_a_formula(desk: Desk) -> None:
    """What could begin a formula in a spreadsheet gets an apostrophe; a telephone number stays what it is."""
    evil = Person("EVIL", "JP", "ja", {"name": '=HYPERLINK("http://example.com")', "email": "e@example.jp", "company": "@SUM(A1)", "phone": "+81312345678"})
    desk.site.collect(evil, "event", "name", "email", "company", "phone")
    headers = {**desk.auth["SATO"], "Accept": "text/csv"}
    answer = desk.site.http.post("/api/v1/audience", json={"purpose": "analyse"}, headers=headers)
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["name"][:2], row["company"][:2], row["phone"]) == ("'=", "'@", "+81312345678")


@given(st.text())
def test_a_safe_cell_begins_with_no_sign_of_a_formula(text: str) -> None:
    """Whatever the text, the cell begins with none of the signs unless it is a telephone number."""
    cell = safe(text)
    assert cell.lstrip("'") == text.lstrip("'")
    assert not cell or cell[0] not in "=+-@\t\r\n" or cell[1:].isdigit()


def packed(ids: list[bytes]) -> str:
    numbers = Numbers()
    for one in ids:
        numbers.add(one)
    return numbers.text()


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=16, max_size=16), max_size=50))
def test_record_numbers_are_told_in_few_bytes(ids: list[bytes]) -> None:
    """Packed numbers come back, all of them, in at most three bytes more than each has."""
    assert sorted(unpack(packed(ids))) == sorted(ids)
    assert len(unb64(packed(ids))) <= 19 * len(ids) + 1


def test_more_numbers_than_a_block_come_back() -> None:
    ids = [hashlib.sha256(n.to_bytes(4, "big")).digest()[:16] for n in range(BLOCK + 5)]
    assert sorted(unpack(packed(ids))) == sorted(ids)


@pytest.mark.parametrize("raw", [b"\x02\x05", b"\x01\x85", b"\x01" + b"\xff" * 30 + b"\x01"])
def test_a_text_that_is_no_list_of_numbers_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|too large"):
        list(unpack(b64(raw)))


def test_the_entry_names_every_record(desk: Desk) -> None:
    """The sealed body holds the numbers of exactly the records whose fields left."""
    wanted = {unb64(desk.site.collect(one, "event", *SIX)["record"]) for one in (HANAKO, LENA)}
    summary = desk.audience("SATO", purpose="analyse")[0]
    desk.site.house.settle()
    body = desk.site.house.ledger.body(unb64(summary["entry"]))
    assert (body["count"], set(unpack(body["records"]))) == (2, wanted)


def test_whoever_withdraws_during_the_walk_is_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A withdrawal that is acknowledged before the entry binds it, however late in the walk it comes."""
    site = desk.site
    hanako = unb64(site.collect(HANAKO, "event", *SIX, consents=["announce"])["subject"])
    site.collect(LENA, "event", *SIX, consents=["announce"])
    walk, walks = room._walk, []

    def withdrawn_behind_it(*args: object) -> None:
        walk(*args)
        walks.append(1)
        if len(walks) == 1:
            state_choice(site.house, hanako, "announce", "withdraw", how="test")

    monkeypatch.setattr(room, "_walk", withdrawn_behind_it)
    lines = desk.audience("SATO", purpose="announce")
    assert [line["fields"]["email"] for line in lines[1:]] == [LENA.email]
    assert (len(walks), desk.kinds("access.bulk")) == (2, 1)


def test_in_a_storm_of_withdrawals_an_answer_comes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something changes with every walk, the last one lets nobody write, and is right."""
    site = desk.site
    people = [Person(f"P{n}", "JP", "ja", {"name": "例示", "email": f"p{n}@example.jp", "company": "例示"}) for n in range(4)]
    subjects = [unb64(site.collect(one, "event", "name", "email", "company", consents=["announce"])["subject"]) for one in people]
    walk, left = room._walk, list(subjects)

    def and_one_leaves(*args: object) -> None:
        walk(*args)
        if not site.house.store.writing_here():
            state_choice(site.house, left.pop(), "announce", "withdraw", how="test")

    monkeypatch.setattr(room, "_walk", and_one_leaves)
    lines = desk.audience("SATO", purpose="announce")
    assert (lines[0]["count"], len(lines) - 1, len(left)) == (2, 2, 2)


def filled(house: House, first: int, last: int) -> None:
    long = "Example " * 20
    heading = "name,email,company,occupation,job_title,country\n"
    text = heading + "".join(f"{long}{n},p{n}@example.jp,{long},{long},{long},JP\n" for n in range(first, last))
    raw = text.encode()
    source = importing.confirm_source(house, "event", Source("a", "b", "c", "d"), "staff:0")
    order = importing.Order("event", hashlib.sha256(raw).digest(), "staff:0", source)
    assert importing.run(house, order, read_csv(io.BytesIO(raw)), print).stored == last - first


def test_memory_does_not_grow_with_the_audience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the people take hardly more memory: their lines lie on disk, sealed, and one page of them is looked at."""
    monkeypatch.setattr("upheld.security.candidates.PAGE", 40)
    with Site(folder=tmp_path / "data", now=NOW) as site:
        _, text = keys.make(site.house, label="x", by="staff:0", scopes=("audience:analyse",))
        reader = keys.for_audience(keys.authenticate(site.house, f"Bearer {text}"))

        def size() -> int:
            found = room.audience(site.house, reader, room.Wanted("analyse"))
            told = sum(len(block) for block in found.raw())
            found.close()
            return told

        def peak() -> tuple[int, int]:
            size()  # keys of persons are kept at hand, up to a number of their own
            site.house.settle()  # the thread that places entries takes memory of its own
            tops = []
            for _ in range(4):  # what another thread takes meanwhile only adds: the least is the audience's own
                tracemalloc.start()
                told = size()
                tops.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
            return min(tops), told

        filled(site.house, 0, 200)
        small, size_small = peak()
        filled(site.house, 200, 600)
        large, size_large = peak()
        assert size_large - size_small > 250_000
        assert large < 1.5 * small


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path / "data", FixedClock(NOW))
    made.run("publish", "--policy", str(made.policy))
    return made


def test_the_command_line_writes_files(shell: Shell, tmp_path: Path) -> None:
    """`upheld audience --format csv|parquet --out FILE` writes the file and prints the summary."""
    sato = shell.hire(SATO.name, "sales")
    shell.collect("event", HANAKO.some(*SIX), country="JP")
    args = ("audience", "--purpose", "analyse", "--by", str(sato))
    out = tmp_path / "audience.parquet"
    told = json.loads(shell.run(*args, "--format", "parquet", "--out", str(out)).stdout)
    assert (told["count"], pq.read_table(out).to_pylist()[0]["email"]) == (1, HANAKO.email)
    shell.run(*args, "--format", "parquet", code=2)
    (row,) = csv.DictReader(io.StringIO(shell.run(*args, "--format", "csv").stdout))
    assert row["email"] == HANAKO.email
