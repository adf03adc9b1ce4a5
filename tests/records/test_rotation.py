"""Changing the root: nothing living is lost, everything older is noise, and a crash after any step is mended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from upheld.db import b64
from upheld.records import RootError
from upheld.records.rotation import KeysBackupError, RotationRunningError
from upheld.records.sealed import check, sealed_in

STEPS = [
    "rotate.k1", "rotate.noted", "rotate.k2", "rotate.sealed", "rotate.copied", "rotate.k3", "rotate.k4",
    "rotate.journal", "rotate.k5", "rotate.done",
]  # fmt: skip


def kinds(house):
    house.ledger.integrate()
    return [entry.kind.name for entry in house.ledger.entries_since(0)]


def targets(house):
    return [house.folder / "copies" / name for name in ("a", "b")]


def act(house, *argv, crash_at=""):
    """Run an act in a process of its own; gives how it ended."""
    env = {**os.environ, "UPHELD_CRASH_AT": crash_at}
    script = Path(__file__).with_name("crashing.py")
    done = subprocess.run([sys.executable, str(script), str(house.folder), *argv], env=env, capture_output=True)
    assert done.returncode in {0, 137}, done.stderr.decode()
    return done.returncode


def test_a_change_of_the_root_keeps_the_living_and_seals_the_erased(house, hanako, lena):
    """The living open as before; the old root is gone; the erasure gets its second date and its entry."""
    subject, _ = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    erased = house.erase(subject)
    house.clock.advance(hours=1)
    before, _ = house.held.ring.rooted()
    done = house.held.rotations.rotate()
    assert (done.old, done.new, done.copies) == (before, "root-2", 2)
    assert house.held.ring.root.list() == ["root-2"]
    assert house.held.ring.rooted() == ("root-2", house.clock.now())
    assert house.fields_of(neighbour) == [lena]
    with house.data.read() as tx:
        assert house.vault.erasure(tx, erased.id).backups_unreadable_at == done.effective_at == house.clock.now()
    assert kinds(house)[-3:] == ["keys.backup_verified", "keys.rotated", "erase.sealed"]
    told = house.ledger.body(house.ledger.entries_since(0)[-1])
    assert told["erasure"] == b64(erased.id)
    line = house.held.journal.lines()[-1]
    assert (line.root, line.seq, line.hash()) == (before, 2, told["line"])
    assert house.ledger.verify() == []
    house.close()
    house.open()
    assert house.fields_of(neighbour) == [lena]
    assert house.vault.find("email", lena["email"]) == neighbour


def test_an_erasure_after_the_change_waits_for_the_next(house, hanako, lena):
    """Only what was erased before the keys were wrapped anew is sealed by this change."""
    first, _ = house.collect(hanako)
    house.erase(first)
    house.held.rotations.rotate()
    second, _ = house.collect(lena)
    later = house.erase(second)
    with house.data.read() as tx:
        assert house.vault.erasure(tx, later.id).backups_unreadable_at is None
    assert house.held.rotations.status().waiting == 1
    house.held.rotations.rotate()
    assert house.held.rotations.status().waiting == 0
    assert kinds(house).count("erase.sealed") == 2


def test_the_status_says_when_the_next_change_is_due(house, hanako):
    """Thirty days when all is quiet, twenty-four hours while an erasure waits."""
    now = house.held.rotations.status()
    assert (now.root, now.since, now.waiting, now.verified_at) == ("root-1", house.clock.now(), 0, None)
    assert (now.due - now.since).days == 30
    subject, _ = house.collect(hanako)
    house.erase(subject)
    now = house.held.rotations.status()
    assert (now.waiting, (now.due - now.since).total_seconds()) == (1, 86_400)
    assert not house.held.rotations.is_due()
    house.clock.advance(hours=24)
    assert house.held.rotations.is_due()
    house.held.rotations.rotate()
    now = house.held.rotations.status()
    assert (now.root, now.copies, now.verified_at) == ("root-2", 2, house.clock.now())
    assert not house.held.rotations.is_due()


def test_sealed_copies_are_in_two_places_and_only_under_the_living_root(house, hanako):
    """Each place holds one copy that opens whole; copies under older roots are deleted."""
    house.collect(hanako)
    house.held.rotations.rotate()
    house.held.rotations.rotate()
    for folder in targets(house):
        (copy,) = sealed_in(folder)
        assert copy.root == "root-3"
        seen = check(copy, house.held.ring.root)
        assert seen.counts["key_dek"] == 2
        assert seen.counts["key_bucket"] == 4096
        assert {path.name for path in folder.iterdir()} == {copy.file.name, copy.note.name}
        assert copy.file.stat().st_mode & 0o077 == 0
    first, second = (sealed_in(folder)[0].file.read_bytes() for folder in targets(house))
    assert first == second


def test_sealed_copies_follow_within_an_hour(house, hanako, lena):
    """A first copy is written at once, another only when keys came or went and an hour has passed; one stays in each place."""
    rotations = house.held.rotations
    subject, _ = house.collect(hanako)
    assert rotations.refresh()
    assert not rotations.refresh()
    house.clock.advance(hours=2)
    assert not rotations.refresh()
    house.collect(lena)
    assert rotations.refresh()
    house.erase(subject)
    assert not rotations.refresh()
    house.clock.advance(hours=1)
    assert rotations.refresh()
    for folder in targets(house):
        (copy,) = sealed_in(folder)
        assert copy.made_at == house.clock.now()
        assert check(copy, house.held.ring.root).counts["key_dek"] == 2
        assert len(list(folder.iterdir())) == 2
    assert kinds(house).count("keys.backup_verified") == 3
    assert rotations.status().verified_at == house.clock.now()


def test_while_a_copy_cannot_be_kept_the_old_root_stays(house, hanako):
    """A place that cannot be written stops the change before anything is destroyed; it goes on once it can."""
    subject, _ = house.collect(hanako)
    house.erase(subject)
    (house.folder / "copies").mkdir(exist_ok=True)
    (house.folder / "copies" / "b").write_text("in the way")
    with pytest.raises(KeysBackupError) as caught:
        house.held.rotations.rotate()
    assert caught.value.diagnostics()[0].code == "keys_backup_overdue"
    assert house.held.ring.root.list() == ["root-1", "root-2"]
    assert house.held.rotations.status().under_way
    assert house.held.rotations.status().waiting == 1
    house.close()
    house.open()
    assert house.held.ring.root.list() == ["root-1", "root-2"]
    (house.folder / "copies" / "b").unlink()
    house.held.rotations.resume()
    assert house.held.ring.root.list() == ["root-2"]
    assert house.held.rotations.status().waiting == 0


def test_a_copy_that_lacks_a_key_is_no_copy(house, hanako, monkeypatch):
    """The living record that is opened with each copy finds a copy without its key."""
    from upheld.records import sealed
    from upheld.records.dump import BackupUnreadableError

    house.collect(hanako)
    whole = sealed.rows_in

    def lacking(lines, name):
        return (row for row in whole(lines, name) if row[0] != "key_dek")

    monkeypatch.setattr(sealed, "rows_in", lacking)
    with pytest.raises(BackupUnreadableError):
        house.held.rotations.seal()


@pytest.mark.parametrize("step", STEPS)
def test_a_change_cut_off_after_any_step_is_finished_at_the_next_start(house, hanako, lena, step):
    """Whichever step the process died after, the next start ends with one root, one entry and a sealed erasure."""
    subject, _ = house.collect(hanako)
    neighbour, _ = house.collect(lena)
    erased = house.erase(subject)
    house.close()
    assert act(house, "rotate", crash_at=step) == 137
    house.open()
    assert house.held.ring.root.list() == ["root-2"]
    assert house.held.ring.rooted()[0] == "root-2"
    assert house.held.rotations.resume() is None
    assert house.fields_of(neighbour) == [lena]
    with house.data.read() as tx:
        assert house.vault.erasure(tx, erased.id).backups_unreadable_at is not None
    told = kinds(house)
    assert [told.count(kind) for kind in ("keys.backup_verified", "keys.rotated", "erase.sealed")] == [1, 1, 1]
    assert len(house.held.journal.lines()) == 2
    assert [len(sealed_in(folder)) >= 1 for folder in targets(house)] == [True, True]
    assert house.ledger.verify() == []


def test_another_process_goes_on_with_the_new_root(house, hanako, lena):
    """A process that had the keys open before the change reads and writes after it without being told."""
    subject, _ = house.collect(hanako)
    assert act(house, "rotate") == 0
    assert house.fields_of(subject) == [hanako]
    neighbour, _ = house.collect(lena)
    assert house.fields_of(neighbour) == [lena]
    assert house.vault.find("phone", lena["phone"]) == neighbour
    with pytest.raises(RootError):
        house.held.ring.root.unwrap("root-1", bytes(60), b"")


def test_two_changes_at_once_are_one_after_the_other(house, hanako):
    """While one process changes the root another is told so; afterwards it may."""
    house.collect(hanako)
    rotations = house.held.rotations
    inside, go = threading.Event(), threading.Event()
    seal = rotations.seal

    def slowly():
        inside.set()
        go.wait(timeout=20)
        return seal()

    rotations.seal = slowly
    thread = threading.Thread(target=rotations.rotate)
    thread.start()
    assert inside.wait(timeout=20)
    with pytest.raises(RotationRunningError):
        rotations.rotate()
    go.set()
    thread.join(timeout=30)
    rotations.seal = seal
    assert rotations.rotate().new == "root-3"
