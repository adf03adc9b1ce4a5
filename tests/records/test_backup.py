"""Backup and restore: what comes back is whole, and nobody comes back who was erased."""

from __future__ import annotations

import json
import shutil
import tracemalloc

import pytest
import sqlalchemy as sa

from tests.clusters import fresh_schema
from tests.records.crashing import WORDS
from tests.records.test_rotation import act, kinds, targets
from upheld.db import Store, data_metadata
from upheld.records import (
    BackupThereError,
    BackupUnreadableError,
    JournalGapError,
    RestoreThereError,
    RestoreUnfinishedError,
    RootGoneError,
    fill,
    finish,
    make_backup,
    open_holdings,
    store,
)
from upheld.records.dump import dump, load


def back_up(house, name="one"):
    out = house.folder.with_name(f"backup-{name}")
    make_backup(house.held, out, lambda: WORDS)
    return out


def restore(open_house, house, source, name="again", *, reason="", **more):
    """Restore into a new folder with root and journal of the old one, and open it."""
    target = house.folder.with_name(name)
    more.setdefault("journal", house.folder / "journal")
    more.setdefault("root", house.folder / "root")
    manifest = fill(source, target, house.clock, house.ids, accept_gap=bool(reason), **more)
    held = open_holdings(target, house.clock, house.ids, restoring=True)
    done = finish(held, target, manifest, WORDS, reason)
    held.close()
    made = open_house(target, seed=7)
    made.clock.set(house.clock.now())
    return made, done


def test_a_restored_house_goes_on_where_the_backup_was(house, open_house, hanako, lena):
    """Records open, people are found, the old log verifies and a new one goes on from it under the next origin."""
    subject, _ = house.collect(hanako)
    house.ledger.integrate()
    source = back_up(house)
    assert kinds(house)[-1] == "backup.made"
    house.collect(lena)
    house.ledger.integrate()
    again, done = restore(open_house, house, source)
    assert again.fields_of(subject) == [hanako]
    assert again.vault.find("email", hanako["email"]) == subject
    assert again.vault.find("email", lena["email"]) is None
    assert (done.lines, done.replayed, done.gap) == (0, 0, False)
    assert done.origin == "example.com/upheld/ledger/2"
    assert kinds(again) == ["collect.accepted", "ledger.restored", "restore.replayed"]
    restored = again.ledger.body(again.ledger.entries_since(1)[0])
    assert restored["restored_size"] == 1
    assert restored["known"].startswith("example.com/upheld/ledger/1\n3\n")
    assert again.ledger.verify() == []
    neighbour, _ = again.collect(lena)
    assert again.fields_of(neighbour) == [lena]
    again.ledger.integrate()
    assert again.ledger.verify() == []
    again.close()


def test_no_restored_backup_serves_an_erased_person(house, open_house, hanako):
    """Each of the last backups, made before and between erasures and changes of the root, comes back without them."""
    living, _ = house.collect(hanako)
    people = {f"p{n}@example.com": house.collect({"email": f"p{n}@example.com"})[0] for n in range(4)}
    sources = []
    for n, (address, subject) in enumerate(people.items()):
        sources.append(back_up(house, str(n)))
        house.clock.advance(hours=1)
        house.erase(subject)
        if n == 1:
            house.held.rotations.rotate()
        assert house.vault.suppressed("email", address)
    for n, source in enumerate(sources):
        newer = {"keys": targets(house)[0]} if n < 2 else {}
        if newer:
            with pytest.raises(RootGoneError):
                restore(open_house, house, source, f"refused-{n}")
        again, done = restore(open_house, house, source, f"again-{n}", **newer)
        assert (done.lines, done.replayed) == (5, 4 - n)
        for address, subject in people.items():
            assert again.fields_of(subject) == []
            assert again.vault.find("email", address) is None
            assert again.vault.suppressed("email", address)
            assert again.held.ring.data_key(subject, "identity") is None
            assert again.ledger.about(subject) == []
        assert again.fields_of(living) == [hanako]
        assert again.ledger.verify() == []
        told = [one for one in again.ledger.entries_since(0) if one.kind.name == "restore.replayed"]
        assert again.ledger.body(told[-1])["replayed"] == 4 - n
        again.close()


