"""Erasure: fenced at once, gone from the living stores, finished after any crash."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import date

import pytest
import sqlalchemy as sa

from tests.clusters import copied, in_files, kept_bytes
from upheld.db import Ids, b64
from upheld.ledger import BodyErasedError, verify_receipt
from upheld.records import (
    JournalGapError,
    KeyGoneError,
    SubjectErasedError,
    SubjectErasingError,
    keycache,
    open_holdings,
)
from upheld.records.keyring import EPOCH_SECONDS

WORDS = {"clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}


def rows_about(house, subject):
    """Where a subject's number still stands, by table."""
    found = {}
    for store, name in ((house.data, "data"), (house.held.ring.store, "keys")):
        for table in store.metadata.tables.values():
            for column in (one for one in table.c if isinstance(one.type, sa.LargeBinary)):
                with store.read() as tx:
                    count = tx.execute(sa.select(sa.func.count()).where(column == subject)).scalar()
                if count:
                    found[f"{name}.{table.name}.{column.name}"] = count
    return found


def test_after_an_erasure_nothing_living_answers(house, hanako, lena):
    """The person is found nowhere; only a random number, its state and the proof of the erasure remain."""
    subject, record = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    with house.data.write() as tx:
        house.vault.relation_open(tx, subject, "contract", "C-1", date(2026, 4, 1))
        house.vault.set_standing(tx, subject, "announce", "given", b"e" * 16)
        house.vault.mark_start(tx, subject, "last_contact", house.clock.now())
    house.clock.advance(hours=1)
    done = house.erase(subject)
    assert (done.step, done.total, done.live_erased_at) == ("live", True, house.clock.now())
    assert done.backups_unreadable_at is None
    assert done.counts == {"records": 1, "relations": 1, "standings": 1, "bodies": 2}
    assert set(rows_about(house, subject)) == {"data.subject.id", "data.erasure.subject"}
    assert house.vault.find("email", hanako["email"]) is None
    assert house.fields_of(subject) == []
    assert house.ledger.about(subject) == []
    assert house.fields_of(neighbour) == [lena]
    with house.data.read() as tx:
        assert house.vault.subject(tx, subject).state == "erased"
        assert house.vault.erasures(tx, subject) == [done]
    assert record
    house.ledger.integrate()
    assert house.ledger.verify() == []


def test_the_ledger_tells_of_the_erasure_without_the_person(house, hanako):
    """`erase.fenced` dies with the person's key; `erase.live` names the journal line, not the person."""
    subject, _ = house.collect(hanako)
    house.erase(subject)
    house.ledger.integrate()
    fenced, live = house.ledger.entries_since(1)
    assert (fenced.kind.name, live.kind.name) == ("erase.fenced", "erase.live")
    with pytest.raises(BodyErasedError):
        house.ledger.body(fenced)
    told = house.ledger.body(live)
    (line,) = house.held.journal.lines()
    assert (told["journal"], told["line"], told["records"]) == (1, line.hash(), 1)
    assert b64(subject) not in str(told)
    assert line.subject == subject
    assert len(line.tags) == 2


def test_a_receipt_taken_before_still_proves(house, hanako):
    """What the person kept can still be checked, while the operator cannot open it any more."""
    subject, _ = house.collect(hanako)
    house.ledger.integrate()
    (entry,) = house.ledger.about(subject)
    receipt = house.ledger.receipt(entry.id)
    house.erase(subject)
    house.ledger.integrate()
    assert verify_receipt(receipt, house.ledger.vkey).body["situation"] == "event"
    with pytest.raises(BodyErasedError):
        house.ledger.receipt(entry.id)


