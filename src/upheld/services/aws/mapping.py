"""The map of an account: which buckets, tables, pools, lists and log groups hold people, and how a person is known there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from upheld.db import UpheldError
from upheld.policy.period import Period
from upheld.policy.source import Folder, plain, read_text
from upheld.services.model import Identities
from upheld.services.spelling import written

Flag = Literal["true", "false"]
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*?)(_sha256)?\}")
_SEARCHED = ("username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username", "sub")
"""What a pool of people can be asked by; attributes of a company's own cannot."""


class MapError(UpheldError):
    """The map of an account does not hold together."""

    code = "map_invalid"
    clause = "services"
    next_step = "Mend what is named; docs/howto/connect-aws.md shows a whole map."


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a map; a key that nobody knows is a mistake."""


class Person(_Told, frozen=True):
    """How a person is found in a bucket: by the name of their objects, by a tag, by metadata, or in lines of shared files."""

    key: str = ""
    tag: dict[str, str] = {}
    metadata: dict[str, str] = {}
    lines: Literal["", "jsonl", "csv"] = ""
    encoding: Literal["utf-8", "cp932"] = "utf-8"
    under: str = ""
    names: dict[str, str] = {}


class Bucket(_Told, frozen=True):
    """One bucket. `fields` are of lines by field of the policy; `uploads: none` says that unfinished uploads are ended
    by a rule of the bucket's own, so that there are none to be found.
    """

    bucket: str
    person: Person
    fields: dict[str, str] = {}
    uploads: Literal["", "none"] = ""
    region: str = ""


class Known(_Told, frozen=True):
    """An attribute that names a person, and the index that it can be asked by."""

    attribute: str
    index: str = ""


class Table(_Told, frozen=True):
    """One table. `backups` is how long the company's own copies of it last; `deliver` lets records be written there."""

    table: str
    key: list[str]
    identity: dict[str, Known]
    fields: dict[str, str] = {}
    free_text: list[str] = []
    not_personal: list[str] = []
    deliver: Flag = "false"
    backups: str = ""
    region: str = ""


class Pool(_Told, frozen=True):
    """One pool of people who sign in."""

    pool: str
    identity: dict[str, str]
    fields: dict[str, str] = {}
    not_personal: list[str] = []
    region: str = ""


class ContactList(_Told, frozen=True):
    """One list of addresses that get mail."""

    list: str
    region: str = ""


class LogGroup(_Told, frozen=True):
    """One group of logs. `names` are the kinds of identifier that stand in its lines; `stream` is how the name of a
    stream begins that is one person's alone.
    """

    group: str
    names: list[str] = []
    stream: str = ""
    region: str = ""


class AwsMap(_Told, frozen=True):
    """Every store of an account that holds people, by an id of the company's choice. `not_personal` names the others."""

    buckets: dict[str, Bucket] = {}
    tables: dict[str, Table] = {}
    pools: dict[str, Pool] = {}
    contact_lists: dict[str, ContactList] = {}
    log_groups: dict[str, LogGroup] = {}
    not_personal: list[str] = []


def read_map(raw: object | None, name: str) -> AwsMap:
    """Read a map as it stands in a connection, or the one shipped for the reference policy. Raises MapError.

    Clause: services
    """
    path = Path(__file__).with_name("mapping.yaml")
    told = raw if raw is not None else plain(read_text(path.name, path.read_text("utf-8"), Folder(path.parent)))
    try:
        found = msgspec.convert(told, AwsMap)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise MapError(f"{name} map{place.strip('`').lstrip('$')}: {text}") from None
    troubles = [f"{name} map.{place}: {text}" for place, text in _troubles(found)]
    if troubles:
        raise MapError("; ".join(troubles[:5]))
    return found


def _troubles(found: AwsMap) -> Iterator[tuple[str, str]]:
    ids = [one for part in (found.buckets, found.tables, found.pools, found.contact_lists, found.log_groups) for one in part]
    for one in sorted({one for one in ids if ids.count(one) > 1}):
        yield one, "two stores have this id"
    for name, bucket in found.buckets.items():
        yield from ((f"buckets.{name}.person", text) for text in _of_person(bucket.person))
    for name, table in found.tables.items():
        yield from ((f"tables.{name}", text) for text in _of_table(table))
    for name, pool in found.pools.items():
        odd = sorted(set(pool.identity.values()) - set(_SEARCHED))
        if odd or not pool.identity:
            yield f"pools.{name}.identity", f"a pool can be asked by {', '.join(_SEARCHED)}"
    for name, group in found.log_groups.items():
        if not group.names and not group.stream:
            yield f"log_groups.{name}", "say what names a person in it: `names`, `stream` or both"
        if group.stream and not _PLACE.search(group.stream):
            yield f"log_groups.{name}.stream", "names no identifier, such as {email_sha256}"


def _of_person(told: Person) -> Iterator[str]:
    if sum(map(bool, (told.key, told.tag, told.metadata, told.lines))) != 1:
        yield "say one of key, tag, metadata, lines"
    if told.key and (not _PLACE.search(told.key) or re.search(r"\}[*{]", told.key)):
        yield "key names no identifier, or something may follow it without a mark between them"
    if bool(told.lines) != bool(told.names) or (told.under and not told.lines):
        yield "lines needs names, which are said with lines only, as under is"


def _of_table(told: Table) -> Iterator[str]:
    if not 1 <= len(told.key) <= 2:
        yield "a key has one attribute or two"
    if not told.identity:
        yield "say by what a person is known in it"
    if told.backups and Period.parse(told.backups) is None:
        yield "backups is a period such as P35D; P0D where there are none"
    both = sorted({*told.fields, *told.free_text, *(one.attribute for one in told.identity.values())} & set(told.not_personal))
    if both:
        yield f"{both[0]} is called personal and not personal"


def filled(template: str, who: Identities) -> Iterator[str]:
    """Give a template with each way in which a person's identifiers may be written; nothing where one is not known.

    `{email}` is the identifier itself, `{email_sha256}` the hexadecimal digest of it in lower case.
    """
    place = _PLACE.search(template)
    if place is None:
        yield template
        return
    before, after = template[: place.start()], template[place.end() :]
    values = written(who, place[1])
    if place[2]:
        values = tuple(dict.fromkeys(hashlib.sha256(value.lower().encode()).hexdigest() for value in values))
    for value in values:
        for rest in filled(after, who):
            yield before + value + rest
