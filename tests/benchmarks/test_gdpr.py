"""GDPRbench: the generators say what the specification says, the oracle is right, and floor and ours answer as it does."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from benchmarks.engines import Engine
from benchmarks.gdpr import run
from benchmarks.gdpr.operations import MIXES, Operation, dealt, fnv, generate, zipf
from benchmarks.gdpr.oracle import Model
from benchmarks.gdpr.ours import Ours, RefusedError
from benchmarks.gdpr.records import data_of, record_a, records_b, string_hash
from benchmarks.gdpr.run import Bench, Size
from upheld.db import Ids, SystemClock
from upheld.records import store

SMALL = Size(records=1000, operations=120, purposes=25)


@pytest.fixture(scope="module")
def bench():
    engine = Engine("SQLite")
    yield Bench(engine, SMALL)
    engine.clear()


def test_a_record_of_generator_a_follows_from_its_number_alone():
    """Record 10,007 has the attributes that the specification computes from the number, and a hundred characters of data."""
    one = record_a(10_007, 25)
    assert one[:10] == ("key10007", "purpose7", "22000", "user7", "obj7", "dec1", "acl7", "shr7", "src7", "cat7")
    assert len(one.data) == 100
    assert one.data.startswith("10007" + str(string_hash("10007")))


def test_the_string_hash_is_signed_and_of_32_bits():
    """The hash of known texts is the one every Java program gives."""
    assert [string_hash(text) for text in ("", "a", "hello", "polygenelubricants")] == [0, 97, 99162322, -2147483648]
    assert data_of(0).startswith("048")


def test_generator_b_is_many_valued_repeatable_and_holds_ten_records_a_person():
    """Purposes are one to four, objections and recipients at most three, and a seed gives the same records twice."""
    records = list(records_b(5_000))
    assert records == list(records_b(5_000))
    assert {len(one.pur) for one in records} == {1, 2, 3, 4}
    assert {len(one.obj) for one in records} == {len(one.shr) for one in records} == {0, 1, 2, 3}
    people = Counter(one.usr for one in records)
    assert 8 < len(records) / len(people) < 12
    most = Counter(purpose for one in records for purpose in one.pur).most_common()
    assert most[0][0] == "purpose0"
    assert most[0][1] > 3 * most[-1][1]


def test_ranks_are_skewed_and_keys_scattered():
    """The first rank is drawn most, as theta 0.99 over the domain says, and FNV scatters ranks over the keys."""
    dice = Random(1)
    drawn = Counter(zipf(dice) for _ in range(20_000))
    assert 0.03 < drawn[0] / 20_000 < 0.045
    assert max(drawn) > 10**8
    assert fnv(0) == abs(int.from_bytes((0xA8C7F832281A39C5).to_bytes(8, "big"), "big", signed=True))


@pytest.mark.parametrize(("mix", "role"), [(mix, role) for mix, roles in MIXES.items() for role in roles])
def test_mixes_have_their_shares_and_are_the_same_twice(mix, role):
    """Two thousand operations of a role are the same when generated again, in the shares of the mix, dealt without loss."""
    made = generate(role, mix, 1000, 2000, 25)
    assert made == generate(role, mix, 1000, 2000, 25)
    asked = sum(share for _, share in MIXES[mix][role])
    assert asked == 100
    inserts = sum(one.record is not None for one in made) / len(made)
    assert abs(inserts - dict(MIXES[mix][role]).get("insert", 0) / 100) < 0.04
    assert sorted(map(repr, made)) == sorted(repr(one) for part in dealt(made, 8) for one in part)


def test_the_oracle_moves_rows_between_people_and_forgets_the_deleted():
    """A record given to another user is found under the new one only; a deleted one is found by nobody."""
    model = Model([record_a(number, 25) for number in range(100)])
    assert model.do(Operation("change", "key=key7", "usr", "user8")) == [("1",)]
    assert model.do(Operation("read", "usr=user7", "purpose7")) == []
    assert [key for key, _ in model.do(Operation("read", "usr=user8", "purpose8"))] == ["key7", "key8"]
    assert model.do(Operation("delete", "key=key8")) == [("1",)]
    assert model.do(Operation("verify", "key=key8")) == [("0",)]
    assert model.touched == 1 + 0 + 2 + 1 + 0
    assert model.lines == 100 + 5


@pytest.mark.parametrize("role", MIXES["paper"])
def test_floor_and_ours_answer_every_operation_as_the_oracle(bench, role):
    """Each answer of both stores equals the oracle's, and the ledger has one entry for each act."""
    operations = generate(role, "paper", SMALL.records, SMALL.operations, SMALL.purposes)
    assert bench.check(role, operations) > 0


def test_the_oracle_notices_a_wrong_answer(bench, monkeypatch):
    """A store that leaves a row out is found out at once."""
    before = Ours.answer
    monkeypatch.setattr(Ours, "answer", lambda *parts: before(*parts)[1:])
    operations = generate("processor", "paper", SMALL.records, 20, SMALL.purposes)
    with pytest.raises(SystemExit, match="answered wrongly"):
        bench.check("processor", operations)


def test_ours_withholds_who_is_restricted_and_refuses_who_may_not(bench):
    """A restricted person's record is neither read nor changed, and a role without the purpose is refused."""
    parts, remove = bench.ours.fresh()
    user = next(iter(bench.ours.users))
    name = bench.ours.users[user]
    entry = Ids(SystemClock()).uuid7()
    with parts.held.data.write() as tx:
        values = {"purpose": "*#restricted", "subject": user, "state": "set", "generation": 1, "since": SystemClock().now()}
        tx.execute(store.standing.insert().values(entry_id=entry, **values))
    customer, processor = Ours(parts, "customer"), Ours(parts, "processor")
    key = f"key{name.removeprefix('user')}"
    assert customer.do(Operation("read", f"usr={name}", "purpose0")) == []
    assert customer.do(Operation("change", f"key={key}", "dec", "dec0")) == 0
    with pytest.raises(RefusedError):
        processor.do(Operation("change", f"key={key}", "dec", "dec0"))
    with pytest.raises(RefusedError):
        customer.do(Operation("logs", lines=1))
    customer.close()
    processor.close()
    remove()


def test_a_run_in_pairs_touches_the_rows_the_oracle_says(bench):
    """The timed run of both stores counts the same rows as the oracle, or it stops."""
    operations = generate("customer", "paper", SMALL.records, 40, SMALL.purposes)
    touched = bench.check("customer", operations)
    assert bench.pairs("customer", operations, 1, touched, 1).wall > 0
    with pytest.raises(SystemExit, match="other rows"):
        bench.pairs("customer", operations, 1, touched + 1, 1)
    assert run.WALL["PostgreSQL"]["regulator"] == 1.2