def test_an_old_copy_of_the_data_opens_nothing_with_todays_keys(house, hanako, lena, tmp_path):
    """A backup of the data store made before the erasure, with every key held after it, yields nothing of the person."""
    subject, record = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    house.ledger.integrate()
    (entry,) = house.ledger.about(subject)
    backup = copied(house.data, tmp_path / "backup")
    house.erase(subject)
    house.vault.data = backup
    with backup.read() as tx:
        with pytest.raises(KeyGoneError):
            house.vault.open_fields(tx, house.vault.record(tx, record))
        (lenas,) = house.vault.records_of(tx, neighbour)
        assert house.vault.open_fields(tx, lenas) == lena
        with pytest.raises(BodyErasedError):
            house.ledger.body(entry.id, tx=tx)
    backup.close()


def test_keys_leave_the_file_and_its_log(house, hanako):
    """The wrapped keys, the tags of the index and the old bucket key stand in no file of the keys store."""
    subject, _ = house.collect(hanako)
    bucket = int.from_bytes(subject[:2], "big") >> 4
    keys = [row[0] for row in house.sql("SELECT wrapped FROM key_dek WHERE subject = ?", subject, store="keys")]
    keys += [row[0] for row in house.sql("SELECT place FROM key_tag", store="keys")]
    keys += [row[0] for row in house.sql("SELECT wrapped FROM key_bucket WHERE number = ?", bucket, store="keys")]
    sealed = [row[0] for row in house.sql("SELECT sealed FROM record", store="data")]
    assert len(keys) == 5
    house.erase(subject)
    for store, values in ((house.held.ring.store, keys), (house.data, sealed)):
        assert store.tidy(whole=True)
        for content in kept_bytes(store).values():
            assert not any(value[-16:] in content for value in values)


def test_a_fenced_person_is_read_and_written_by_nobody(house, hanako):
    """From the fence on every reader and writer is refused, except the workflow that must still reach services."""
    subject, record_id = house.collect(hanako)
    with house.data.read() as tx:
        record = house.vault.record(tx, record_id)
    with house.data.write() as tx:
        begun = house.vault.fence(tx, subject, reason="request", **WORDS)
        assert house.vault.fence(tx, subject, reason="request", **WORDS) == begun
    with house.data.read() as tx:
        with pytest.raises(SubjectErasingError) as caught:
            house.vault.open_fields(tx, record)
        assert not caught.value.diagnostics()[0].permanent
        assert house.vault.records_of(tx, subject) == []
        assert house.vault.records_of(tx, subject, erasure=begun.id) == [record]
        assert house.vault.open_fields(tx, record, erasure=begun.id) == hanako
        with pytest.raises(SubjectErasingError):
            house.vault.open_fields(tx, record, erasure=b"x" * 16)
    with pytest.raises(SubjectErasingError):
        house.collect(hanako)
    house.close()
    house.open()
    with house.data.read() as tx:
        assert house.vault.erasure(tx, begun.id).step == "fenced"
    assert [one.id for one in house.vault.resume_erasures()] == [begun.id]
    assert house.vault.complete(begun.id).step == "live"
    assert house.vault.complete(begun.id).step == "live"
    with house.data.read() as tx, pytest.raises(SubjectErasedError):
        house.vault.open_fields(tx, record, erasure=begun.id)
    with pytest.raises(SubjectErasedError):
        house.erase(subject)


def test_an_erased_person_may_begin_anew(house, hanako):
    """Their own new act makes a new subject; an import is told that the address is suppressed."""
    subject, _ = house.collect(hanako)
    assert not house.vault.suppressed("email", hanako["email"])
    house.erase(subject)
    assert house.vault.suppressed("email", " HANAKO@example.co.jp")
    assert house.vault.suppressed("phone", "03-1234-5678", region="JP")
    assert not house.vault.suppressed("email", "lena@example.de")
    assert not house.vault.suppressed("email", "no address")
    again, _ = house.collect(hanako)
    assert again != subject
    assert house.fields_of(again) == [hanako]


