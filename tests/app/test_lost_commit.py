"""A connection that breaks while it commits: nobody is told of a success that is none, and nothing is there twice."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.clusters import fresh_schema
from tests.support import LENA, Site
from upheld.basis.actions import state_choice
from upheld.db import StoreBusyError, unb64

_PREPARED = re.compile(rb"P.{4}([^\0]+)\0COMMIT\0", re.DOTALL)


class Wire:
    """Stands between the house and its server, and breaks one connection in its commit, before or after it.

    It breaks the next transaction that writes an entry of `kind`; the house's own work in the background goes on.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.kind = b"collect.accepted"
        self.cut = ""
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                lost = threading.Event()
                for one in ((client, server, lost, True), (server, client, lost, False)):
                    threading.Thread(target=self._carry, args=one, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, lost: threading.Event, asking: bool) -> None:
        marks, asked = [b"COMMIT\0"], b""
        with suppress(OSError):
            while told := source.recv(65536):
                marks += [b"\0" + name + b"\0" for name in _PREPARED.findall(told)]
                asked += told
                ends = any(mark in told for mark in marks)
                mine, asked = self.kind in asked, b"" if ends else asked
                if asking and self.cut and ends and mine:
                    how, self.cut = self.cut, ""
                    self.cuts += 1
                    lost.set()
                    if how == "before":
                        break
                elif not asking and lost.is_set():  # the server has committed, and nobody will know
                    break
                target.sendall(told)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[Site, Wire]]:
    """A house whose data store lies behind the wire."""
    data = fresh_schema()
    port = int(re.search(r"127\.0\.0\.1:(\d+)", data)[1])  # type: ignore[index]
    wire = Wire(port)
    folder = tmp_path / "data"
    folder.mkdir()
    places = f'data = "{data.replace(str(port), str(wire.own), 1)}"\nkeys = "{fresh_schema()}"\n'
    (folder / "stores.toml").write_text(places, "utf-8")
    with Site(folder=folder) as site:
        yield site, wire
    wire.close()


def post(site: Site, wire: Wire, cut: str, key: str) -> httpx.Response:
    receipt = site.http.get("/api/v1/collect/registration").json()["notice_receipt"]
    site.house.settle()
    body = {"fields": {"email": "lost@example.com"}, "notice_receipt": receipt}
    wire.cut = cut
    return site.http.post("/api/v1/collect/registration", json=body, headers={"Idempotency-Key": key})


def held(site: Site) -> tuple[int, int]:
    """Count the records, and the entries that tell of one; the ledger verifies."""
    site.house.settle()
    assert site.house.ledger.verify() == []
    with site.house.store.read() as tx:
        records = len(list(site.house.vault.iter_records(tx, [("registration", "1")], limit=100)))
    return records, len(site.house.ledger.entries_since(0, 1000, kinds=["collect.accepted"]))


@pytest.mark.parametrize("cut", ["before", "after"])
def test_with_a_key_a_lost_commit_is_found_out_and_answered(wired: tuple[Site, Wire], cut: str) -> None:
    """Whether the commit came through or not: the act is done exactly once, and the caller hears so."""
    site, wire = wired
    answer = post(site, wire, cut, "k-1")
    assert (wire.cuts, answer.status_code) == (1, 201), answer.text
    assert held(site) == (1, 1)
    assert answer.headers.get("idempotency-replayed") == ("true" if cut == "after" else None)
    again = post(site, wire, "", "k-1")
    assert (again.status_code, again.json()) == (201, answer.json())
    assert held(site) == (1, 1)


@pytest.mark.parametrize(("cut", "there"), [("before", 0), ("after", 1)])
def test_without_a_key_a_lost_commit_is_no_success(wired: tuple[Site, Wire], cut: str, there: int) -> None:
    """Nobody can know what became of it, so the caller is told to try again, and it is not done a second time unasked."""
    site, wire = wired
    subject = unb64(site.collect(LENA, "registration", "email")["subject"])
    site.house.settle()
    wire.kind, wire.cut = b"consent.refused", cut
    with pytest.raises(StoreBusyError):
        state_choice(site.house, subject, "marketing", "refuse", how="api")
    assert wire.cuts == 1
    site.house.settle()
    assert site.house.ledger.verify() == []
    assert len(site.house.ledger.entries_since(0, 1000, kinds=["consent.refused"])) == there
