"""Searching every text of the fake, the way its search index does: words in order, whole, without regard to case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upheld.services.salesforce.fake.records import ApiError, Org, Record

_FIND = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:[^{}\\]|\\.)*)\}(?:\s+IN\s+(?P<where>ALL|NAME|EMAIL|PHONE|SIDEBAR)\s+FIELDS)?"
    r"(?:\s+RETURNING\s+(?P<kinds>[\w\s,()]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_KEYS = frozenset({"q", "sobjects", "fields", "in", "overallLimit", "defaultLimit"})
_TEXTS = frozenset({"string", "textarea", "email", "phone", "url"})
SEARCHED = ("Account", "Contact", "Lead", "Case", "Campaign", "Task", "Event", "EmailMessage", "Individual")


def find(org: Org, text: str) -> list[dict[str, Any]]:
    """Answer `FIND {words} IN ALL FIELDS RETURNING Lead, Contact`; raises ApiError `MALFORMED_SEARCH`."""
    read = _FIND.fullmatch(text)
    if read is None:
        raise ApiError(400, "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces.")
    kinds = [one.strip().partition("(")[0].strip() for one in (read["kinds"] or ",".join(SEARCHED)).split(",")]
    return list(_found(org, read["term"], kinds, int(read["limit"] or 2000)))


def with_parameters(org: Org, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answer a search whose words and objects come in the body."""
    if unknown := set(told) - _KEYS:
        raise ApiError(400, "JSON_PARSER_ERROR", f"Unrecognized field \"{min(unknown)}\"")
    kinds = [str(one["name"]) for one in told.get("sobjects", ())] or list(SEARCHED)
    return list(_found(org, str(told.get("q", "")), kinds, int(told.get("overallLimit", 2000))))


def _found(org: Org, term: str, kinds: Sequence[str], limit: int) -> Iterator[dict[str, Any]]:
    words = re.findall(r"\w+", re.sub(r"\\(.)", r"\1", term).lower())
    if len("".join(words)) < 2:
        raise ApiError(400, "MALFORMED_SEARCH", "search term must be longer than one character")
    pattern = re.compile(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)")
    for kind in kinds:
        told = org.object(kind)
        for one in org.all(told.name):
            if limit > 0 and words[0] in one.words and _holds(org, one, pattern):
                limit -= 1
                yield {"attributes": {"type": one.kind, "url": f"/services/data/v59.0/sobjects/{one.kind}/{one.id}"}, "Id": one.id}


def _holds(org: Org, one: Record, pattern: re.Pattern[str]) -> bool:
    fields = org.objects[one.kind].fields
    return any(
        isinstance(value, str) and fields[name].type in _TEXTS and pattern.search(value.lower()) for name, value in one.values.items()
    )
