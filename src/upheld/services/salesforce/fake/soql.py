"""The query language, as much of it as finding people takes: one object, its parents, tests, order and a limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from upheld.services.salesforce.fake.records import ApiError, Org, Record, plain, stamp
from upheld.services.salesforce.fake.schema import BY_LINK, ObjectOf

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|!=|<>|[=<>(),])|(?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*))",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\", "%": "\\%", "_": "\\_"}
_KEYWORDS = frozenset({"select", "from", "where", "and", "or", "not", "in", "like", "order", "by", "limit", "offset", "asc", "desc", "nulls"})


@dataclass(frozen=True, slots=True)
class Test:
    """Says of a record whether it is wanted; `among` names all that can be, where an index tells."""

    holds: Callable[[Record], bool]
    among: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One query, read: what of which object, which records, in what order, how many."""

    kind: str
    fields: tuple[str, ...]
    test: Test | None
    order: tuple[tuple[str, bool], ...]
    limit: int | None
    offset: int = 0


def run(org: Org, text: str, *, deleted: bool) -> list[dict[str, Any]]:
    """Answer a query with its rows; raises ApiError `MALFORMED_QUERY`, `INVALID_FIELD` or `INVALID_TYPE`."""
    query = _Reader(org, text).query()
    told = org.objects[query.kind]
    among = query.test.among if query.test else None
    found = [one for one in org.all(query.kind, among, deleted=deleted) if query.test is None or query.test.holds(one)]
    for name, down in reversed(query.order):
        found.sort(key=_by(org, name), reverse=down)
    found = found[query.offset : None if query.limit is None else query.offset + query.limit]
    return [row(org, told, one, query.fields) for one in found]


def row(org: Org, told: ObjectOf, one: Record, fields: tuple[str, ...]) -> dict[str, Any]:
    """Write a record as an answer does, parents inside it."""
    made: dict[str, Any] = {"attributes": {"type": told.name, "url": f"/services/data/v59.0/sobjects/{told.name}/{one.id}"}}
    for path in fields:
        parent, _, rest = path.rpartition(".")
        if not parent:
            made[path] = value_of(org, one, path)
            continue
        link = told.relation(parent)
        above = org.records.get(one.values.get(link.name) or "") if link else None
        made.setdefault(parent, {"attributes": {"type": above.kind}} if above else None)
        if above is not None:
            made[parent][rest] = value_of(org, above, rest)
    return made


def value_of(org: Org, one: Record, path: str) -> Any:
    """Give a field's value, or that of a parent; None where there is none."""
    parent, _, name = path.rpartition(".")
    if parent:
        link = org.objects[one.kind].relation(parent)
        above = org.records.get(one.values.get(link.name) or "") if link else None
        return None if above is None else value_of(org, above, name)
    match name:
        case "Id":
            return one.id
        case "IsDeleted":
            return one.deleted is not None
        case "CreatedDate":
            return stamp(one.created)
        case "SystemModstamp" | "LastModifiedDate":
            return stamp(one.changed)
        case "Name" if "LastName" in one.values:
            return " ".join(filter(None, (one.values.get("FirstName"), one.values["LastName"])))
        case _:
            return one.values.get(name)


