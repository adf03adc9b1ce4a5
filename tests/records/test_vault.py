"""Records: what goes in comes out, for its own situation and version only, and for the host alone."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.clusters import kept_bytes, logged_bytes
from upheld.db import Ids, Store, b64, keys_metadata
from upheld.records import (
    FileRoot,
    KeyRing,
    RecordChangedError,
    RecordUnknownError,
    RootError,
    SubjectErasedError,
    open_holdings,
)


def spellings(value):
    """A value as a thief would search for it."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        raw = value.encode(encoding)
        yield raw
        for cut in range(3):
            yield base64.b64encode(raw[cut:])[: len(raw) // 3 * 4 - 4]
            yield base64.urlsafe_b64encode(raw[cut:])[: len(raw) // 3 * 4 - 4]


def below(folder):
    """Every file below a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found_in(files, values):
    """Which of the values stand in any of the files."""
    assert files
    return [
        (value, name)
        for value in values
        for name, content in files.items()
        if any(spelling in content for spelling in spellings(value))
    ]


def test_fields_come_back_as_they_were_given(house, hanako):
    """A record opens to the very fields, with what it was taken for beside them."""
    fields = {**hanako, "listed": ["a", "b"], "years": 3, "agreed": True}
    subject, record = house.collect(fields, channel="form", subtype="internship", receipt_id="r-1")
    with house.data.read() as tx:
        found = house.vault.record(tx, record)
        assert house.vault.open_fields(tx, found) == fields
        assert house.vault.subject(tx, subject).state == "live"
    assert (found.situation, found.policy_version, found.origin) == ("event", "1", "JP")
    assert (found.channel, found.subtype, found.receipt_id) == ("form", "internship", "r-1")
    assert found.collected_at == house.clock.now()
    house.close()
    house.open()
    assert house.fields_of(subject) == [fields]


def test_a_thief_of_the_data_store_finds_nobody(house, hanako, lena):
    """Every planted value, in any usual encoding, is absent from every file of the data store, log included."""
    secret = {**hanako, "inquiry": "見積をお願いします"}
    subject, _ = house.collect(secret, situation="contact")
    house.collect({**lena, "inquiry": "Bitte um ein Angebot"}, situation="contact")
    with house.data.write() as tx:
        house.vault.relation_open(tx, subject, "contract", "C-2026-HANAKO", date(2026, 4, 1))
    house.ledger.integrate()
    planted = [*secret.values(), *lena.values(), "Bitte um ein Angebot", "C-2026-HANAKO", "hanako", "312345678"]
    log = {} if house.data.path else logged_bytes()
    assert log or (house.folder / "data" / "data.db-wal").stat().st_size > 0
    assert found_in(kept_bytes(house.data) | log, planted) == []
    assert found_in(kept_bytes(house.held.ring.store), planted) == []
    assert found_in(below(house.folder / "journal"), planted) == []


def test_the_search_for_planted_values_finds_what_is_there(tmp_path):
    """The search of the test above does find a value in each encoding, so its silence means something."""
    for number, raw in enumerate(
        (
            "xx田中 花子yy".encode(),
            "xx田中 花子yy".encode("utf-16-le"),
            base64.b64encode("{name: 田中 花子, more}".encode()),
            base64.urlsafe_b64encode("{{name: 田中 花子, more}".encode("utf-16-be")),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "file").write_bytes(raw)
        assert found_in(below(folder), ["田中 花子"]) == [("田中 花子", "file")]


def test_a_thief_of_the_data_store_cannot_test_a_guess(house, hanako):
    """The data store holds no hash of an identifier that could be compared with a guessed one."""
    house.collect(hanako)
    tags = [row[0][-16:] for row in house.sql("SELECT place FROM key_tag", store="keys")]
    tags += [house.vault._people.tag(kind, hanako[kind]) for kind in ("email", "phone")]
    assert len(tags) == 4
    for content in kept_bytes(house.data).values():
        assert not any(tag in content for tag in tags)


@pytest.mark.parametrize(
    ("column", "value"),
    [("situation", "contact"), ("version", "2"), ("sealed", b"\x01" + bytes(60)), ("id", b"x" * 16)],
)
def test_a_record_moved_to_other_purposes_does_not_open(house, hanako, column, value):
    """Editing situation, version, id or bytes of a stored record makes it unreadable instead of more usable."""
    subject, _ = house.collect(hanako)
    house.sql(f"UPDATE record SET {column} = ?", value)
    with house.data.read() as tx:
        (record,) = house.vault.records_of(tx, subject)
        with pytest.raises(RecordChangedError):
            house.vault.open_fields(tx, record)


def test_a_record_given_to_another_person_does_not_open(house, hanako, lena):
    """Hanging Hanako's record on Lena does not show it to whoever reads Lena."""
    house.collect(hanako)
    other, own = house.collect(lena)
    house.sql("UPDATE record SET subject = ? WHERE id <> ?", other, own)
    with house.data.read() as tx:
        for record in house.vault.records_of(tx, other):
            if record.id != own:
                with pytest.raises(RecordChangedError):
                    house.vault.open_fields(tx, record)


def test_a_correction_replaces_the_fields(house, hanako):
    """After a correction the new fields open, the old value is gone and the record keeps its place."""
    subject, record_id = house.collect(hanako)
    with house.data.write() as tx:
        record = house.vault.record(tx, record_id)
        house.vault.replace_fields(tx, record, {**hanako, "name": "田中 華子"})
    assert house.fields_of(subject)[0]["name"] == "田中 華子"
    with house.data.write() as tx:
        kept = house.vault.replace_fields(tx, house.vault.record(tx, record_id), {"name": "田中 華子"}, shred_class="tax")
    assert kept.shred_class == "tax"
    assert house.fields_of(subject) == [{"name": "田中 華子"}]
    with house.data.write() as tx:
        house.vault.set_review(tx, kept, "special_care")
    with house.data.read() as tx:
        assert house.vault.record(tx, record_id).review == "special_care"
        with pytest.raises(RecordUnknownError):
            house.vault.record(tx, b"n" * 16)


def test_an_audience_is_paged_in_order_of_person(house):
    """Pages of live people's records for the stated situations and versions, each record once, in order."""
    for number in range(12):
        house.collect(
            {"email": f"p{number}@example.com"},
            situation=("event", "contact", "interview")[number % 3],
            policy_version=("1", "2")[number % 2],
        )
    gone, _ = house.collect({"email": "gone@example.com"})
    house.erase(gone)
    stated = [("event", "1"), ("event", "2"), ("contact", "2")]
    seen, after = [], None
    with house.data.read() as tx:
        while page := house.vault.iter_records(tx, stated, after=after, limit=2):
            seen += page
            after = (page[-1].subject, page[-1].id)
        assert house.vault.iter_records(tx, []) == []
    assert [(one.subject, one.id) for one in seen] == sorted((one.subject, one.id) for one in seen)
    assert len(seen) == 4 + 2
    assert {(one.situation, one.policy_version) for one in seen} == set(stated)


def test_a_standing_is_set_with_its_entry_and_raises_the_generation(house, hanako):
    """Every change of a standing counts up the person's generation, so an older decision is seen to be old."""
    subject, _ = house.collect(hanako)
    with house.data.write() as tx:
        first = house.vault.set_standing(tx, subject, "announce", "given", b"e" * 16)
        house.clock.advance(days=1)
        second = house.vault.set_standing(tx, subject, "announce", "withdrawn", b"f" * 16)
        house.vault.set_standing(tx, subject, "analyse", "objected", b"g" * 16)
    assert second.generation == first.generation + 1
    assert (second.state, second.entry_id, second.since) == ("withdrawn", b"f" * 16, house.clock.now())
    with house.data.read() as tx:
        assert house.vault.standing(tx, subject, "announce") == second
        assert house.vault.standing(tx, subject, "provide") is None
        assert [one.purpose for one in house.vault.standings_of(tx, subject)] == ["analyse", "announce"]
        assert [one.subject for one in house.vault.standings_for(tx, "announce")] == [subject]
        assert house.vault.standings_for(tx, "announce", after=subject) == []


def test_a_relation_is_found_by_its_outside_id(house, hanako, lena):
    """A contract is opened once, found by person and number, shared by several people, and ended on a legal day."""
    one, _ = house.collect(hanako)
    two, _ = house.collect(lena)
    with house.data.write() as tx:
        first = house.vault.relation_open(tx, one, "contract", "C-1", date(2026, 4, 1))
        assert house.vault.relation_open(tx, one, "contract", " C-1", date(2026, 5, 1)) == first
        house.vault.relation_open(tx, two, "contract", "C-1", date(2026, 4, 1))
        ended = house.vault.relation_end(tx, first, date(2026, 10, 31))
    assert ended.ended == date(2026, 10, 31)
    with house.data.read() as tx:
        assert house.vault.relation_find(tx, one, "contract", "C-1") == ended
        assert house.vault.relation_find(tx, one, "account", "C-1") is None
        assert {rel.subject for rel in house.vault.relations_with(tx, "contract", "C-1")} == {one, two}
        assert house.vault.relations_of(tx, one) == [ended]
        assert house.vault.relation_outside(tx, ended) == "C-1"


def test_what_may_be_due_is_listed_by_the_start_of_its_clock(house):
    """Records are listed by taking, by last contact, or by the end of their relation; open relations never."""
    start = house.clock.now()
    a, first = house.collect({"email": "a@example.com"}, starts=["last_contact"])
    house.clock.advance(days=10)
    b, _ = house.collect({"email": "b@example.com"}, starts=["last_contact"])
    house.clock.advance(days=10)
    with house.data.write() as tx:
        house.vault.mark_start(tx, a, "last_contact", house.clock.now())
        house.vault.mark_start(tx, a, "last_contact", start)
        contract = house.vault.relation_open(tx, b, "contract", "C-1", date(2026, 4, 1))
    _, held = house.collect({"email": "b@example.com"}, situation="contract", relation=contract)
    with house.data.read() as tx:
        vault, now = house.vault, house.clock.now()
        assert [one.started for one in vault.due(tx, "recorded", until=start + timedelta(days=10))] == [
            start,
            start + timedelta(days=10),
        ]
        assert [one.record.subject for one in vault.due(tx, "last_contact", until=now)] == [b, a]
        assert vault.due(tx, "last_contact", until=now, situations=["contact"]) == []
        assert vault.starts_of(tx, a) == {"last_contact": now}
        assert vault.due(tx, "relation_ended", until=date(2099, 1, 1)) == []
    with house.data.write() as tx:
        house.vault.relation_end(tx, contract, date(2026, 12, 1))
    with house.data.read() as tx:
        assert house.vault.due(tx, "relation_ended", until=date(2026, 11, 30)) == []
        (due,) = house.vault.due(tx, "relation_ended", until=date(2026, 12, 1))
    assert (due.record.id, due.started) == (held, date(2026, 12, 1))
    assert first != held


def test_an_unknown_subject_is_not_written_to_by_accident(house):
    """A number that was erased takes neither record nor standing."""
    subject, _ = house.collect({"email": "a@example.com"})
    house.erase(subject)
    with house.data.write() as tx, pytest.raises(SubjectErasedError):
        house.vault.set_standing(tx, subject, "announce", "given", b"e" * 16)


def test_the_root_key_is_for_its_owner_only(house):
    """A root key that others may read is refused, and so is a missing or foreign one."""
    (path,) = (house.folder / "root").glob("*.key")
    house.close()
    path.chmod(0o644)
    with pytest.raises(RootError, match="0600"):
        house.open()
    path.chmod(0o600)
    right = path.read_bytes()
    path.write_bytes(bytes(32))
    with pytest.raises(RootError):
        house.open()
    path.unlink()
    with pytest.raises(RootError):
        house.open()
    path.write_bytes(right)
    path.chmod(0o600)
    house.open()


def test_a_changed_key_row_does_not_open(house, hanako, lena):
    """Swapping two people's wrapped keys in the keys store opens neither."""
    one, _ = house.collect(hanako)
    two, _ = house.collect(lena)
    rows = dict(house.sql("SELECT subject, wrapped FROM key_dek WHERE class = 'marketing'", store="keys"))
    for subject, wrapped in ((one, rows[two]), (two, rows[one])):
        sql = "UPDATE key_dek SET wrapped = ? WHERE subject = ? AND class = 'marketing'"
        house.sql(sql, wrapped, subject, store="keys")
    house.close()
    house.open()
    for subject in (one, two):
        with pytest.raises(RootError):
            house.fields_of(subject)


def test_a_destroyed_root_opens_nothing(tmp_path, house):
    """The file provider makes, wraps, lists and destroys roots, and says what destroying is worth."""
    root = FileRoot(tmp_path / "roots", house.clock)
    first = root.create_next()
    wrapped = root.wrap(first, b"key", b"aad")
    assert root.unwrap(first, wrapped, b"aad") == b"key"
    with pytest.raises(RootError):
        root.unwrap(first, wrapped, b"other")
    second = root.create_next()
    assert root.list() == [first, second]
    assert root.current() == second
    done = root.destroy(first)
    assert (done.status, done.effective_at) == ("done", house.clock.now())
    assert "not guaranteed" in done.guarantee
    assert root.list() == [second]
    with pytest.raises(RootError):
        root.unwrap(first, wrapped, b"aad")


def test_a_small_number_of_buckets_works_too(tmp_path, house):
    """Any power of two of bucket keys spreads people over all of them, and re-keying one harms no neighbour."""
    keys = Store(tmp_path / "keys.db", keys_metadata)
    ids = Ids(house.clock)
    ring = KeyRing(keys, FileRoot(tmp_path / "roots", house.clock), house.clock, ids, buckets=2)
    subjects = [ids.random() for _ in range(20)]
    for subject in subjects:
        ring.ensure(subject, ["a"])
    sealed = {subject: ring.seal(subject, "a", b"aad", b"value") for subject in subjects}
    ring.destroy(subjects[0], None)
    for subject in subjects[1:]:
        assert ring.unseal(subject, "a", b"aad", sealed[subject]) == b"value"


def test_beginning_a_data_folder_is_quick_and_keeps_the_log_name(tmp_path, house):
    """A folder remembers the name of its log; other parts of the host cannot look into it."""
    assert house.ledger.vkey.startswith("example.com/upheld/ledger/1+")
    house.close()
    held = open_holdings(house.folder, house.clock, house.ids, origin="example.com/other/1")
    assert held.ledger.vkey.startswith("example.com/upheld/ledger/1+")
    held.close()
    assert house.folder.stat().st_mode & 0o077 == 0
    house.open()


def test_repr_of_a_record_shows_no_sealed_bytes(house, hanako):
    """Logging a record shows neither field nor ciphertext."""
    _, record = house.collect(hanako)
    with house.data.read() as tx:
        found = house.vault.record(tx, record)
    assert "sealed" not in repr(found)
    assert found.ref == b64(record)
    assert found.collected_at == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