def test_one_class_goes_and_the_one_under_a_duty_stays(house, hanako):
    """Erasing marketing leaves the contract readable; what stays is still found by the address."""
    subject, _ = house.collect(hanako)
    house.collect({"email": hanako["email"], "name": "田中 花子"}, situation="contract", shred_class="contract")
    with house.data.write() as tx:
        marketing = {"clause": "basis", "policy_version": "1", "actor": "self"}
        entry = house.ledger.append(
            tx, "consent.given", subject=subject, body={"purpose": "announce"}, seal="marketing", **marketing
        )
    done = house.erase(subject, ["marketing"])
    assert (done.total, done.classes, done.counts["records"]) == (False, ("marketing",), 1)
    assert house.fields_of(subject) == [{"email": hanako["email"], "name": "田中 花子"}]
    assert house.vault.find("email", hanako["email"]) == subject
    with pytest.raises(BodyErasedError):
        house.ledger.body(entry)
    assert not house.vault.suppressed("email", hanako["email"])
    assert house.erase(subject, ["contract"]).total
    assert house.vault.find("email", hanako["email"]) is None
    assert [line.classes for line in house.held.journal.lines()] == [("marketing",), ()]


def test_a_kept_proof_keeps_the_person_until_it_goes(house, hanako):
    """While a ledger body under a class of its own is kept as proof, the person is not wholly erased."""
    subject, _ = house.collect(hanako)
    with house.data.write() as tx:
        entry = house.ledger.append(
            tx, "consent.given", subject=subject, body={"purpose": "announce"}, seal="proof", **WORDS
        )
    assert not house.erase(subject, ["marketing"]).total
    assert house.fields_of(subject) == []
    assert house.ledger.body(entry)["purpose"] == "announce"
    assert house.erase(subject).total
    with pytest.raises(BodyErasedError):
        house.ledger.body(entry)


def test_single_records_go_and_their_class_with_the_last(house, hanako):
    """Retention takes single records; the key of a class is destroyed with its last record, the person with the last class."""
    subject, first = house.collect(hanako)
    _, second = house.collect(hanako, situation="materials")
    _, third = house.collect(hanako, situation="contract", shred_class="contract")
    shred = dict(WORDS, reason="retention", clause="retention.ceiling")
    with house.data.write() as tx:
        gone = house.vault.shred_records(tx, subject, [first, b"unknown" + bytes(9)], **shred)
    assert (gone.deleted, gone.erasure) == (1, None)
    assert len(house.fields_of(subject)) == 2
    with house.data.write() as tx:
        gone = house.vault.shred_records(tx, subject, [second], **shred)
    assert gone.erasure.classes == ("marketing",)
    house.vault.complete(gone.erasure.id)
    classes = house.sql("SELECT class FROM key_dek WHERE subject = ? ORDER BY class", subject, store="keys")
    assert [row[0] for row in classes] == ["contract", "identity"]
    assert len(house.fields_of(subject)) == 1
    with house.data.write() as tx:
        gone = house.vault.shred_records(tx, subject, [third], **shred)
    assert house.vault.complete(gone.erasure.id).total
    assert house.vault.find("email", hanako["email"]) is None


def test_higher_rooms_delete_their_rows_in_the_same_transaction(house, hanako):
    """A room above is told inside the deleting transaction; when it fails the erasure stays unfinished and is resumed."""
    subject, _ = house.collect(hanako)
    told, fail = [], [True]

    def hook(tx, subjects):
        if fail[0]:
            raise ZeroDivisionError
        told.extend(subjects)

    house.vault.on_erased(hook)
    with pytest.raises(ZeroDivisionError):
        house.erase(subject)
    fail[0] = False
    house.vault.resume_erasures()
    assert told == [subject]
    assert house.fields_of(subject) == []


def test_a_reason_is_a_code(house, hanako):
    """Free text, which could name a person, is refused as a reason."""
    subject, _ = house.collect(hanako)
    with house.data.write() as tx, pytest.raises(ValueError):
        house.vault.fence(tx, subject, reason="Hanako asked by mail", **WORDS)


