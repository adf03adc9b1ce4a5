"""The ledger: every change has one entry, in order, provable offline, and silent about people."""

from __future__ import annotations

import base64
import json

import pytest
import sqlalchemy as sa

from upheld.db import b64
from upheld.ledger import (
    KINDS,
    BodyErasedError,
    Ledger,
    LedgerError,
    NewEntry,
    NotIntegratedError,
    ReceiptInvalidError,
    Signer,
    open_note,
    verify_receipt,
)
from upheld.ledger.model import EntryUnknownError
from upheld.ledger.tree import leaf_hash, verify_consistency, verify_inclusion

HANAKO = b"h" * 16
LENA = b"l" * 16


def test_an_entry_waits_until_it_gets_its_position(desk):
    """An entry is kept with the change, gets a gap-free position, and then stands in a signed checkpoint."""
    ids = [desk.append() for _ in range(5)]
    assert desk.ledger.health().pending == 5
    assert desk.ledger.entries_since(0) == []
    assert desk.ledger.integrate() == 5
    assert [(entry.n, entry.id) for entry in desk.ledger.entries_since(0)] == list(enumerate(ids))
    signed = desk.ledger.checkpoint()
    assert open_note(signed.note, [desk.ledger.vkey]).size == 5
    health = desk.ledger.health()
    assert (health.size, health.pending, health.signed_size, health.stopped) == (5, 0, 5, None)


def test_an_entry_of_a_failed_change_does_not_exist(desk):
    """When the change is rolled back so is its entry, and new words it brought do no harm later."""

    def fail():
        words = {"clause": "x.y", "policy_version": "9", "actor": "self"}
        with desk.store.write() as tx:
            desk.ledger.append(tx, "collect.accepted", body={}, subject=HANAKO, **words)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    desk.append(clause="other.clause")
    desk.ledger.integrate()
    desk.append(clause="x.y", policy_version="9")
    desk.ledger.integrate()
    assert [entry.clause for entry in desk.ledger.entries_since(0)] == ["other.clause", "x.y"]
    assert desk.ledger.verify() == []


def test_a_reader_with_a_cursor_misses_nothing(desk):
    """A reader that goes on from the last position sees every entry once, of the kinds it asked for."""
    seen, cursor = [], 0
    for round_ in range(4):
        made = [desk.append(kind) for kind in ("consent.given", "collect.accepted") for _ in range(round_ + 1)]
        desk.ledger.integrate()
        while batch := desk.ledger.entries_since(cursor, 3):
            seen += [entry.id for entry in batch]
            cursor = batch[-1].n + 1
        assert seen[-len(made) :] == made
    assert len(desk.ledger.entries_since(0, 100, kinds=["consent.given"])) == 10


def test_a_projector_runs_inside_the_change(desk):
    """A subscriber sees the event before the commit; when it fails nothing of the change remains."""
    seen = []
    desk.ledger.subscribe("consent.given", lambda tx, event: seen.append((event.kind, event.body["purpose"], event.subject)))
    desk.append("consent.given", HANAKO, {"purpose": "announce"})
    assert seen == [("consent.given", "announce", HANAKO)]

    def refuse(tx, event):
        raise ZeroDivisionError

    desk.ledger.subscribe("consent.withdrawn", refuse)
    with pytest.raises(ZeroDivisionError):
        desk.append("consent.withdrawn", HANAKO, {"purpose": "announce"})
    assert desk.ledger.integrate() == 1


def test_a_leaf_is_seven_strings_without_a_person(desk):
    """The public leaf has form, id, kind, clause, version, actor and a hash; neither subject nor body."""
    entry = desk.append(subject=HANAKO, body={"fields": ["email"], "channel": "form"})
    desk.ledger.integrate()
    leaf = desk.ledger.receipt(entry)["leaf"]
    parts = json.loads(leaf)
    assert parts[:6] == ["u1", b64(entry), "collect.accepted", "collection.event", "1", "self"]
    assert len(parts) == 7
    assert len(parts[6]) == 43
    assert len(leaf) < 160
    assert b64(HANAKO) not in leaf
    assert "form" not in leaf


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"actor": "hanako@example.co.jp"}, "collect.accepted"),
        ({"actor": "staff:sato"}, "collect.accepted"),
        ({"clause": "田中 花子"}, "collect.accepted"),
        ({"policy_version": "hanako@example.co.jp"}, "collect.accepted"),
        ({}, "collect.imagined"),
        ({}, "policy.published"),
    ],
)
def test_words_that_could_name_a_person_are_refused(desk, words, kind):
    """An actor is a number, a clause a path; unknown kinds and persons in entries about nobody are refused."""
    with pytest.raises(ValueError):
        desk.append(kind, **words)
    assert desk.ledger.health().pending == 0


