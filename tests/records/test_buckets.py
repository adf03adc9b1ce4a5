"""The number of key buckets is chosen before a store is begun: many keep an erasure cheap, and none of them keeps anybody."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.clusters import in_files
from tests.records.crashing import WORDS
from tests.records.test_backup import restore
from tests.records.test_goals import Copy, plant, secrets_held
from tests.records.test_index_keys import confirmed, kept_rows
from upheld.records import fill, make_backup, store
from upheld.records.bucket import DEFAULT, EACH, MOST, BucketsError, fitting
from upheld.records.keyrows import bucket_aad, bucket_of


def write(folder, buckets):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keeping.toml").write_text(f"[keys]\nbuckets = {buckets}\n")


def keys_in(house, number):
    """What a bucket holds now: the key of keys, and the key of the index."""
    ring = house.held.ring
    root, _ = ring.rooted()
    with ring.store.read() as tx:
        wrapped = tx.execute(sa.select(store.key_bucket.c.wrapped).where(store.key_bucket.c.number == number)).scalar_one()
    both = ring.root.unwrap(root, wrapped, bucket_aad(number, root))
    return both[:32], both[32:]


@pytest.mark.slow
def test_with_the_most_buckets_an_erasure_leaves_nothing(tmp_path, open_house, hanako, lena):
    """65,536 buckets: no key held after an erasure and a change of the root opens what was kept of the person.

    Before the erasure the bucket's own key opens the person, and the neighbour is found to the end: so it is a real attempt.
    """
    folder = in_files(tmp_path / "house")
    write(folder, MOST)
    house = open_house(folder)
    assert house.held.ring.buckets == house.held.ring.counts()["key_bucket"] == MOST
    subject, (neighbour, _) = plant(house, hanako), house.collect(lena)
    make_backup(house.held, tmp_path / "kept", lambda: WORDS)
    old, rows = Copy(house, subject, tmp_path / "kept"), kept_rows(house)
    of_keys, _ = keys_in(house, bucket_of(subject, MOST))
    at = bucket_of(house.vault._people.tag("email", hanako["email"]), MOST)
    _, of_index = keys_in(house, at)
    assert {"dek identity", "dek marketing", "record", "relation", "body"} <= set(old.opened_with([of_keys]))
    assert confirmed(house, rows, hanako["email"], [of_index])

    house.erase(subject)
    house.held.rotations.rotate()
    held = secrets_held(house)
    assert len(held) > 2 * MOST
    assert {of_keys, of_index}.isdisjoint(held)  # nothing else opens what lay under them
    assert old.opened_with(held[: -2 * MOST]) == {}  # root, meta keys and keys of people
    assert not confirmed(house, rows, hanako["email"], keys_in(house, at))
    assert confirmed(house, rows, lena["email"], keys_in(house, bucket_of(house.vault._people.tag("email", lena["email"]), MOST)))
    assert house.fields_of(neighbour) == [lena]
    house.close()


def test_a_backup_keeps_the_number_of_buckets(tmp_path, open_house, hanako, lena):
    """Restored into a folder that says nothing of buckets, the keys lie where they lay; who was erased stays away."""
    write(tmp_path / "house", 2 * DEFAULT)
    house = open_house(tmp_path / "house")
    subject, _ = house.collect(hanako)
    house.collect(lena)
    make_backup(house.held, tmp_path / "kept", lambda: WORDS)
    house.erase(subject)
    house.held.rotations.rotate()
    again, done = restore(open_house, house, tmp_path / "kept", keys=tmp_path / "house" / "copies" / "a")
    assert (again.held.ring.buckets, done.replayed) == (2 * DEFAULT, 1)
    assert again.vault.find("email", hanako["email"]) is None
    assert again.fields_of(again.vault.find("email", lena["email"])) == [lena]
    again.close()
    house.close()


def test_a_number_that_the_store_does_not_have_is_refused_with_both_numbers(tmp_path, open_house, hanako):
    """A figure changed later, or a store that lost a bucket, opens nothing and says what to write; put right, all is there."""
    folder = tmp_path / "house"
    write(folder, 16)
    house = open_house(folder)
    subject, _ = house.collect(hanako)
    source = tmp_path / "kept"
    make_backup(house.held, source, lambda: WORDS)
    house.close()
    write(folder, 32)
    with pytest.raises(BucketsError, match=r"begun with 16 buckets, and `keeping.toml` says 32") as caught:
        house.open()
    (told,) = caught.value.diagnostics()
    assert (told.code, "`keeping.toml`, or take the line out" in told.next) == ("key_buckets", True)
    write(tmp_path / "again", 32)
    with pytest.raises(BucketsError, match="16 buckets"):
        fill(source, tmp_path / "again", house.clock, house.ids, root=folder / "root", journal=folder / "journal")
    assert not (tmp_path / "again" / "restoring.json").exists()
    write(folder, 16)
    house.open()
    assert house.fields_of(subject) == [hanako]
    house.sql("DELETE FROM key_bucket WHERE number = 3", store="keys")
    house.close()
    (folder / "keeping.toml").unlink()
    with pytest.raises(BucketsError, match="says that it has 16 buckets, and has 15"):
        house.open()


@pytest.mark.parametrize("buckets", [0, 3, 4097, 2 * MOST])
def test_a_number_that_is_no_power_of_two_begins_nothing(tmp_path, open_house, buckets):
    """The folder stays as it was, so that the figure can still be put right."""
    write(tmp_path / "house", buckets)
    with pytest.raises(BucketsError, match="power of two up to 65,536"):
        open_house(tmp_path / "house")
    write(tmp_path / "house", 2)
    made = open_house(tmp_path / "house")
    assert made.held.ring.buckets == 2
    made.close()


@given(st.integers(0, 10_000_000))
def test_as_many_buckets_as_fit_the_people_and_no_more(people):
    """A power of two, never fewer than without a choice; twice as few would be too few."""
    number = fitting(people)
    assert DEFAULT <= number <= MOST
    assert number & (number - 1) == 0
    assert number * EACH >= people or number == MOST
    assert number == DEFAULT or number // 2 * EACH < people
