"""What an organisation has that its map does not say: fields, objects, and what samples of them look like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from upheld.services.model import Seen
from upheld.services.salesforce.client import Client, Row
from upheld.services.salesforce.finding import select
from upheld.services.salesforce.mapping import SYSTEM, OrgMap

_TEXTS = frozenset({"string", "textarea", "email", "phone", "url", "encryptedstring", "combobox"})
_LOOKS: Mapping[str, re.Pattern[str]] = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "phone": re.compile(r"\+?[\d][\d\s().-]{7,18}\d"),
}
"""Forms that show by themselves; names and addresses take the detectors of `upheld drift`."""


def discovered(client: Client, told: OrgMap, sample: int) -> Iterator[Seen]:
    """Give fields of mapped objects that the map does not say, and objects of the company's own that hold or name people.

    Clause: services (APPI 25; GDPR 30)
    """
    for name, kind in told.objects.items():
        live = client.fields(name)
        unknown = [one for one in live if one["name"] not in kind.known() and not one.get("calculated")]
        yield from _fields(client, name, unknown, sample)
        for gone in sorted(set(kind.shown()) - {one["name"] for one in live}):
            yield Seen(name, gone, "declared_but_empty")
    for one in client.objects():
        if one.get("custom") and one.get("queryable") and one["name"] not in told.objects:
            live = [field for field in client.fields(one["name"]) if field["name"] not in SYSTEM]
            if any(_personal(field, told) for field in live):
                yield Seen(one["name"], "", "store_undeclared", _kind_of(live))


def _fields(client: Client, name: str, unknown: Sequence[Row], sample: int) -> Iterator[Seen]:
    texts = [one for one in unknown if one["type"] in _TEXTS]
    rows: list[Row] = []
    if texts:
        query = select(("Id", *(one["name"] for one in texts)), name, f"Id != null ORDER BY CreatedDate DESC LIMIT {sample}")
        (rows,) = client.query([query])
    for one in unknown:
        values = [str(row[one["name"]]) for row in rows if row.get(one["name"])]
        kind, count = _looks_like(values)
        kind = kind or (one["type"] if one["type"] in _LOOKS else "")
        yield Seen(name, one["name"], "field_not_in_policy", kind, count / len(values) if values else 0.0, len(values))


def _looks_like(values: Sequence[str]) -> tuple[str, int]:
    """Give the kind that most values look like, and how many do."""
    counts = {kind: sum(bool(form.fullmatch(value.strip())) for value in values) for kind, form in _LOOKS.items()}
    best = max(counts, key=lambda kind: counts[kind])
    return (best, counts[best]) if counts[best] else ("", 0)


def _personal(field: Row, told: OrgMap) -> bool:
    """Say whether a field of an unknown object may be a person's: an address, a number, or the name of a mapped record."""
    return field["type"] in _LOOKS or any(to in told.objects for to in field.get("referenceTo") or ())


def _kind_of(live: Sequence[Row]) -> str:
    return next((str(one["type"]) for one in live if one["type"] in _LOOKS), "")
