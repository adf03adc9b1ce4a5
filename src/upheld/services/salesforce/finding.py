"""Finding a person: by what names them, along what belongs to it, and in the words of others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simple_salesforce.format import format_soql

from upheld.services.model import Identities, Ref
from upheld.services.salesforce.client import Client, Row, chunks
from upheld.services.salesforce.mapping import OrgMap, Through
from upheld.services.spelling import written

IDS = 200
"""How many ids one query names: the text of a query is bounded."""

RECORD_IDS = "salesforce_"
"""How a kind of identifier begins that is the operator's own id of a record, of 15 or 18 characters: `salesforce_lead`."""

STAFF = ("005", "058")
"""How ids begin that are users' or libraries'; the operator gives each of its objects a beginning of its own."""

_ID = re.compile(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?")
_ESCAPED = re.compile(r"([?&|!{}\[\]()^~*:\\\"'+\-])")


@dataclass(slots=True)
class Walk:
    """What was found so far: records by object and id."""

    client: Client
    map: OrgMap
    found: dict[tuple[str, str], Row] = field(default_factory=dict)

    def person(self, who: Identities) -> Iterator[Ref]:
        """Give every record of a person, then what several people share, then what of others names them.

        Clause: services (APPI 33, 35; GDPR 15, 17)
        """
        fresh = self._named(who)
        above: dict[tuple[str, str], Row] = {}
        while fresh:
            news = [key for key in fresh if key not in self.found]
            self.found.update({key: fresh[key] for key in news})
            yield from (_ref(key, fresh[key], "subject") for key in news)
            fresh = {**self._below(news), **self._same(news)}
            up = {key: row for key, row in self._above(news).items() if key not in self.found and key not in above}
            above.update(up)
            fresh.update(self._alone(above))
        yield from (_ref(key, row, "shared") for key, row in above.items() if key not in self.found)
        yield from self._hanging()
        yield from self._in_words(who)

    def _named(self, who: Identities) -> dict[tuple[str, str], Row]:
        asked = []
        for name, kind in self.map.objects.items():
            tests = []
            for what, fields in kind.identity.items():
                values = written(who, what)
                tests += [f"{one} IN {_quoted(values)}" for one in fields if values]
            if tests:
                asked.append((name, " OR ".join(tests)))
            ids = [one for one in who.get(RECORD_IDS + name.lower(), ()) if _ID.fullmatch(one)]
            asked += [(name, f"Id IN {_quoted(ids)}")] if ids else []
        return self._ask(asked)

    def _below(self, news: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        """Ask for what belongs to records."""
        asked = [
            (name, f"{one} IN {_quoted(some)}")
            for name, kind in self.map.objects.items()
            for one, objects in kind.of.items()
            for some in chunks([key for there, key in news if there in objects], IDS)
        ]
        return self._ask(asked)

    def _same(self, news: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        """Ask for the other records that records say are of the same person."""
        return self._ask(self._by_links(news, lambda name: self.map.objects[name].same))

    def _above(self, news: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        return self._ask(self._by_links(news, lambda name: self.map.objects[name].above))

    def _by_links(self, news: Sequence[tuple[str, str]], links: Any) -> list[tuple[str, str]]:
        wanted: dict[str, list[str]] = {}
        for key in news:
            for name, to in links(key[0]).items():
                if value := self.found[key].get(name):
                    wanted.setdefault(to, []).append(value)
        return [(to, f"Id IN {_quoted(some)}") for to, ids in wanted.items() for some in chunks(list(dict.fromkeys(ids)), IDS)]

    def _alone(self, above: Mapping[tuple[str, str], Row]) -> dict[tuple[str, str], Row]:
        """Give those that nobody else's record names: they are the person's own."""
        waiting = {key: row for key, row in above.items() if key not in self.found}
        asked = [
            (name, f"{one} IN {_quoted(some)}")
            for name, kind in self.map.objects.items()
            for one, to in kind.above.items()
            for some in chunks([key for there, key in waiting if there == to], IDS)
        ]
        others = {key: row for key, row in self._ask(asked).items() if key not in self.found}
        taken = {row[one] for (name, _), row in others.items() for one in self.map.objects[name].above}
        return {key: row for key, row in waiting.items() if key[1] not in taken}

    def _hanging(self) -> Iterator[Ref]:
        """Give what hangs on the person's records through another object; what hangs on others', too, is shared."""
        mine = {key for _, key in self.found}
        for name, kind in self.map.objects.items():
            if (by := kind.through) is None:
                continue
            items = sorted({str(row[by.item]) for row in self._linked(by, by.record, sorted(mine))})
            shared = {row[by.item] for row in self._linked(by, by.item, items) if not _ours(str(row[by.record]), mine)}
            for key, row in self._ask([(name, f"Id IN {_quoted(some)}") for some in chunks(items, IDS)]).items():
                if key not in self.found:
                    yield _ref(key, row, "shared" if key[1] in shared else "subject")

    def _linked(self, by: Through, column: str, ids: Sequence[str]) -> Iterator[Row]:
        texts = [select((by.record, by.item), by.object, f"{column} IN {_quoted(some)}") for some in chunks(ids, IDS)]
        for rows in self.client.query(texts):
            yield from rows

    def _in_words(self, who: Identities) -> Iterator[Ref]:
        """Search long texts, which no query can test, for addresses; what names the person elsewhere is another's."""
        kinds = [name for name, kind in self.map.objects.items() if kind.free_text]
        hits = [hit for value in who.get("email", ()) for hit in self.client.search(_exact(value), kinds)]
        wanted = {key for key in hits if key not in self.found and key[0] in self.map.objects}
        asked = [
            (name, f"Id IN {_quoted(some)}") for name in kinds for some in chunks(sorted(one for there, one in wanted if there == name), IDS)
        ]
        for key, row in self._ask(asked).items():
            if key not in self.found:
                yield _ref(key, row, "other")

    def _ask(self, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        texts = [select(self._fields(name), name, test) for name, test in asked]
        answers = zip(asked, self.client.query(texts), strict=True)
        return {(name, row["Id"]): row for (name, _), rows in answers for row in rows}

    def _fields(self, name: str) -> tuple[str, ...]:
        return ("Id", "SystemModstamp", *self.map.objects[name].links())


def read(client: Client, refs: Iterable[Ref], fields: Mapping[str, Sequence[str]], *, deleted: bool = False) -> Iterator[tuple[Ref, Row]]:
    """Read records by their ids: gives those that are there, with `Id`, `SystemModstamp` and the fields named for their object.

    `deleted` reads also what lies in the bin or is still kept behind it.
    """
    by_store: dict[str, dict[str, Ref]] = {}
    for ref in refs:
        by_store.setdefault(ref.store, {})[str(ref.key[0])] = ref
    asked = [(store, some) for store, mine in by_store.items() for some in chunks(list(mine), IDS)]
    texts = []
    for store, some in asked:
        names = dict.fromkeys(("Id", "SystemModstamp", *fields.get(store, ())))
        texts.append(select(names, store, f"Id IN {_quoted(some)}"))
    for (store, _), rows in zip(asked, client.query(texts, deleted=deleted), strict=True):
        for row in rows:
            yield by_store[store][row["Id"]], row


def select(fields: Iterable[str], kind: str, test: str) -> str:
    """Write a query; names come from a map that was checked, values are quoted before."""
    return f"SELECT {', '.join(fields)} FROM {kind} WHERE {test}"  # noqa: S608 - see above


def _ref(key: tuple[str, str], row: Row, owner: Any) -> Ref:
    return Ref(key[0], (key[1],), str(row["SystemModstamp"]).encode(), owner)


def _ours(key: str, mine: set[str]) -> bool:
    """Say whether a link leads to the person or to a member of staff: whoever put a file there is always linked to it."""
    return key in mine or key.startswith(STAFF)


def _quoted(values: Sequence[str]) -> str:
    return format_soql("{}", list(dict.fromkeys(values)))


def _exact(value: str) -> str:
    """Write a value as words that a search takes as they stand."""
    return '"' + _ESCAPED.sub(r"\\\1", value) + '"'
