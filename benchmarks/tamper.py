"""G8: what it costs that nobody can change the ledger unseen.

The same work twice: statements of known persons through the writer, with gate, standing and kept answer, each with its
audit in the same commit; once a plain insert, once the ledger with sealed body, tree and signed checkpoint. Beside it the
same without any work around it: bare rows of consent. No goal is set for those, they show what an entry itself costs.
"""

from __future__ import annotations

import hashlib
import math
import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.engines import Engine, engines
from benchmarks.harness import Taken, clocked, in_pairs, settle
from benchmarks.result import Check, Goal, Part, ratio_part
from upheld.amendment.actions import publish
from upheld.app import open_house
from upheld.basis.actions import stating
from upheld.db import FixedClock, Ids, Insert, canonical, later
from upheld.ledger import EntryId, Event, NewEntry
from upheld.ledger.leaves import placed
from upheld.ledger.rules import leaf_bytes
from upheld.ledger.tree import Frontier, TileTree, grow_tiles, leaf_hash, leaf_hashes, verify_inclusion
from upheld.notice import House
from upheld.records import Holdings, open_holdings

PEOPLE = 20
POLICY = Path(__file__).parent.parent / "policies" / "primenumber"
_TWO = "hashes a CPU second, two for each leaf (its own and a node's), against the rate of SHA-256 over the same leaves"
_CONSENT = """CREATE TABLE bench_consent (id {b} PRIMARY KEY, subject {b} NOT NULL, purpose TEXT NOT NULL,
 state TEXT NOT NULL, notice TEXT NOT NULL, proof TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL)"""
_AUDIT = """CREATE TABLE bench_audit (id {b} PRIMARY KEY, kind TEXT NOT NULL, clause TEXT NOT NULL,
 version TEXT NOT NULL, actor TEXT NOT NULL, subject {b}, body TEXT NOT NULL)"""
_INDICES = (
    "CREATE INDEX bench_consent_by ON bench_consent (subject, purpose, at)",
    "CREATE INDEX bench_audit_by ON bench_audit (subject)",
)