class _Reader:
    """Reads one query from left to right."""

    def __init__(self, org: Org, text: str) -> None:
        self._org, self._tokens, self._at = org, list(_tokens(text)), 0
        self._told: ObjectOf
        self._linked = False

    def query(self) -> Query:
        self._want("select")
        written = [self._name()]
        while self._take(","):
            written.append(self._name())
        self._want("from")
        kind = self._name()
        if kind not in self._org.objects:
            raise ApiError(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        self._told = self._org.objects[kind]
        fields = tuple(self._field(one) for one in written)
        test = self._any() if self._take("where") else None
        if kind in BY_LINK and not self._linked:
            raise malformed(f"Implementation restriction: {kind} requires a filter by a single Id on {' or '.join(BY_LINK[kind])}")
        order, limit = self._order(), self._count("limit")
        offset = self._count("offset") or 0
        if self._at < len(self._tokens):
            raise malformed(f"unexpected token: {self._tokens[self._at][1]}")
        return Query(kind, fields, test, order, limit, offset)

    def _any(self) -> Test:
        """Read tests joined by one word; mixing AND with OR takes brackets."""
        tests = [self._one()]
        joined = self._peek() if self._peek() in ("and", "or") else ""
        while joined and self._take(joined):
            tests.append(self._one())
        if self._peek() in ("and", "or"):
            raise malformed(f"unexpected token: '{self._peek()}'")
        some = [test.among for test in tests if test.among is not None]
        if joined == "and":
            return Test(lambda one: all(test.holds(one) for test in tests), frozenset.intersection(*some) if some else None)
        among = frozenset().union(*some) if len(some) == len(tests) else None
        return Test(lambda one: any(test.holds(one) for test in tests), among)

    def _one(self) -> Test:
        if self._take("not"):
            inner = self._one()
            return Test(lambda one: not inner.holds(one))
        if self._take("("):
            test = self._any()
            self._want(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        path = self._field(self._name())
        org = self._org
        if not self._told_of(path).filterable:
            raise ApiError(400, "INVALID_FIELD", f"field '{path}' can not be filtered in a query call")
        if self._take("not"):
            self._want("in")
            none = self._values(path)
            return Test(lambda one: plain(value_of(org, one, path)) not in none)
        self._linked |= self._peek() in ("=", "in") and path in BY_LINK.get(self._told.name, ())
        if self._take("in"):
            some = self._values(path)
            return Test(lambda one: plain(value_of(org, one, path)) in some, org.having(self._told.name, path, some))
        if self._take("like"):
            pattern = _like(self._literal())
            return Test(lambda one: bool(pattern.fullmatch(str(value_of(org, one, path) or ""))))
        sign = self._next()[1]
        if sign not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            raise malformed(f"unexpected token: {sign}")
        wanted = self._prepared(path, self._literal())
        among = org.having(self._told.name, path, frozenset({wanted})) if sign == "=" else None
        return Test(lambda one: _compared(plain(value_of(org, one, path)), sign, wanted), among)

    def _values(self, path: str) -> frozenset[Any]:
        self._want("(")
        found = [self._prepared(path, self._literal())]
        while self._take(","):
            found.append(self._prepared(path, self._literal()))
        self._want(")")
        return frozenset(found)

    def _prepared(self, path: str, value: Any) -> Any:
        """Bring an id to its long form and text to one case, as comparisons do."""
        if self._told_of(path).type in ("id", "reference") and isinstance(value, str):
            try:
                return self._org.normal(_unliked(value)).lower()
            except ApiError:
                raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field") from None
        return plain(_unliked(value) if isinstance(value, str) else value)

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return _unescaped(text[1:-1])
        if kind == "number":
            return float(text)
        if kind == "time":
            return text.replace("Z", "+0000").replace("+00:00", "+0000") if "T" in text else text
        if text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise malformed(f"unexpected token: {text}")

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._take("order"):
            return ()
        self._want("by")
        found = []
        while True:
            name = self._field(self._name())
            down = self._take("desc") or (self._take("asc") and False)
            found.append((name, down))
            if not self._take(","):
                return tuple(found)

    def _count(self, word: str) -> int | None:
        if not self._take(word):
            return None
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            raise malformed(f"unexpected token: {text}")
        return int(text)

    def _told_of(self, path: str) -> Any:
        parent, _, name = path.rpartition(".")
        told = self._told
        if parent and (link := told.relation(parent)) is not None:
            told = self._org.objects[link.to[0]]
        return told.fields[name]

    def _field(self, path: str) -> str:
        """Give a field's name as the object writes it; raises ApiError `INVALID_FIELD`."""
        parent, _, name = path.rpartition(".")
        told = self._told
        if parent:
            link = told.relation(parent)
            if link is None:
                raise ApiError(400, "INVALID_FIELD", f"Didn't understand relationship '{parent}' in field path.")
            told = self._org.objects[link.to[0]]
        found = next((one for one in told.fields if one.lower() == name.lower()), None)
        if found is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on entity '{told.name}'.")
        return f"{parent}.{found}" if parent else found

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "word" or text.lower() in _KEYWORDS:
            raise malformed(f"unexpected token: {text}")
        return text

    def _peek(self) -> str:
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) and self._tokens[self._at][0] != "text" else ""

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise malformed("unexpected token: '<EOF>'")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _want(self, word: str) -> None:
        if not self._take(word):
            raise malformed(f"expecting '{word}'")


def malformed(message: str) -> ApiError:
    """Make the answer to a query that cannot be read."""
    return ApiError(400, "MALFORMED_QUERY", message)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise malformed("line 1: unexpected char")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _unescaped(text: str) -> str:
    """Take the backslashes out of a text; those before wildcards stay for LIKE to see."""

    def one(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise malformed("line 1: Illegal string literal: Invalid string literal. Illegal character sequence")
        return _ESCAPES[found[1]]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)


def _unliked(text: str) -> str:
    return text.replace("\\%", "%").replace("\\_", "_")


def _like(text: Any) -> re.Pattern[str]:
    """Read the pattern of LIKE: `%` any text, `_` one character, without regard to case."""
    if not isinstance(text, str):
        raise malformed("LIKE takes a text")
    pieces = re.split(r"(\\%|\\_|%|_)", text)
    wild = {"%": ".*", "_": ".", "\\%": "%", "\\_": "_"}
    return re.compile("".join(wild.get(one) or re.escape(one) for one in pieces), re.IGNORECASE | re.DOTALL)


def _by(org: Org, name: str) -> Callable[[Record], tuple[bool, str]]:
    """Give the key of an order: what has no value comes first."""

    def key(one: Record) -> tuple[bool, str]:
        value = value_of(org, one, name)
        return (value is not None, str(value).lower())

    return key


def _compared(have: Any, sign: str, wanted: Any) -> bool:
    if sign in ("=", "!=", "<>"):
        return bool(have == wanted) == (sign == "=")
    if have is None or wanted is None:
        return False
    if have == wanted:
        return "=" in sign
    less = have < wanted if isinstance(have, (int, float)) and isinstance(wanted, (int, float)) else str(have) < str(wanted)
    return bool(less) == (sign[0] == "<")
