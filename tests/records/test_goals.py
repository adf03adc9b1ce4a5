"""What the vault is for: after an erasure every secret still held opens nothing; a thief of the data finds nobody."""

from __future__ import annotations

import base64
import hashlib
from datetime import date

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.clusters import Cluster
from tests.records.crashing import WORDS
from tests.records.test_rotation import kinds
from tests.records.test_vault import found_in
from upheld.db import lp
from upheld.ledger import store as ledger_store
from upheld.records import make_backup, store
from upheld.records.cipher import DataKey, bound, derive
from upheld.records.keyrows import bucket_aad, bucket_of, dek_aad, meta_aad
from upheld.records.sealed import read_note

PURPOSE = {"clause": "basis.consent", "policy_version": "1", "actor": "self"}


class Copy:
    """Everything about one person that lay in both stores and in a backup at one time, as whoever kept it has it."""

    def __init__(self, house, subject, folder):
        ring = house.held.ring
        self.subject, self.tenant = subject, ring.tenant
        self.root, _ = ring.rooted()
        self.number = bucket_of(subject, ring.buckets)
        with ring.store.read() as tx:
            bucket = sa.select(store.key_bucket.c.wrapped).where(store.key_bucket.c.number == self.number)
            self.bucket = tx.execute(bucket).scalar_one()
            self.meta = tx.execute(sa.select(store.key_meta)).all()
            self.deks = tx.execute(sa.select(store.key_dek).where(store.key_dek.c.subject == subject)).all()
        with house.data.read() as tx:
            self.records = house.vault.records_of(tx, subject)
            self.relations = tx.execute(sa.select(store.relation).where(store.relation.c.subject == subject)).all()
            bodies = sa.select(ledger_store.body).where(ledger_store.body.c.subject == subject)
            self.bodies = tx.execute(bodies).all()
        self.sealed = read_note(folder / "keys.age")

    def leads(self):
        """Every wrapped key that would lead to the person, with what its wrap is bound to."""
        yield "bucket", self.bucket, bucket_aad(self.number, self.root)
        for row in self.meta:
            yield f"meta {row.name}", row.wrapped, meta_aad(row.name, self.root)
        for row in self.deks:
            yield f"dek {row.shred_class}", row.wrapped, dek_aad(self.tenant, self.subject, row.shred_class)
        yield "backup", self.sealed.identity, lp("keys-backup", "keys", self.root)

    def values(self):
        """Everything sealed about the person: (name, sealed bytes, bound data, cipher of a key)."""

        def record(key):
            return AESGCM(derive(key, "record"))

        for one in self.records:
            place = (one.id, "record", one.situation, one.policy_version)
            yield "record", one.sealed, bound(self.tenant, self.subject, *place), record
        for one in self.relations:
            aad = bound(self.tenant, self.subject, one.id, "relation.outside")
            yield "relation", one.outside_sealed, aad, record

    def opened_with(self, secrets):
        """Try every secret on everything, and every key so found on everything again; gives what opened."""
        pool, tried, found = set(secrets), set(), {}
        while new := pool - tried:
            for name, wrapped, aad in self.leads():
                for secret in new:
                    if (plain := tried_open(AESGCM(secret), wrapped, aad)) is not None:
                        found[name] = plain
                        pool |= halves(plain)
            for name, sealed, aad, cipher in self.values():
                for secret in new:
                    if (plain := tried_open(cipher(secret), sealed, aad)) is not None:
                        found[name] = plain
            for row in self.bodies:
                for secret in new:
                    cipher, _, nonce = DataKey(secret).body(row.entry)
                    aad = bound(self.tenant, self.subject, row.entry, "ledger.body")
                    try:
                        found["body"] = cipher.decrypt(nonce, row.sealed, aad)
                    except InvalidTag:
                        continue
            tried |= new
        return found


def halves(plain):
    """The keys in what a wrap held: a bucket's two are wrapped as one."""
    return {plain[at : at + 32] for at in range(0, len(plain), 32)} if len(plain) in {32, 64} else set()


def tried_open(cipher, sealed, aad):
    try:
        return cipher.decrypt(sealed[1:13], sealed[13:], aad)
    except InvalidTag:
        return None