@pytest.mark.parametrize("damage", ["missing", "shorter", "changed"])
def test_without_the_whole_journal_nothing_is_restored(house, open_house, hanako, lena, damage):
    """A journal that is missing, shorter or another's stops the restore before anything is written."""
    for fields in (hanako, lena):
        house.erase(house.collect(fields)[0])
    source = back_up(house)
    for name in ("a", "b"):
        path = house.folder / "journal" / name / "erasure.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(lines[0] if damage == "shorter" else lines[0].replace(b"T03", b"T04") + lines[1])
    with pytest.raises(JournalGapError) as caught:
        restore(open_house, house, source)
    assert caught.value.diagnostics()[0].code == "journal_gap"
    assert not (house.folder.with_name("again") / "restoring.json").exists()
    reason = "both disks of the journal were lost; approved by the officer"
    again, done = restore(open_house, house, source, reason=reason)
    assert done.gap
    told = again.ledger.body(again.ledger.entries_since(0)[-1])
    assert (told["gap"], told["reason"]) == (True, reason)
    assert len(again.held.journal.erasures()) == 2
    again.close()
    again.open()
    assert again.vault.find("email", hanako["email"]) is None
    again.close()


@pytest.mark.parametrize("part", ["data.jsonl.gz", "keys.age", "keys.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_backup_that_is_not_whole_is_not_restored(house, open_house, hanako, part, damage):
    """One changed byte, or a missing part, and the folder stays empty."""
    house.collect(hanako)
    source = back_up(house)
    path = source / part
    if damage == "missing":
        path.unlink()
    else:
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    with pytest.raises((BackupUnreadableError, RootGoneError)):
        restore(open_house, house, source)
    assert not (house.folder.with_name("again") / "restoring.json").exists()


def test_a_restore_writes_over_nobody(house, open_house, hanako):
    """A folder that holds data is refused, and so is a second backup into one folder."""
    subject, _ = house.collect(hanako)
    source = back_up(house)
    with pytest.raises(RestoreThereError):
        fill(source, house.folder, house.clock, house.ids)
    with pytest.raises(BackupThereError):
        make_backup(house.held, source, lambda: WORDS)
    assert house.fields_of(subject) == [hanako]


def test_keys_older_than_the_data_are_refused(house, open_house, hanako, lena):
    """They might lack the key of a record, and they might hold one that was destroyed."""
    house.collect(hanako)
    first = back_up(house, "first")
    house.clock.advance(hours=1)
    house.collect(lena)
    with pytest.raises(BackupUnreadableError):
        restore(open_house, house, back_up(house, "second"), keys=first / "keys.age")


def test_what_a_person_gave_again_after_a_partial_erasure_comes_back(house, open_house, hanako):
    """Carrying out an old line again does not touch what was taken under the same class afterwards."""
    subject, _ = house.collect(hanako)
    house.collect({"email": hanako["email"]}, situation="contract", shred_class="contract")
    house.erase(subject, ["marketing"])
    house.collect({**hanako, "inquiry": "again"})
    again, done = restore(open_house, house, back_up(house))
    assert done.replayed == 0
    assert again.fields_of(subject) == [{"email": hanako["email"]}, {**hanako, "inquiry": "again"}]
    again.close()


def test_a_class_erased_after_the_backup_goes_again(house, open_house, hanako):
    """Only the class of the line goes; the rest of the person is served."""
    subject, _ = house.collect(hanako)
    house.collect({"email": hanako["email"]}, situation="contract", shred_class="contract")
    source = back_up(house)
    house.erase(subject, ["marketing"])
    again, done = restore(open_house, house, source)
    assert done.replayed == 1
    assert again.fields_of(subject) == [{"email": hanako["email"]}]
    again.close()


def test_a_backup_goes_from_one_engine_to_the_other(house, open_house, engine, hanako, monkeypatch):
    """What was taken on SQLite opens on PostgreSQL, and back; numbers that the engine gives out go on."""
    from upheld.records import assembly

    subject, _ = house.collect(hanako)
    house.ledger.integrate()
    source = back_up(house)
    target = house.folder.with_name("other")
    target.mkdir()
    if engine == "sqlite":
        (target / "stores.toml").write_text(f'data = "{fresh_schema()}"\nkeys = "{fresh_schema()}"\n')
    else:
        here = assembly.places_of
        files = assembly.Places(target / "data" / "data.db", target / "keys" / "keys.db")
        monkeypatch.setattr(assembly, "places_of", lambda folder: files if folder == target else here(folder))
    again, _ = restore(open_house, house, source, "other")
    assert again.data.dialect != house.data.dialect
    assert again.fields_of(subject) == [hanako]
    again.collect({"email": "new@example.com"}, situation="another_situation")
    again.ledger.integrate()
    assert again.ledger.verify() == []
    again.close()


BACKING = ["backup.data", "backup.keys", "backup.manifest"]
RESTORING = ["restore.begun", "restore.data", "restore.keys", "restore.replayed", "restore.forked", "restore.done"]


@pytest.mark.parametrize("step", BACKING)
def test_a_backup_cut_off_is_no_backup_and_is_made_anew(house, open_house, hanako, step):
    """Without its manifest a folder is refused; the next run into the same folder makes it whole."""
    subject, _ = house.collect(hanako)
    house.close()
    out = house.folder.with_name("cut")
    assert act(house, "backup", str(out), crash_at=step) == 137
    house.open()
    if step != "backup.manifest":
        with pytest.raises(BackupUnreadableError):
            restore(open_house, house, out, "refused")
        make_backup(house.held, out, lambda: WORDS)
    again, _ = restore(open_house, house, out)
    assert again.fields_of(subject) == [hanako]
    again.close()


@pytest.mark.parametrize("step", RESTORING)
def test_a_restore_cut_off_serves_nothing_and_begins_anew(house, open_house, hanako, lena, step):
    """Whichever step it died after, the folder does not open until a restore went through."""
    subject, _ = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    source = back_up(house)
    house.erase(subject)
    target = house.folder.with_name("cut")
    for part in ("root", "journal"):
        shutil.copytree(house.folder / part, target / part)
    here, house.folder = house.folder, target
    open_house_before = (target / "stores.toml").exists()
    from upheld.records.assembly import places_of

    places_of(target)  # on PostgreSQL this names two fresh schemas
    assert act(house, "restore", str(source), crash_at=step) == 137
    house.folder = here
    assert not open_house_before
    if step != "restore.done":
        with pytest.raises(RestoreUnfinishedError):
            open_holdings(target, house.clock, house.ids)
        again, done = restore(open_house, house, source, "cut")
        assert done.replayed == 1
    else:
        again = open_house(target, seed=7)
    assert again.fields_of(neighbour) == [lena]
    assert again.fields_of(subject) == []
    assert again.vault.suppressed("email", hanako["email"])
    assert again.ledger.verify() == []
    again.close()


def test_memory_does_not_grow_with_the_store(house, tmp_path):
    """Forty thousand rows go out and in with less than twelve megabytes at any time."""
    rows = [{"id": n.to_bytes(16, "big"), "state": "live", "generation": 1} for n in range(40_000)]
    with house.data.write() as tx:
        tx.execute(sa.insert(store.subject), rows)
    del rows
    out, counts = tmp_path / "dump", {}
    other = Store(tmp_path / "other" / "data.db", data_metadata)
    tracemalloc.start()
    with out.open("wb") as file:
        for piece in dump(house.data, counts):
            file.write(piece)

    def pieces():
        with out.open("rb") as file:
            while piece := file.read(65536):
                yield piece

    loaded = load(other, pieces())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    other.close()
    assert loaded.counts == counts
    assert counts["subject"] == 40_000
    assert peak < 12_000_000


def test_the_manifest_names_no_person(house, hanako):
    """Counts, hashes and the state of ledger and journal: nothing of anybody stands beside the sealed parts."""
    subject, _ = house.collect(hanako)
    source = back_up(house)
    told = json.loads((source / "manifest.json").read_text("utf-8"))
    assert told["data"]["rows"]["record"] == 1
    assert set(told) == {"format", "made_at", "schema", "data", "keys", "ledger", "journal", "check"}
    for path in source.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert subject not in path.read_bytes()