def test_a_receipt_is_checked_with_the_public_key_alone(desk):
    """The receipt of an entry proves entry, body and position to anybody who has the log's public key."""
    entry = desk.append(subject=HANAKO, body={"fields": ["email"]})
    with pytest.raises(NotIntegratedError):
        desk.ledger.receipt(entry)
    for _ in range(300):
        desk.append()
    desk.ledger.integrate()
    receipt = json.loads(json.dumps(desk.ledger.receipt(entry)))
    proven = verify_receipt(receipt, desk.ledger.vkey)
    assert (proven.entry_id, proven.n, proven.kind, proven.size) == (entry, 0, "collect.accepted", 301)
    assert proven.body == {"fields": ["email"], "subject": b64(HANAKO)}
    assert proven.at == desk.clock.now()
    assert len(json.dumps(receipt)) < 2048


def test_a_changed_receipt_is_refused(desk):
    """Changing any part of a receipt, or holding it against another key, is noticed."""
    entries = [desk.append(body={"n": number}) for number in range(9)]
    desk.ledger.integrate()
    good, vkey = desk.ledger.receipt(entries[4]), desk.ledger.vkey
    other = desk.ledger.receipt(entries[5])
    for part in ("leaf", "n", "body", "salt", "proof"):
        with pytest.raises(ReceiptInvalidError):
            verify_receipt({**good, part: other[part]}, vkey)
    for part in good:
        with pytest.raises(ReceiptInvalidError):
            verify_receipt({key: value for key, value in good.items() if key != part}, vkey)
    with pytest.raises(ReceiptInvalidError):
        verify_receipt(good, Signer("example.com/upheld/ledger/1", bytes(32)).vkey())


def test_proofs_come_from_the_stored_tiles(desk):
    """Inclusion and consistency proofs verify against stored checkpoints of different sizes."""
    entries = []
    for step in (3, 250, 60):
        entries += [desk.append() for _ in range(step)]
        desk.ledger.integrate()
    first, second, last = desk.ledger.checkpoints()
    assert [first.size, second.size, last.size] == [3, 253, 313]
    leaf = desk.ledger.receipt(entries[7])["leaf"].encode()
    assert verify_inclusion(leaf_hash(leaf), 7, 253, desk.ledger.prove_inclusion(7, 253), second.root)
    proof = desk.ledger.prove_consistency(3, 313)
    assert verify_consistency(3, 313, first.root, last.root, proof)
    for wrong in (lambda: desk.ledger.prove_inclusion(313), lambda: desk.ledger.prove_consistency(2, 999)):
        with pytest.raises(EntryUnknownError):
            wrong()


def test_after_erasure_the_proof_stays_and_the_body_is_gone(desk):
    """Erasing a person closes bodies and links; the log still verifies, and a kept receipt still proves."""
    mine, other = desk.append(subject=HANAKO), desk.append(subject=LENA)
    desk.ledger.integrate()
    kept = desk.ledger.receipt(mine)
    assert [entry.id for entry in desk.ledger.about(HANAKO)] == [mine]
    assert desk.ledger.body(mine)["fields"] == ["email"]
    desk.keys.destroy(HANAKO)
    with pytest.raises(BodyErasedError):
        desk.ledger.body(mine)
    with desk.store.write() as tx:
        assert desk.ledger.drop_bodies(tx, HANAKO) == 1
    with pytest.raises(BodyErasedError):
        desk.ledger.receipt(mine)
    assert desk.ledger.about(HANAKO) == []
    assert desk.ledger.entry(mine).subject is None
    assert desk.ledger.body(other)["fields"] == ["email"]
    assert desk.ledger.verify() == []
    assert verify_receipt(kept, desk.ledger.vkey).entry_id == mine