def test_another_process_forgets_the_key(house, hanako, lena):
    """A second process with the key in its cache cannot open the record once it must ask again what is alive.

    It reads from a state of the store that still has the record: only the key stands between.
    """
    subject, record_id = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    other = open_holdings(house.folder, house.clock, house.ids)
    with other.data.read() as tx:
        record = other.vault.record(tx, record_id)
        assert other.vault.open_fields(tx, record) == hanako
        house.erase(subject)
        time.sleep(max(EPOCH_SECONDS.values()))
        with pytest.raises(KeyGoneError):
            other.vault.open_fields(tx, record)
        (lenas,) = other.vault.records_of(tx, neighbour)
        assert other.vault.open_fields(tx, lenas) == lena
    with other.data.read() as tx, pytest.raises(SubjectErasedError):
        other.vault.open_fields(tx, record)
    other.close()


def test_unwrapped_keys_are_kept_a_minute(house, hanako):
    """A key in memory is asked for again after sixty seconds."""
    subject, _ = house.collect(hanako)
    first = house.held.ring.data_key(subject, "marketing")
    assert house.held.ring.data_key(subject, "marketing") is first
    house.clock.advance(seconds=keycache.SECONDS)
    assert house.held.ring.data_key(subject, "marketing") is not first


def test_keys_without_data_are_swept_after_a_day(house, hanako):
    """A key left by a crash between keys and data goes after a day, unless the person comes back or has data."""
    lost = house.vault.subject_for({"email": "lost@example.com"}, classes=["marketing"])
    back = house.vault.subject_for({"email": "back@example.com"}, classes=["marketing"])
    known, _ = house.collect(hanako)
    house.held.ring.ensure(known, ["contract"])
    assert house.vault.orphan_sweep() == 0
    house.clock.advance(hours=20)
    assert house.vault.subject_for({"email": "back@example.com"}) == back
    house.clock.advance(hours=4)
    assert house.vault.orphan_sweep() == 1
    assert house.held.ring.data_key(known, "contract") is not None, "another process may be about to seal with it"
    assert house.vault.find("email", "lost@example.com") is None
    assert house.vault.find("email", "back@example.com") == back
    assert house.fields_of(known) == [hanako]
    assert house.vault.subject_for({"email": "lost@example.com"}) != lost
    assert not house.vault.suppressed("email", "lost@example.com")


CRASHING = """
import random, sys
from datetime import UTC, datetime
from pathlib import Path
from upheld.db import FixedClock, Ids, unb64
from upheld.records import open_holdings
clock = FixedClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
held = open_holdings(Path(sys.argv[1]), clock, Ids(clock))
words = {"clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}
if sys.argv[2] == "collect":
    held.vault.subject_for({"email": "new@example.com"}, classes=["marketing"])
elif sys.argv[2] == "integrate":
    held.ledger.integrate()
else:
    held.vault.erase_all([unb64(one) for one in sys.argv[2].split()], reason="request", **words)
"""


def crash(house, what, step):
    """Run the act in a process of its own that ends without warning after the step."""
    env = {**os.environ, "UPHELD_CRASH_AT": step}
    argv = [sys.executable, "-c", CRASHING, str(house.folder), what]
    done = subprocess.run(argv, env=env, capture_output=True, check=False)
    assert done.returncode == 137, done.stderr.decode()


@pytest.mark.parametrize("step", ["erase.fence", "erase.journal", "erase.index", "erase.keys", "erase.rows"])
def test_an_erasure_cut_off_after_any_step_is_finished_at_the_next_start(house, hanako, lena, step):
    """Whichever step the process died after, the next start ends in the same state with one journal line."""
    subject, _ = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    house.close()
    crash(house, b64(subject), step)
    house.open()
    assert set(rows_about(house, subject)) == {"data.subject.id", "data.erasure.subject"}
    assert house.vault.suppressed("email", hanako["email"])
    assert house.vault.find("email", hanako["email"]) is None
    assert len(house.held.journal.lines()) == 1
    assert house.fields_of(neighbour) == [lena]
    house.ledger.integrate()
    kinds = [entry.kind.name for entry in house.ledger.entries_since(0)]
    assert (kinds.count("erase.fenced"), kinds.count("erase.live")) == (1, 1)
    assert house.ledger.verify() == []


