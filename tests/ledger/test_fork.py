"""A store put back to an older state is noticed, and its log goes on under another name."""

from __future__ import annotations

import base64
import hashlib

import pytest

from upheld.ledger import KeptCheckpoint, Ledger, Signer, SigningStoppedError, open_note
from upheld.ledger.note import Checkpoint, note_key, read_note, sign_checkpoint
from upheld.ledger.rules import next_origin, origin_parts

TABLES = ("ledger_pending", "ledger_bundle", "ledger_body", "ledger_tile", "ledger_head", "ledger_checkpoint")


@pytest.fixture
def kept(tmp_path):
    return KeptCheckpoint([tmp_path / "journal" / name / "checkpoint.txt" for name in "ab"])


def opened(desk, kept, origin="example.com/upheld/ledger/1"):
    desk.ledger = Ledger(desk.store, Signer(origin, bytes(range(32))), desk.keys, desk.clock, desk.ids, kept)
    return desk.ledger


def fill(desk, count):
    for number in range(count):
        desk.append(body={"n": number})
    desk.ledger.integrate()


def state(desk):
    return {table: [tuple(row) for row in desk.sql(f"SELECT * FROM {table}").fetchall()] for table in TABLES}


def put_back(desk, older):
    for table, rows in older.items():
        desk.sql(f"DELETE FROM {table}")
        for row in rows:
            desk.sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


def test_an_older_state_is_noticed_by_the_checkpoint_beside_the_stores(desk, kept):
    """After an old backup came back the store agrees with itself, yet nothing is signed and readiness says why."""
    opened(desk, kept)
    fill(desk, 5)
    older = state(desk)
    fill(desk, 4)
    put_back(desk, older)
    assert desk.reopen().health().stopped is None  # without the copy beside the stores nobody could tell
    ledger = opened(desk, kept)
    assert ledger.health().stopped == "shorter_than_signed"
    desk.append()
    with pytest.raises(SigningStoppedError):
        ledger.integrate()
    assert ledger.health().pending == 1


def test_a_restored_log_goes_on_under_the_next_origin(desk, kept):
    """The first entry of the new origin names what the old one signed last; positions go on, and all verifies."""
    opened(desk, kept)
    fill(desk, 5)
    older = state(desk)
    fill(desk, 4)
    lost = desk.ledger.checkpoint()
    put_back(desk, older)
    ledger = opened(desk, kept)
    waiting = desk.append()
    entry = ledger.entry(ledger.fork(policy_version="1", actor="svc:keeping"))
    assert (entry.n, entry.kind.name) == (5, "ledger.restored")
    assert ledger.body(entry) == {"origin": lost.origin, "restored_size": 5, "known": lost.note}
    assert ledger.integrate() == 1
    assert ledger.entry(waiting).n == 6
    signed = ledger.checkpoint()
    assert (signed.origin, signed.size) == ("example.com/upheld/ledger/2", 7)
    assert open_note(signed.note, [ledger.vkey]) == signed
    assert ledger.verify() == []
    assert kept.newest(Signer("any", bytes(range(32)))) == signed
    again = opened(desk, kept, "example.com/upheld/ledger/2")
    assert again.health().stopped is None
    assert again.verify(since=6) == []


def test_the_same_backup_put_back_twice_gets_a_third_origin(desk, kept):
    """An origin that signed once is never taken again, also when the store has forgotten it."""
    opened(desk, kept)
    fill(desk, 3)
    older = state(desk)
    opened(desk, kept).fork(policy_version="1", actor="svc:keeping")
    put_back(desk, older)
    ledger = opened(desk, kept)
    assert ledger.health().stopped == "shorter_than_signed"
    ledger.fork(policy_version="1", actor="svc:keeping")
    assert ledger.checkpoint().origin == "example.com/upheld/ledger/3"
    assert ledger.verify() == []


def test_who_held_the_log_open_before_places_nothing_after(desk, kept):
    """Another process that opened the log under the old origin stops giving out positions and says so."""
    other = opened(desk, kept)
    fill(desk, 3)
    ledger = opened(desk, kept)
    ledger.fork(policy_version="1", actor="svc:keeping")
    desk.append()
    with pytest.raises(SigningStoppedError):
        other.integrate()
    assert other.health().stopped == "forked"
    assert ledger.integrate() == 1
    assert {one.origin for one in ledger.checkpoints() if one.size > 3} == {"example.com/upheld/ledger/2"}


