"""A witness cosigns a log only as long as each checkpoint continues the last one it saw."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.conftest import Serve
from tests.ledger.conftest import Desk
from upheld.app_witness import witness_app
from upheld.cli import cli
from upheld.ledger.note import Checkpoint, Signer, sign_checkpoint
from upheld.ledger.tree import EMPTY_ROOT
from upheld.ledger.witness import Cosigner, Witness, asked, cosigned_at

COSIGNER = Cosigner("auditor.example/witness", bytes(range(32, 64)))


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def witness(desk: Any, tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness" / "seen.json", COSIGNER, [desk.ledger.vkey], desk.clock)


def grown(desk: Any, count: int) -> Checkpoint:
    for number in range(count):
        desk.append(body={"n": number})
    desk.ledger.integrate()
    found = desk.ledger.checkpoint()
    assert isinstance(found, Checkpoint)
    return found


def send(url: str, old: int, proof: list[bytes], note: str) -> httpx.Response:
    return httpx.post(f"{url}/add-checkpoint", content=asked(old, proof, note).encode())


def test_a_witness_cosigns_what_continues(desk: Any, witness: Witness, serve: Serve, tmp_path: Path) -> None:
    """Each later checkpoint with its proof is cosigned; the same one again too; what was seen survives a restart."""
    url = serve(witness_app(witness))
    old = 0
    for count in (3, 5, 300):
        signed = grown(desk, count)
        answer = send(url, old, desk.ledger.prove_consistency(old), signed.note)
        assert answer.status_code == 200, answer.text
        assert cosigned_at(signed.note, answer.text, COSIGNER.vkey()) == int(desk.clock.now().timestamp())
        old = signed.size
    assert send(url, old, [], signed.note).status_code == 200
    again = Witness(tmp_path / "witness" / "seen.json", COSIGNER, [desk.ledger.vkey], desk.clock)
    assert again.seen() == {signed.origin: (signed.size, signed.root)}
    with pytest.raises(ValueError, match="does not match"):
        cosigned_at(signed.note.replace("308", "309"), answer.text, COSIGNER.vkey())
    with pytest.raises(ValueError, match="no cosignature"):
        cosigned_at(signed.note, answer.text, Cosigner("other.example", bytes(32)).vkey())


def test_a_witness_refuses_what_does_not(desk: Any, witness: Witness, serve: Serve) -> None:
    """Each refusal has the status of the protocol, and none changes what the witness remembers."""
    url, signer = serve(witness_app(witness)), Signer("example.com/upheld/ledger/1", bytes(range(32)))
    first = grown(desk, 4)
    assert send(url, 0, [], first.note).status_code == 200
    second = grown(desk, 4)
    proof = desk.ledger.prove_consistency(4)
    stale = send(url, 0, [], second.note)
    assert (stale.status_code, stale.text, stale.headers["content-type"].partition(";")[0]) == (409, "4\n", "text/x.tlog.size")
    forged = sign_checkpoint(Checkpoint(signer.origin, 8, bytes(32)), [signer])
    other = sign_checkpoint(Checkpoint(signer.origin, 4, bytes(32)), [signer])
    stranger = sign_checkpoint(Checkpoint("example.org/log", 8, bytes(32)), [Signer("example.org/log", bytes(32))])
    thief = sign_checkpoint(Checkpoint(signer.origin, 8, second.root), [Signer(signer.origin, bytes(32))])
    empty = sign_checkpoint(Checkpoint(signer.origin, 0, bytes(32)), [signer])
    cases = {
        "a rewritten log": (send(url, 4, proof, forged), 422),
        "half a proof": (send(url, 4, proof[:-1], second.note), 422),
        "the same size, another root": (send(url, 4, [], other), 409),
        "a log nobody watches": (send(url, 0, [], stranger), 404),
        "somebody else's key": (send(url, 4, proof, thief), 403),
        "an old size above the new": (send(url, 9, [], second.note), 400),
        "64 hashes": (send(url, 4, [bytes(32)] * 64, second.note), 400),
        "short hashes": (send(url, 4, [bytes(31)], second.note), 400),
        "no note": (httpx.post(f"{url}/add-checkpoint", content=b"old 4\n"), 400),
        "no number": (httpx.post(f"{url}/add-checkpoint", content=f"old 04\n\n{second.note}".encode()), 400),
        "no text": (httpx.post(f"{url}/add-checkpoint", content=b"\xff\xfe"), 400),
        "a shorter log": (send(url, 4, [], empty), 400),
    }
    assert {name: answer.status_code for name, (answer, _) in cases.items()} == {name: code for name, (_, code) in cases.items()}
    assert witness.seen() == {first.origin: (first.size, first.root)}
    assert send(url, 4, proof, second.note).status_code == 200


def test_an_empty_log_has_the_empty_root(desk: Any, witness: Witness, serve: Serve) -> None:
    """A log may be watched from its beginning, if it begins with nothing."""
    url, signer = serve(witness_app(witness)), Signer("example.com/upheld/ledger/1", bytes(range(32)))
    assert send(url, 0, [], sign_checkpoint(Checkpoint(signer.origin, 0, bytes(32)), [signer])).status_code == 422
    assert send(url, 0, [], sign_checkpoint(Checkpoint(signer.origin, 0, EMPTY_ROOT), [signer])).status_code == 200


def test_the_command_asks_and_checks_the_answer(serve: Serve, tmp_path: Path) -> None:
    """`upheld ledger witness ask` prints the checkpoint with a cosignature that holds, and goes on from what was seen."""
    from upheld.app import open_house
    from upheld.ledger import open_note

    data = tmp_path / "data"
    house = open_house(data)
    key = house.ledger.vkey
    house.close()
    run = CliRunner().invoke
    name = ("--home", str(tmp_path / "w"), "--name", "auditor.example/witness")
    vkey = run(cli, ["ledger", "witness", "key", *name]).stdout.strip()
    assert run(cli, ["ledger", "witness", "key", *name]).stdout.strip() == vkey
    cosigner = Cosigner("auditor.example/witness", (tmp_path / "w" / "key").read_bytes())
    from upheld.db import SystemClock

    url = serve(witness_app(Witness(tmp_path / "w" / "seen.json", cosigner, [key], SystemClock())))
    for _ in range(2):
        done = run(cli, ["ledger", "witness", "ask", url, "--key", vkey, "--data", str(data)])
        assert done.exit_code == 0, done.output
        note = done.stdout
        assert open_note(note, [key]).origin == key.partition("+")[0]
        at = cosigned_at(note, note.splitlines()[-1], vkey)
        house = open_house(data)
        assert house.ledger.last_cosigned() == datetime.fromtimestamp(at, UTC)
        assert house.ledger.cosigned().note == note
        assert house.ledger.verify() == []
        with house.store.write() as tx:
            house.ledger.append(tx, "schema.migrated", clause="security.technical", policy_version="1", actor="svc:keeping", body={})
        house.settle()
        house.close()
    other = Cosigner("auditor.example/witness", bytes(32)).vkey()
    refused = run(cli, ["ledger", "witness", "ask", url, "--key", other, "--data", str(data)])
    assert (refused.exit_code, "no cosignature" in refused.output) == (1, True)
    assert run(cli, ["ledger", "witness", "ask", "ftp://x", "--key", vkey, "--data", str(data)]).exit_code == 2


def test_a_cosigned_checkpoint_is_served_with_all_lines(tmp_path: Path) -> None:
    """Lines of witnesses stand below the log's own signature; before the first there is none, and a forged one is refused."""
    from tests.support import Site
    from upheld.ledger import open_note

    with Site(folder=tmp_path / "data") as site:
        where = "/api/v1/ledger/checkpoint/cosigned"
        assert site.http.get(where).status_code == 404
        assert site.house.ledger.last_cosigned() is None
        site.house.settle()
        signed = site.house.ledger.checkpoint()
        other = Cosigner("union.example/witness", bytes(32))
        for one, at in ((COSIGNER, 5), (other, 7), (COSIGNER, 9)):
            assert site.house.ledger.keep_cosignature(signed, one.vkey(), one.line(signed.text(), at)) == at
        with pytest.raises(ValueError, match="no cosignature"):
            site.house.ledger.keep_cosignature(signed, other.vkey(), COSIGNER.line(signed.text(), 9))
        note = site.http.get(where).text
        assert open_note(note, [site.house.ledger.vkey]).size == signed.size
        first, second = note.removeprefix(signed.note).splitlines()
        assert (cosigned_at(note, first, COSIGNER.vkey()), cosigned_at(note, second, other.vkey())) == (9, 7)
        assert site.http.get("/api/v1/ledger/checkpoint").text == note
        assert site.house.ledger.last_cosigned().timestamp() == 9
        assert site.house.ledger.verify() == []