def secrets_held(house):
    """Every secret a host holds: the root, and every key in the keys store, unwrapped."""
    ring = house.held.ring
    held = [path.read_bytes() for path in (house.folder / "root").glob("root-*.key")]
    root, _ = ring.rooted()
    with ring.store.read() as tx:
        buckets = {
            row.number: ring.root.unwrap(root, row.wrapped, bucket_aad(row.number, root))
            for row in tx.execute(sa.select(store.key_bucket))
        }
        metas = tx.execute(sa.select(store.key_meta)).all()
        held += [ring.root.unwrap(root, row.wrapped, meta_aad(row.name, root)) for row in metas]
        for row in tx.execute(sa.select(store.key_dek)):
            cipher = AESGCM(buckets[bucket_of(row.subject, ring.buckets)][:32])
            held.append(tried_open(cipher, row.wrapped, dek_aad(ring.tenant, row.subject, row.shred_class)))
    return [*held, *(key for both in buckets.values() for key in (both[:32], both[32:]))]


def plant(house, hanako):
    """A person with records in two classes, a contract, a consent, and two entries of the ledger."""
    subject, _ = house.collect({**hanako, "inquiry": "見積をお願いします"})
    house.collect({"email": hanako["email"], "name": hanako["name"]}, situation="contract", shred_class="contract")
    with house.data.write() as tx:
        house.vault.relation_open(tx, subject, "contract", "C-2026-HANAKO", date(2026, 4, 1))
        house.ledger.append(tx, "consent.given", subject=subject, body={"purpose": "announce"}, **PURPOSE)
    return subject


def test_backups_of_before_and_every_secret_still_held_give_nothing_of_the_person(house, hanako, lena):
    """V1. Both stores, raw and as a backup, kept from before the erasure; every key held after it; nothing opens.

    The same attempt before the change of the root opens the sealed keys, and with the old root it opens everything:
    so it is a real attempt.
    """
    subject = plant(house, hanako)
    neighbour, _ = house.collect(lena)
    folder = house.folder.with_name("kept")
    make_backup(house.held, folder, lambda: WORDS)
    old, lenas = Copy(house, subject, folder), Copy(house, neighbour, folder)
    before = secrets_held(house)
    everything = {"bucket", "backup", "dek identity", "dek marketing", "dek contract", "record", "relation", "body"}
    assert everything <= set(old.opened_with(before))
    house.erase(subject)
    assert "backup" in old.opened_with(secrets_held(house))
    house.held.rotations.rotate()
    assert kinds(house)[-1] == "erase.sealed"
    held = secrets_held(house)
    assert len(held) > 2 * 4096
    assert old.opened_with(held) == {}
    assert {"record", "body"} <= set(lenas.opened_with(held))


GUESSES = ("hanako@example.co.jp", "lena@example.de", "+81312345678", "C-2026-HANAKO", "田中 花子")


def digests(value):
    """A guess as a careless design would store it."""
    for name in ("md5", "sha1", "sha256"):
        for text in (value, value.casefold(), f"nf1|email|{value}", f"nf1|phone|{value}"):
            raw = hashlib.new(name, text.encode()).digest()
            yield from (raw[:16], raw.hex()[:32].encode(), base64.b64encode(raw)[:20])


def test_a_thief_of_the_data_finds_nobody_and_confirms_no_guess(open_house, tmp_path, engine, hanako, lena):
    """V2. Every file of the data store, its log included, holds no planted value in any spelling and no hash of a guess.

    On PostgreSQL that is the whole folder of the data cluster; the keys lie in a cluster of their own.
    """
    clusters = [Cluster().start(), Cluster().start()] if engine == "postgresql" else []
    folder = tmp_path / "house"
    folder.mkdir()
    if clusters:
        data, keys = (one.database() for one in clusters)
        (folder / "stores.toml").write_text(f'data = "{data}"\nkeys = "{keys}"\n')
    house = open_house(folder)
    try:
        subject = plant(house, hanako)
        house.collect({**lena, "inquiry": "Bitte um ein Angebot"})
        house.ledger.integrate()
        house.erase(subject)
        places = [one.data for one in clusters] or [folder / "data", folder / "keys"]
        for one, where in zip(clusters, (house.data, house.held.ring.store), strict=False):
            with where.engine.connect() as tx:
                tx.exec_driver_sql("CHECKPOINT")
            assert any((one.data / "pg_wal").iterdir())
        planted = [*hanako.values(), *lena.values(), "見積をお願いします", "Bitte um ein Angebot", "C-2026-HANAKO"]
        for place in places:
            content = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
            assert found_in({str(place): content}, planted) == []
            assert len(content) > 100_000
            assert [guess for guess in GUESSES if any(one in content for one in digests(guess))] == []
    finally:
        house.close()
        for one in clusters:
            one.stop()
