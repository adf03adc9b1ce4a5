"""Reading people: by what they are known by or by their ids, with their place in static lists."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from upheld.services.marketo.client import MarketoClient
from upheld.services.marketo.mapping import MarketoMap, Target
from upheld.services.model import Identities, Ref
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import names

LEADS, MEMBERS, ACTIVITIES = "leads", "list_members", "activities"
BATCH = 300
"""How many values or records one call takes."""
KINDS, DELETION = 10, 37
"""How many kinds of activities one call takes, and the kind that a deletion is."""
Row = Mapping[str, Any]
T = TypeVar("T")


def batches(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut what is many into what one call takes."""
    for start in range(0, len(many), BATCH):
        yield many[start : start + BATCH]


def people(client: MarketoClient, mapping: MarketoMap, field: str, values: Sequence[str]) -> Iterator[Row]:
    """Stream everybody whose field is one of some values, as written but for capitals.

    The operator separates values by commas and knows no quotation mark, so a value with a comma cannot be asked for:
    raises ServiceError `value_has_comma` instead of finding too little.
    """
    if any("," in value for value in values):
        raise ServiceError("tenant", "value_has_comma")
    fields = ",".join(dict.fromkeys(("id", "createdAt", field, *mapping.told, *mapping.flags, *mapping.identity.values())))
    for some in batches(list(dict.fromkeys(values))):
        wanted = {value.strip().casefold() for value in some}
        asked = {"filterType": field, "filterValues": ",".join(some), "fields": fields, "batchSize": str(BATCH)}
        for page in client.pages("leads.json", asked):
            yield from (row for row in page.rows if str(row.get(field) or "").casefold() in wanted)


def everything(client: MarketoClient, mapping: MarketoMap, who: Identities) -> Iterator[Row]:
    """Stream every person of some identifiers once; raises NotCapableError where none of them can be searched by."""
    known = [(kind, field) for kind, field in mapping.identity.items() if who.get(kind)]
    if not known:
        raise NotCapableError(f"nobody is found here by {', '.join(sorted(who))}; only by {', '.join(mapping.identity)}")
    seen: set[int] = set()
    for kind, field in known:
        for row in people(client, mapping, field, who[kind]):
            if (key := int(row["id"])) not in seen:
                seen.add(key)
                yield row


def lists_of(client: MarketoClient, lead: int) -> Iterator[int]:
    """Stream the static lists that a person is in; somebody who vanished meanwhile is in none."""
    try:
        for page in client.pages(f"leads/{lead}/listMembership.json", {"batchSize": str(BATCH)}):
            yield from (int(row["listId"]) for row in page.rows)
    except ServiceError as error:
        if error.trouble != "absent":
            raise


def members_there(client: MarketoClient, refs: Sequence[Ref]) -> Iterator[Ref]:
    """Give those places in lists that still exist, each asked for by list and person."""
    for key, some in by_list(refs).items():
        for part in batches(some):
            try:
                rows = client.ask(f"lists/{key}/leads/ismember.json", {"id": [str(ref.key[1]) for ref in part]}).rows
            except ServiceError as error:
                if error.trouble != "absent":
                    raise
                continue
            inside = {int(row["id"]) for row in rows if row.get("status") == "memberof"}
            yield from (ref for ref in part if ref.key[1] in inside)


def by_list(refs: Sequence[Ref]) -> Mapping[int, list[Ref]]:
    """Sort places in lists by their list."""
    told: dict[int, list[Ref]] = defaultdict(list)
    for ref in refs:
        if ref.store == MEMBERS:
            told[int(str(ref.key[0]))].append(ref)
    return told


def by_id(client: MarketoClient, mapping: MarketoMap, refs: Sequence[Ref]) -> dict[int, Row]:
    """Read the people whose records or activities are named, by their ids; who is gone is missing."""
    ids = [str(ref.key[0]) for ref in refs if ref.store != MEMBERS]
    return {int(row["id"]): row for row in people(client, mapping, "id", ids)} if ids else {}


def lead_ref(mapping: MarketoMap, row: Row) -> Ref:
    """Name a person's record. Its version is what it holds of the person, so that a flag of ours is no change."""
    held = [(name, row.get(name)) for name in sorted(mapping.told)]
    version = hashlib.sha256(json.dumps(held, ensure_ascii=False, default=str).encode()).digest()[:16]
    return Ref(LEADS, (int(row["id"]),), version)


def activities_of(client: MarketoClient, row: Row, types: Mapping[int, str]) -> Mapping[str, str]:
    """Give everything that the instance noted of a person since it knows them: when and what kind, with its values.

    Ten kinds a call, and pages without an entry in between are no end.
    """
    since = str(row.get("createdAt") or "")
    told: dict[str, str] = {}
    numbers = sorted(types)
    for some in (numbers[start : start + KINDS] for start in range(0, len(numbers), KINDS)):
        token = client.ask("activities/pagingtoken.json", {"sinceDatetime": since}).next
        asked = {"leadIds": str(row["id"]), "activityTypeIds": ",".join(map(str, some)), "nextPageToken": token}
        for page in client.pages("activities.json", asked):
            for one in page.rows:
                values = [str(one.get("primaryAttributeValue") or ""), *(_said(each) for each in one.get("attributes") or ())]
                kind = types.get(int(one["activityTypeId"]), str(one["activityTypeId"]))
                told[f"{one['activityDate']} {kind} {one['id']}"] = "; ".join(value for value in values if value)
    return told


def activity_types(client: MarketoClient) -> Mapping[int, str]:
    """Give the kinds of activities of an instance but that of a deletion, which no living person has."""
    rows = client.ask("activities/types.json").rows
    return {int(row["id"]): str(row.get("name") or "") for row in rows if int(row["id"]) != DELETION}


def _said(attribute: Mapping[str, Any]) -> str:
    value = attribute.get("value")
    return f"{attribute.get('name')}: {value}" if value not in (None, "") else ""


def value_of(row: Row, target: Target) -> str:
    """Give what a record holds for a field of the policy, in one piece."""
    return " ".join(str(row[part]) for part in target.parts if row.get(part))


def means(field: str, held: str, value: str) -> bool:
    """Say whether what a record holds means a value: but for capitals, the order in a name, and ways to write a number."""
    if field == "phone":
        return bool(held) and names({field: (value,)}, field, held)
    return sorted(held.casefold().split()) == sorted(value.casefold().split())
