"""Where a tag stands in the index: a copy of the keys store from before an erasure tells nobody whose address was in it."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from tests.clusters import kept_bytes
from tests.records.crashing import WORDS
from tests.records.test_goals import Copy, secrets_held
from upheld.records import make_backup, store
from upheld.records.bucket import Bucket
from upheld.records.keyrows import bucket_of

GUESSED = "hanako@example.co.jp"


def kept_rows(house):
    """Every place of the index, as a raw copy of the keys store holds it."""
    return {bytes(place) for (place,) in house.sql("SELECT place FROM key_tag", store="keys")}


def confirmed(house, rows, guess, secrets):
    """Whether a guess is found in kept rows: its tag by the index root held today, placed by every key that is held."""
    tag = house.vault._people.tag("email", guess)
    number = bucket_of(tag, house.held.ring.buckets)
    return any(Bucket(number, bytes(32) + key).place(tag) in rows for key in secrets)


def index_keys(house):
    with house.held.ring.store.read() as tx:
        return dict(tx.execute(sa.select(store.key_bucket.c.number, store.key_bucket.c.wrapped)).all())


def test_a_raw_copy_from_before_cannot_confirm_an_address_that_was_erased(house, hanako, lena, tmp_path):
    """Keys file copied, person erased, root changed: no key held today, nor one it leads to, finds the address in the copy.

    Before the erasure the same attempt finds it, and the neighbour's address is found to the end: so it is a real one.
    """
    subject, _ = house.collect(hanako)
    house.collect(lena)
    make_backup(house.held, tmp_path / "kept", lambda: WORDS)
    rows, copy = kept_rows(house), Copy(house, subject, tmp_path / "kept")
    assert confirmed(house, rows, GUESSED, secrets_held(house))
    house.erase(subject)
    house.held.rotations.rotate()
    held = secrets_held(house)
    assert copy.opened_with(held) == {}
    assert not confirmed(house, rows, GUESSED, held)
    assert confirmed(house, rows, lena["email"], held)
    assert house.vault.suppressed("email", GUESSED)
    assert house.vault.find("email", lena["email"]) is not None


def test_a_contract_s_number_is_as_hard_to_confirm_as_an_address(house, hanako, lena):
    """The data store holds nothing to try a number on; in a raw copy of the keys an erased person's number is not found."""
    one, other = house.collect(hanako)[0], house.collect(lena)[0]
    with house.data.write() as tx:
        for subject, number in ((one, "C-2026-1"), (other, "C-2026-2")):
            house.vault.relation_open(tx, subject, "contract", number, date(2026, 4, 1))
    tags = {number: house.vault._people.tag("relation.contract", number) for number in ("C-2026-1", "C-2026-2")}
    assert not any(tag in content for tag in tags.values() for content in kept_bytes(house.data).values())
    rows = kept_rows(house)

    def found(number):
        tag = tags[number]
        return any(Bucket(bucket_of(tag, 4096), bytes(32) + key).place(tag) in rows for key in secrets_held(house))

    assert found("C-2026-1")
    house.erase(one)
    house.held.rotations.rotate()
    assert (found("C-2026-1"), found("C-2026-2")) == (False, True)
    with house.data.read() as tx:
        assert [rel.subject for rel in house.vault.relations_with(tx, "contract", "C-2026-2")] == [other]
        assert house.vault.relations_with(tx, "contract", "C-2026-1") == []


def test_whoever_shares_the_bucket_stays_findable(house, hanako):
    """An erasure moves the tags of everybody in the bucket; each is found where the new key puts them."""
    subject, _ = house.collect(hanako)
    number = bucket_of(house.vault._people.tag("email", GUESSED), house.held.ring.buckets)
    beside = []
    for n in range(20_000):
        address = f"person{n}@example.com"
        if bucket_of(house.vault._people.tag("email", address), house.held.ring.buckets) == number:
            beside.append((address, house.collect({"email": address})[0]))
    assert len(beside) > 1
    before = kept_rows(house)
    house.erase(subject)
    assert all(house.vault.find("email", address) == one for address, one in beside)
    assert not before & kept_rows(house)
    assert house.collect({"email": beside[0][0]})[0] == beside[0][1]


def test_only_the_buckets_of_the_erased_get_new_keys(house, hanako):
    """One bucket for the person's keys and one for each identifier; a class alone leaves the index where it is."""
    subject, _ = house.collect(hanako)
    house.collect(hanako, situation="contract", shred_class="contract")
    tags = [house.vault._people.tag(kind, hanako[kind]) for kind in ("email", "phone")]
    first, places = index_keys(house), kept_rows(house)
    house.erase(subject, ["contract"])
    second = index_keys(house)
    assert {n for n in first if first[n] != second[n]} == {bucket_of(subject, 4096)}
    assert kept_rows(house) == places
    house.erase(subject)
    third = index_keys(house)
    assert {n for n in second if second[n] != third[n]} == {bucket_of(one, 4096) for one in (subject, *tags)}


def test_another_process_finds_a_person_whose_bucket_was_given_a_new_key_meanwhile(house, open_house, hanako):
    """Whoever remembers the old key of a bucket looks again under the new one, and never makes a second person."""
    number = bucket_of(house.vault._people.tag("email", GUESSED), house.held.ring.buckets)
    tag_of = house.vault._people.tag
    address = next(
        one
        for one in (f"person{n}@example.com" for n in range(200_000))
        if bucket_of(tag_of("email", one), house.held.ring.buckets) == number
    )
    neighbour, _ = house.collect({"email": address})
    other = open_house(house.folder)
    try:
        assert other.vault.find("email", address) == neighbour
        subject, _ = house.collect(hanako)
        house.erase(subject)
        assert other.vault.find("email", address) == neighbour
        assert other.collect({"email": address})[0] == neighbour
    finally:
        other.close()