class Desk:
    """A fresh house with people in it, and the two tables of the plain work."""

    def __init__(self, engine: Engine) -> None:
        """Begin the house and make the keys of its people."""
        clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
        self.ids = Ids(clock)
        folder = engine.data_folder()
        self.held: Holdings = open_holdings(folder, clock, self.ids)
        self.people = [self.held.vault.subject_for({"user_id": f"u{n}"}) for n in range(PEOPLE)]
        self.mark = "%s" if engine.name == "PostgreSQL" else "?"
        kind = "BYTEA" if engine.name == "PostgreSQL" else "BLOB"
        with self.held.data.write() as tx:
            for text in (_CONSENT.format(b=kind), _AUDIT.format(b=kind), *_INDICES):
                tx.exec_driver_sql(text)
        engine.flush()
        settle(folder)

    def rows(self, count: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[NewEntry]]:
        """Bind rows of consent, plain audit lines and ledger entries that say the same."""
        dice, consents, lines, entries = random.Random(1), [], [], []
        for _ in range(count):
            subject, body = dice.choice(self.people), {"purpose": "announce", "state": "given", "how": "api", "text": "9f86d081"}
            proof = hashlib.sha256(subject).hexdigest()
            consents.append((self.ids.uuid7(), subject, "announce", "given", "2026-11-01", proof, "192.0.2.1", 1))
            told = ("consent.given", "basis.consent", "2026-11-01", "self")
            lines.append((self.ids.uuid7(), *told, subject, canonical(body).decode()))
            entries.append(NewEntry(*told, body, subject))
        return consents, lines, entries

    def insert(self, tx: sa.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows by the driver, as fast as it can."""
        tx.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join([self.mark] * len(rows[0]))})", rows)


class PlainAudit:
    """Stands in for the ledger's writing: one audit line an entry, in clear, with everything that an entry tells."""

    def __init__(self, house: House) -> None:
        """Make the table, and take the place of the house's own ledger."""
        self._projectors = house.ledger._projectors  # noqa: SLF001 - the same rooms must be told of the same act
        self._ids = house.ids
        blob, text = sa.LargeBinary, sa.Text
        table = sa.Table(
            "bench_audit", sa.MetaData(), sa.Column("id", blob, primary_key=True),
            *(sa.Column(name, text, nullable=False) for name in ("kind", "clause", "version", "actor")),
            sa.Column("subject", blob, index=True), sa.Column("body", text, nullable=False),
        )  # fmt: skip
        with house.store.write() as tx:
            table.create(tx)
        self._insert = Insert(table)
        house.ledger.append_many = self.append_many  # type: ignore[method-assign]

    def append_many(self, tx: sa.Connection, entries: Sequence[NewEntry]) -> list[EntryId]:
        """Write the lines and tell the projectors, as the ledger does."""
        made = []
        for one in entries:
            entry_id, told = EntryId(self._ids.uuid7()), dict(one.body)
            words = one.kind, one.clause, one.policy_version, one.actor
            later(tx, self._insert, (entry_id, *words, one.subject, canonical(told).decode()))
            for projector in self._projectors.get(one.kind, ()):
                projector(tx, Event(entry_id, *words, one.subject, told))
            made.append(entry_id)
        return made


def _acts(engine: Engine, together: bool, count: int, pairs: int) -> Part:
    """Let known persons refuse one purpose after the other: one commit each, or as many in one as wait."""

    def run(kind: str) -> Taken:
        folder, clock = engine.data_folder(), FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
        house = open_house(folder, clock, Ids(clock))
        publish(house, POLICY)
        purposes = sorted(house.in_force().policy.purposes)
        people = [house.vault.subject_for({"user_id": f"u{n}"}) for n in range(-(-count // len(purposes)))]
        if kind == "plain":
            PlainAudit(house)
        else:
            house.ledger.integrate()
        before = house.ledger.health().size
        pairs_ = [(person, purpose) for purpose in purposes for person in people][:count]
        told = [stating(house, *one, "refuse", how="api", idempotency_key=str(n)) for n, one in enumerate(pairs_)]
        engine.flush()
        settle(folder)

        def work() -> None:
            for one in told[:-1]:
                (house.writer.note if together else house.writer.run)(one)
            house.writer.run(told[-1])
            if kind == "ours":
                house.ledger.integrate()

        taken = clocked(work, engine.servers)
        placed = house.ledger.health().size - before
        if placed != (count if kind == "ours" else 0) or (kind == "ours" and house.ledger.verify()):
            raise SystemExit("G8: the ledger is not whole, which voids the timing")
        house.close()
        engine.clear()
        return taken

    paired = in_pairs(lambda: run("plain"), lambda: run("ours"), pairs)
    name = "statements, as many a commit as wait" if together else "statements, one a commit"
    return ratio_part(name, engine.name, paired, wall=1.15)


def _bare(engine: Engine, batch: int, count: int, pairs: int) -> Part:
    def run(kind: str) -> Taken:
        desk = Desk(engine)
        consents, lines, entries = desk.rows(count)

        def work() -> None:
            for at in range(0, count, batch):
                part = slice(at, at + batch)
                with desk.held.data.write() as tx:
                    desk.insert(tx, "bench_consent", consents[part])
                    if kind == "plain":
                        desk.insert(tx, "bench_audit", lines[part])
                    else:
                        desk.held.ledger.append_many(tx, entries[part])
            if kind == "ours":
                desk.held.ledger.integrate()

        taken = clocked(work, engine.servers)
        if kind == "ours" and (desk.held.ledger.verify() or desk.held.ledger.health().size != count):
            raise SystemExit("G8: the ledger is not whole, which voids the timing")
        desk.held.close()
        engine.clear()
        return taken

    paired = in_pairs(lambda: run("plain"), lambda: run("ours"), pairs)
    note = f"wall × {paired.wall:.2f}, CPU × {paired.cpu:.2f}; no goal: nothing is gated or kept here but the row itself"
    return ratio_part(f"bare row with its audit, {batch} a commit", engine.name, paired, note=note)


def _leaves(count: int) -> list[bytes]:
    """Make leaves of the length that the product's have."""
    dice = random.Random(1)
    words = ("consent.given", "basis.consent", "2026-11-01", "self")
    return [leaf_bytes(dice.randbytes(16), *words, dice.randbytes(32)) for _ in range(count)]


def _tree(count: int, pairs: int) -> list[Part]:
    leaves = _leaves(count)

    def hashed() -> None:
        for leaf in leaves:
            hashlib.sha256(leaf).digest()

    def appended() -> None:
        tree = Frontier()
        for leaf in leaves:
            tree.add(leaf_hash(leaf))

    def placed() -> None:
        grow_tiles(0, leaf_hashes(leaves), lambda _level, _number: b"")

    append = in_pairs(lambda: clocked(hashed), lambda: clocked(appended), pairs)
    rebuild = in_pairs(lambda: clocked(hashed), lambda: clocked(placed), pairs)
    least = Check("share of the hash rate", 2 / rebuild.cpu, 0.5, least=True)
    return [
        ratio_part("append a leaf, against one SHA-256 of it", "-", append, cpu=5),
        ratio_part("rebuild the tree", "-", rebuild, more=(least,), note=_TWO),
        *_proofs(leaves, pairs),
    ]


def _proofs(leaves: list[bytes], pairs: int) -> list[Part]:
    """Prove and verify leaves; a minimal verifier on hashlib is the floor."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tiles = grow_tiles(0, b"".join(hashes), lambda _level, _number: b"")
    tree = TileTree(lambda level, number: tiles.get((level, number), b""), len(leaves))
    root, size = tree.root(), len(leaves)
    some = random.Random(2).sample(range(size), min(1000, size))
    proofs = [(n, tree.inclusion(n, size)) for n in some]
    longest = max(32 * len(proof) for _, proof in proofs)

    def floor() -> None:
        for n, proof in proofs:
            if _minimal(hashes[n], n, size, proof) != root:
                raise SystemExit("G8: a proof does not hold, which voids the timing")

    def ours() -> None:
        for n, proof in proofs:
            if not verify_inclusion(hashes[n], n, size, proof, root):
                raise SystemExit("G8: a proof does not hold, which voids the timing")

    paired = in_pairs(lambda: clocked(floor), lambda: clocked(ours), pairs)
    changed = bytearray(hashes[some[0]])
    missed = 0
    for bit in range(256):
        changed[bit // 8] ^= 1 << bit % 8
        missed += verify_inclusion(bytes(changed), *proofs[0][:1], size, proofs[0][1], root)
        changed[bit // 8] ^= 1 << bit % 8
    return [
        ratio_part("verify a proof, against a minimal verifier", "-", paired, cpu=2, more=(
            Check("bytes of a proof", longest, 32 * math.ceil(math.log2(size))), Check("flipped bits not found", missed, 0),
        )),
    ]  # fmt: skip


def _minimal(result: bytes, n: int, size: int, proof: list[bytes]) -> bytes:
    """Walk a proof up to the root, as the text of RFC 9162 says it, and nothing else."""
    sha, last = hashlib.sha256, size - 1
    for step in proof:
        if n & 1 or n == last:
            result = sha(b"\x01" + step + result).digest()
            while not n & 1 and n:
                n, last = n >> 1, last >> 1
        else:
            result = sha(b"\x01" + result + step).digest()
        n, last = n >> 1, last >> 1
    return result


def _walk(engine: Engine, count: int) -> list[Part]:
    """Verify a whole stored ledger: leaves, tree and signatures; then once more with every body there to be opened."""
    desk = Desk(engine)
    _, _, entries = desk.rows(count)
    for at in range(0, count, 500):
        with desk.held.data.write() as tx:
            desk.held.ledger.append_many(tx, entries[at : at + 500])
    desk.held.ledger.integrate()
    with desk.held.data.read() as tx:
        leaves = [leaf for _, leaf in placed(tx)]

    def hashed() -> None:
        for leaf in leaves:
            hashlib.sha256(leaf).digest()

    def verified() -> None:
        if desk.held.ledger.verify():
            raise SystemExit("G8: the ledger is not whole, which voids the timing")

    opened = in_pairs(lambda: clocked(hashed), lambda: clocked(verified, engine.servers), 5)
    with desk.held.data.write() as tx:
        for subject in desk.people:
            desk.held.ledger.drop_bodies(tx, subject)
    bare = in_pairs(lambda: clocked(hashed), lambda: clocked(verified, engine.servers), 5)
    desk.held.close()
    engine.clear()
    rate = statistics.median(count / mine.cpu for _, mine in opened.pairs)
    least = Check("share of the hash rate", 2 / bare.cpu, 0.5, least=True)
    return [
        ratio_part("verify the stored ledger", engine.name, bare, more=(least,), note=_TWO),
        ratio_part("and open every body", engine.name, opened, note=f"{rate:,.0f} entries a CPU second; no goal"),
    ]


def measure(*, quick: bool) -> Goal:
    """Measure overhead on both engines, then tree, proofs and the walk over a stored ledger."""
    parts: list[Part] = []
    with engines() as both:
        for engine in both:
            parts += [_acts(engine, False, 300 if quick else 2_000, 5), _acts(engine, True, 2_000 if quick else 4_000, 5)]
            parts += [_bare(engine, 1, 300 if quick else 2_000, 5), _bare(engine, 100, 5_000 if quick else 20_000, 5)]
        parts += _tree(20_000 if quick else 200_000, 5)
        for engine in both:
            parts += _walk(engine, 10_000 if quick else 50_000)
    return Goal("G8", tuple(parts))
