"""Tables of the vault: subjects, relations, records and standings in `data`; keys, index and suppression in `keys`."""

from __future__ import annotations

from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata, keys_metadata

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

# data

subject = sa.Table(
    "subject",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("person", sa.LargeBinary(16)),
    comment="person: the same for subjects that were found to be one person, empty for everybody else",
)
sa.Index("subject_person", subject.c.person, sqlite_where=subject.c.person.is_not(None), postgresql_where=subject.c.person.is_not(None))

merge = sa.Table(
    "merge",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("one", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("other", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("proposed_by", sa.String(32), nullable=False),
    sa.Column("proposed_at", UtcMs, nullable=False),
    comment="proposals that two subjects are one person, until a second person decides",
)

relation = sa.Table(
    "relation",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("outside_sealed", sa.LargeBinary, nullable=False),
    sa.Column("opened", sa.Date, nullable=False),
    sa.Column("ended", sa.Date),
    comment="contracts, accounts, applications; by the id it has outside one is found through the blind index alone",
)
sa.Index("relation_ended", relation.c.ended)
sa.Index("relation_id", relation.c.id, unique=True)

record = sa.Table(
    "record",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("situation", sa.String(64), nullable=False),
    sa.Column("version", sa.String(80), nullable=False, key="policy_version"),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("class", sa.String(64), nullable=False, key="shred_class"),
    sa.Column("collected_at", UtcMs, nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("subtype", sa.String(64), nullable=False),
    sa.Column("relation", sa.LargeBinary(16)),
    sa.Column("receipt_id", sa.String(64), nullable=False),
    sa.Column("review", sa.String(32), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Index("record_id", record.c.id, unique=True)
sa.Index("record_situation", record.c.situation, record.c.policy_version, record.c.subject, record.c.id)
sa.Index("record_collected", record.c.collected_at)
sa.Index("record_review", record.c.id, sqlite_where=record.c.review != "", postgresql_where=record.c.review != "")

standing = sa.Table(
    "standing",
    data_metadata,
    sa.Column("purpose", sa.String(128), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("since", UtcMs, nullable=False),
    sa.Column("entry_id", sa.LargeBinary(16), nullable=False),
    sa.Column("until", sa.Date),
)
sa.Index("standing_subject", standing.c.subject, standing.c.purpose)
sa.Index("standing_until", standing.c.until)

start = sa.Table(
    "start",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("word", sa.String(32), primary_key=True),
    sa.Column("relation", sa.LargeBinary(16), primary_key=True),
    sa.Column("at", UtcMs, nullable=False),
    comment="latest start event of a retention clock, by subject, start word and relation (empty: none)",
)
sa.Index("start_at", start.c.word, start.c.at)

erasure = sa.Table(
    "erasure",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("classes", sa.Text, nullable=False),
    sa.Column("total", sa.Boolean, nullable=False),
    sa.Column("step", sa.String(12), nullable=False, index=True),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("begun_at", UtcMs, nullable=False),
    sa.Column("journal_seq", sa.Integer),
    sa.Column("live_erased_at", UtcMs),
    sa.Column("backups_unreadable_at", UtcMs),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("awaits", sa.LargeBinary(16), index=True),
    comment="awaits: the change of the root after which no backup opens what was erased",
)

rotation = sa.Table(
    "rotation",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("old", sa.String(200), nullable=False),
    sa.Column("new", sa.String(200), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("begun_at", UtcMs, nullable=False),
    sa.Column("verified_at", UtcMs),
    sa.Column("copies", sa.Integer),
    sa.Column("effective_at", UtcMs),
    sa.Column("guarantee", sa.String(300)),
    sa.Column("finished_at", UtcMs),
    comment="changes of the root; without finished_at one is under way",
)

# keys

key_state = sa.Table(
    "key_state",
    keys_metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("root", sa.String(200), nullable=False),
    sa.Column("since", UtcMs, nullable=False),
    sa.Column("buckets", sa.Integer, nullable=False),
    comment="since: when this root took over",
)

key_meta = sa.Table(
    "key_meta",
    keys_metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)

key_bucket = sa.Table(
    "key_bucket",
    keys_metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    comment="two keys a bucket, wrapped as one: of keys of persons, and of the index",
)

key_dek = sa.Table(
    "key_dek",
    keys_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("class", sa.String(64), primary_key=True, key="shred_class"),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    comment="one random key per subject and shred class; hour (since 1970) of last making or meeting, for orphans",
)

key_tag = sa.Table(
    "key_tag",
    keys_metadata,
    sa.Column("place", sa.LargeBinary(18), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), primary_key=True, index=True),
    comment="blind index: keyed hash of an identifier, under the index key of its bucket, to the subject",
)

key_suppressed = sa.Table(
    "key_suppressed",
    keys_metadata,
    sa.Column("tag", sa.LargeBinary(16), primary_key=True),
    sa.Column("since", UtcMs, nullable=False),
)