def test_a_copy_that_is_damaged_gives_way_to_the_other(desk, kept, tmp_path):
    """One of two copies may be broken, missing or signed by somebody else; the other one still tells."""
    opened(desk, kept)
    fill(desk, 3)
    signed = desk.ledger.checkpoint()
    one = tmp_path / "journal" / "a" / "checkpoint.txt"
    for text in ("", "x\n1\n", signed.note.replace("\n3\n", "\n9\n")):
        one.write_text(text, encoding="utf-8")
        assert kept.newest(Signer("any", bytes(range(32)))) == signed
    one.unlink()
    assert kept.newest(Signer("any", bytes(range(32)))) == signed
    assert kept.newest(Signer("any", bytes(32))) is None


def test_origins_are_numbered():
    """An origin without a number counts as the first; the next one is above all that are named."""
    assert origin_parts("example.com/upheld/ledger/7") == ("example.com/upheld/ledger", 7)
    assert origin_parts("example.com") == ("example.com", 1)
    assert next_origin("example.com/log") == "example.com/log/2"
    assert next_origin("a/2", "a/10", "a/9") == "a/11"


def test_the_note_beside_the_stores_is_nobody_elses_to_list(kept, desk, tmp_path):
    """The folder of the kept note is the account's own."""
    opened(desk, kept)
    fill(desk, 1)
    assert (tmp_path / "journal" / "a").stat().st_mode & 0o777 == 0o700


def test_a_size_and_a_key_are_spelled_in_one_way():
    """A size with letters, foreign digits or a leading zero, and a key of another kind or length, are refused."""
    signer = Signer("example.com/log", bytes(32))
    root = "A" * 43 + "="
    for size in ("1a", "\u0663", "\u00b2", "01", "00", "", "-1"):
        with pytest.raises(ValueError, match="plain number"):
            read_note(f"example.com/log\n{size}\n{root}\n\n\u2014 example.com/log AAAAAAAA\n")
    head, _, tail = signer.vkey().rpartition("+")
    assert note_key(f" {signer.vkey()}\n")[0] == "example.com/log"
    for vkey in (f"{head}+{tail[:5]}*{tail[5:]}", head, ""):
        with pytest.raises(ValueError, match="verifier key"):
            note_key(vkey)
    for raw in (b"\x04" + signer.public(), b"\x01" + signer.public()[:-1], b"\x01" + signer.public() + b"x"):
        right_id = hashlib.sha256(b"example.com/log\n" + raw).hexdigest()[:8]
        with pytest.raises(ValueError, match="verifier key"):
            note_key(f"example.com/log+{right_id}+{base64.b64encode(raw).decode()}")


@pytest.mark.parametrize("size", [31, 33])
def test_a_root_is_a_whole_hash(size):
    """A root one byte too short or too long, however neatly spelled, is no root."""
    root = base64.b64encode(bytes(size)).decode()
    with pytest.raises(ValueError, match="no SHA-256 hash"):
        read_note(f"example.com/log\n1\n{root}\n\n\u2014 example.com/log AAAAAAAA\n")


@pytest.mark.parametrize("line", ["- other.example AAAAAAAA", "other.example AAAAAAAA", "\u2014 AAAAAAAA", "\u2014  AAAAAAAA"])
def test_a_line_that_is_no_signature_spoils_the_note(line):
    """Beside the log's own signature every line has a dash, a name and a signature, or the note does not open."""
    signer = Signer("example.com/log", bytes(32))
    note = sign_checkpoint(Checkpoint("example.com/log", 1, bytes(32)), [signer])
    assert open_note(f"{note}\u2014 other.example AAAAAAA=\n", [signer.vkey()]).size == 1
    with pytest.raises(ValueError, match="too short"):
        open_note(f"{note}\u2014 other.example AAAAAA==\n", [signer.vkey()])
    with pytest.raises(ValueError, match="signature line is malformed"):
        open_note(f"{note}{line}\n", [signer.vkey()])


def test_an_older_note_never_replaces_a_newer_one(tmp_path):
    """Whoever put it: this process, another one meanwhile, or one before; a damaged note gives way to any."""
    signer = Signer("example.com/log", bytes(32))
    file = tmp_path / "checkpoint.txt"

    def signed(size):
        plain = Checkpoint("example.com/log", size, bytes(32))
        return Checkpoint(plain.origin, size, plain.root, sign_checkpoint(plain, [signer]))

    first, second = KeptCheckpoint([file]), KeptCheckpoint([file])
    for kept, size, newest in ((first, 5, 5), (first, 3, 5), (second, 4, 5), (second, 9, 9), (first, 7, 9), (first, 10, 10)):
        kept.put(signed(size), signer)
        assert first.newest(signer) == second.newest(signer) == signed(newest)
    file.write_text("damaged", encoding="utf-8")
    first.put(signed(1), signer)
    assert first.newest(signer) == signed(1)