def test_two_integrators_leave_no_gap(desk, tmp_path):
    """Two processes that give out positions in turn keep one gap-free log."""
    other = Ledger(desk.store, Signer(desk.ledger.checkpoint().origin, bytes(range(32))), desk.keys, desk.clock, desk.ids)
    for turn in range(6):
        for _ in range(turn):
            desk.append()
        (other if turn % 2 else desk.ledger).integrate()
    assert [entry.n for entry in other.entries_since(0)] == list(range(15))
    assert other.verify() == []


def test_a_log_keeps_its_name(desk):
    """A store whose log was begun under one origin is not continued under another."""
    with pytest.raises(LedgerError):
        Ledger(desk.store, Signer("example.com/upheld/ledger/2", bytes(32)), desk.keys, desk.clock, desk.ids)


def test_the_empty_log_has_a_checkpoint(desk):
    """Before the first entry the log already signs that it is empty."""
    signed = desk.ledger.checkpoint()
    assert signed.size == 0
    assert base64.b64encode(signed.root).decode() in signed.note


def test_every_kind_has_its_own_number_and_name():
    """A number is given once; names are dotted, class names CamelCase."""
    numbers = [kind.number for kind in KINDS.values()]
    assert len(set(numbers)) == len(numbers) == len(KINDS)
    assert KINDS["collect.accepted"].class_name == "CollectAccepted"
    assert KINDS["keys.backup_verified"].class_name == "KeysBackupVerified"
    assert KINDS["collect.accepted"].number == 20
    assert KINDS["erase.live"].area == "rights"
    assert not KINDS["policy.published"].about_person


def test_the_store_holds_no_body_in_clear(desk):
    """Nothing of a body stands in the store in clear."""
    desk.append(body={"reason": "Geheimnis-4711"})
    with desk.store.read() as tx:
        for table in ("ledger_pending", "ledger_body"):
            for row in tx.execute(sa.text(f"SELECT * FROM {table}")):
                assert b"4711" not in b"".join(part for part in row if isinstance(part, bytes))


def told(number, kind="collect.accepted", subject=HANAKO, **more):
    words = {"clause": "collection.event", "policy_version": "1", "actor": "self", **more}
    return NewEntry(kind, body={"n": number}, subject=subject, **words)


def test_many_entries_are_written_at_once(desk):
    """Entries given together stand in their order, each with its own words, subject and body, and each is told."""
    seen = []
    desk.ledger.subscribe("collect.refused", lambda tx, event: seen.append(event.body["n"]))
    batch = [
        told(0, clause="a.b"),
        told(1, "collect.refused", None, actor="staff:7"),
        told(2, subject=LENA, seal="contract"),
        told(3, "collect.refused", policy_version="2"),
    ]
    with desk.store.write() as tx:
        ids = desk.ledger.append_many(tx, batch)
        assert desk.ledger.append_many(tx, []) == []
    desk.ledger.integrate()
    found = desk.ledger.entries_since(0)
    assert [entry.id for entry in found] == ids
    assert [(one.clause, one.policy_version, one.actor) for one in found] == [
        (one.clause, one.policy_version, one.actor) for one in batch
    ]
    assert [(one.subject, one.shred_class) for one in found] == [
        (HANAKO, "identity"), (None, "instance"), (LENA, "contract"), (HANAKO, "identity"),
    ]  # fmt: skip
    assert [desk.ledger.body(one)["n"] for one in found] == [0, 1, 2, 3]
    assert seen == [1, 3]
    assert desk.ledger.verify() == []


def test_one_unfit_entry_keeps_the_whole_batch_out(desk):
    """A batch with an entry that cannot be written leaves nothing, even when its change goes on."""
    with desk.store.write() as tx, pytest.raises(ValueError, match="actor"):
        desk.ledger.append_many(tx, [told(0), told(1, actor="Hanako")])
    assert desk.ledger.health().pending == 0


def test_a_policy_version_is_at_most_eighty_characters(desk):
    """A name or hash of eighty characters is taken, one more is refused."""
    desk.append(policy_version="v" * 80)
    with pytest.raises(ValueError, match="short name"):
        desk.append(policy_version="v" * 81)
