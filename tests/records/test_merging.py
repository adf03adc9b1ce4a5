"""One person under two numbers: nothing is moved, each keeps its own keys, and every crash leaves it whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.records.crashing import WORDS
from upheld.records import MergeError, SubjectErasedError, fill, finish, make_backup, open_holdings

ONE = {"clause": "security.organisational", "policy_version": "1", "actor": "staff:1"}
OTHER = {**ONE, "actor": "staff:2"}


def merge(house, one, other):
    with house.data.write() as tx:
        made = house.vault.propose_merge(tx, one, other, reason="person_said", words=ONE)
    with house.data.write() as tx:
        house.vault.confirm_merge(tx, made.id, OTHER)


def members(house, subject):
    with house.data.read() as tx:
        return set(house.vault.members(tx, subject))


def code(act):
    with pytest.raises(MergeError) as caught:
        act()
    return caught.value.diagnostic.code


def raw(house):
    """Everything that is sealed, and the index, as it lies there."""
    sealed = house.sql("SELECT id, subject, sealed FROM record ORDER BY id")
    return [sealed, house.sql("SELECT subject, wrapped FROM key_dek ORDER BY subject, class", store="keys")]


def test_a_merge_rewrites_nothing_and_a_split_gives_each_its_own_again(house, hanako, lena):
    """Sealed bytes and keys are the same before, between and after; the generation rises, so that nothing decided before counts."""
    one, _ = house.collect(hanako)
    other, _ = house.collect(lena)
    before = raw(house)
    with house.data.read() as tx:
        first = house.vault.subject(tx, one).generation
    merge(house, one, other)
    assert (members(house, one), raw(house)) == ({one, other}, before)
    with house.data.write() as tx:
        assert house.vault.split(tx, other, ONE) == (one,)
    assert (members(house, one), members(house, other), raw(house)) == ({one}, {other}, before)
    with house.data.read() as tx:
        assert house.vault.subject(tx, one).generation == first + 2
    house.ledger.integrate()
    assert house.ledger.verify() == []


def test_a_third_number_joins_and_one_leaves(house, hanako, lena):
    """Whoever is merged with one of them is one with all; the one that is taken out leaves the others together."""
    subjects = [house.collect(fields)[0] for fields in (hanako, lena, {"email": "third@example.com"})]
    merge(house, *subjects[:2])
    merge(house, *subjects[1:])
    assert all(members(house, one) == set(subjects) for one in subjects)
    with house.data.write() as tx:
        house.vault.split(tx, subjects[0], ONE)
    assert (members(house, subjects[0]), members(house, subjects[1])) == ({subjects[0]}, set(subjects[1:]))


def test_a_phone_that_both_carry_finds_the_person(house, hanako, lena):
    """Shared between strangers a number finds nobody for sure; once both are one person it does."""
    one, _ = house.collect(hanako)
    other, _ = house.collect({**lena, "phone": hanako["phone"]})
    with pytest.raises(Exception, match="Several subjects"):
        house.vault.find("phone", hanako["phone"], region="JP")
    merge(house, one, other)
    assert house.vault.find("phone", hanako["phone"], region="JP") in {one, other}


def test_what_no_merge_is_has_a_code(house, hanako, lena):
    """Twice the same, one's own proposal, an unknown one, nobody to split from, an erased person."""
    one, _ = house.collect(hanako)
    other, _ = house.collect(lena)
    with house.data.write() as tx:
        made = house.vault.propose_merge(tx, one, other, reason="same_contract", words=ONE)
        assert house.vault.propose_merge(tx, other, one, reason="person_said", words=OTHER) == made
        assert code(lambda: house.vault.confirm_merge(tx, made.id, ONE)) == "merge_alone"
        assert code(lambda: house.vault.confirm_merge(tx, b"?" * 16, OTHER)) == "merge_unknown"
        assert code(lambda: house.vault.split(tx, one, ONE)) == "merge_none"
        house.vault.confirm_merge(tx, made.id, OTHER)
        assert code(lambda: house.vault.propose_merge(tx, one, other, reason="person_said", words=ONE)) == "merge_same"
        assert house.vault.proposals(tx) == []
    house.erase(other)
    assert members(house, one) == {one}
    with house.data.write() as tx, pytest.raises(SubjectErasedError):
        house.vault.propose_merge(tx, one, other, reason="person_said", words=ONE)


def test_a_restored_backup_knows_who_is_one_person(open_house, tmp_path, hanako, lena):
    """Merged when the backup was made, merged after it is put back; erased since, erased again."""
    house = open_house(tmp_path / "house")
    one, _ = house.collect(hanako)
    other, _ = house.collect(lena)
    third, _ = house.collect({"email": "third@example.com"})
    merge(house, one, other)
    merge(house, other, third)
    make_backup(house.held, tmp_path / "kept", lambda: WORDS)
    house.erase(third)
    target = tmp_path / "again"
    parts = {name: house.folder / name for name in ("root", "journal")}
    manifest = fill(tmp_path / "kept", target, house.clock, house.ids, **parts)
    house.close()
    held = open_holdings(target, house.clock, house.ids, restoring=True)
    finish(held, target, manifest, WORDS)
    held.close()
    again = open_house(target, seed=3)
    assert members(again, one) == {one, other}
    assert again.fields_of(third) == []
    again.close()


MERGING = """
import sys
import upheld.app
from datetime import UTC, datetime
from pathlib import Path
from upheld.db import FixedClock, Ids, crash_point, unb64
from upheld.records import open_holdings
clock = FixedClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
held = open_holdings(Path(sys.argv[1]), clock, Ids(clock))
words = {"clause": "security.organisational", "policy_version": "1", "actor": "staff:2"}
with held.data.write() as tx:
    (made,) = held.vault.proposals(tx)
    held.vault.confirm_merge(tx, made.id, words)
    crash_point("merge.written")
crash_point("merge.done")
"""


@pytest.mark.parametrize(("step", "one_person"), [("merge.written", False), ("merge.done", True)])
def test_a_merge_cut_off_is_whole_or_not_at_all(house, hanako, lena, step, one_person):
    """Before the commit nothing of it is there and the proposal waits; after it both are one person, with their entries."""
    one, _ = house.collect(hanako)
    other, _ = house.collect(lena)
    with house.data.write() as tx:
        house.vault.propose_merge(tx, one, other, reason="person_said", words=ONE)
    house.close()
    env = {**os.environ, "UPHELD_CRASH_AT": step}
    done = subprocess.run([sys.executable, "-c", MERGING, str(house.folder)], env=env, capture_output=True, check=False)
    assert done.returncode == 137, done.stderr.decode()
    house.open()
    assert (members(house, one) == {one, other}) is one_person
    with house.data.read() as tx:
        assert len(house.vault.proposals(tx)) == (not one_person)
    house.ledger.integrate()
    kinds = [entry.kind.name for entry in house.ledger.entries_since(0)]
    assert kinds.count("subject.merged") == (2 if one_person else 0)
    assert house.ledger.verify() == []