@pytest.mark.parametrize("step", ["erase.fence", "erase.journal", "erase.index", "erase.keys", "erase.rows"])
def test_many_erasures_cut_off_after_any_step_are_all_finished(house, hanako, lena, step):
    """People erased together have a line each, in one chain, and whoever stays is whole; also where one copy missed them all."""
    people = [{**hanako, "email": f"p{n}@example.com", "phone": f"+8131234{n:04d}"} for n in range(12)]
    subjects = [house.collect(one)[0] for one in people]
    neighbour, _ = house.collect(lena)
    house.close()
    crash(house, " ".join(map(b64, subjects)), step)
    (house.folder / "journal" / "b" / "erasure.jsonl").write_bytes(b"")
    house.open()
    assert [line.subject for line in house.held.journal.erasures()] == subjects
    for subject, one in zip(subjects, people, strict=True):
        assert set(rows_about(house, subject)) == {"data.subject.id", "data.erasure.subject"}
        assert house.vault.suppressed("email", one["email"])
        assert house.vault.find("email", one["email"]) is None
    assert house.fields_of(neighbour) == [lena]
    house.ledger.integrate()
    kinds = [entry.kind.name for entry in house.ledger.entries_since(0)]
    assert (kinds.count("erase.fenced"), kinds.count("erase.live")) == (12, 12)
    assert house.ledger.verify() == []


def test_of_many_one_who_is_gone_lets_nobody_be_begun(house, hanako, lena):
    """Where one of many was erased before, that is said and no erasure of the others is begun."""
    gone, stays = house.collect(hanako)[0], house.collect(lena)[0]
    house.erase(gone)
    with pytest.raises(SubjectErasedError):
        house.vault.erase_all([stays, gone], reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights")
    assert house.fields_of(stays) == [lena]


def test_a_process_cut_off_between_keys_and_data_leaves_no_half_person(house):
    """The key alone is found again by the next act of the same person."""
    house.close()
    crash(house, "collect", "collect.keys")
    house.open()
    lone = house.vault.find("email", "new@example.com")
    assert lone is not None
    with house.data.read() as tx:
        assert house.vault.subject(tx, lone) is None
    assert house.collect({"email": "new@example.com"})[0] == lone


@pytest.mark.parametrize("step", ["ledger.integrate", "ledger.sign"])
def test_an_integration_cut_off_is_taken_up_again(house, hanako, step):
    """Positions given before the cut stay, the checkpoint is signed at the next round."""
    house.collect(hanako)
    house.close()
    crash(house, "integrate", step)
    house.open()
    assert house.ledger.integrate() == 0
    assert house.ledger.checkpoint().size == 1
    assert house.ledger.verify() == []


def test_a_killed_process_leaves_the_files_sound(open_house, tmp_path, hanako):
    """SQLite itself finds both files sound after the cut."""
    house = open_house(in_files(tmp_path / "house"))
    subject, _ = house.collect(hanako)
    house.close()
    crash(house, b64(subject), "erase.keys")
    for name in ("data", "keys"):
        connection = sqlite3.connect(house.folder / name / f"{name}.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    house.open().close()


def test_without_its_journal_the_house_does_not_open(house, hanako):
    """A missing or shortened journal stops the start: a restored backup might bring somebody back."""
    subject, _ = house.collect(hanako)
    house.erase(subject)
    house.close()
    shutil.rmtree(house.folder / "journal")
    with pytest.raises(JournalGapError):
        open_holdings(house.folder, house.clock, Ids(house.clock))
    shutil.rmtree(house.folder / "journal")
    house.folder = house.folder.with_name("fresh")
    house.open()
