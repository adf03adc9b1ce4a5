"""The operator's methods, each with the parameters that are documented for it; others are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from upheld.services.marketo.fake.exports import Exports
from upheld.services.marketo.fake.limits import Client, Gate
from upheld.services.marketo.fake.people import BATCH, TYPES, Lead, People, stamp
from upheld.services.marketo.fake.refusals import RefusedError, reason
from upheld.services.marketo.fake.tokens import Pages

LOG_PAGE, ACTIVITY_PAGE = timedelta(days=1), timedelta(days=30)
"""How much of the list of deletions and of the activities one page looks through: it may be empty although more follow."""
DELETED = 37
_DEFAULT = ("id", "email", "firstName", "lastName", "createdAt", "updatedAt")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in."""

    params: Mapping[str, tuple[str, ...]]
    body: Any
    part: str
    client: Client

    def one(self, name: str, default: str = "") -> str:
        """Give a parameter that may stand once."""
        return self.params.get(name, (default,))[-1]

    @property
    def batch(self) -> int:
        """Give the size of a page; raises RefusedError 1001 for what is no such size."""
        text = self.one("batchSize", str(BATCH))
        if not text.isdecimal() or not 1 <= int(text) <= BATCH:
            raise RefusedError("1001")
        return int(text)

    def given(self) -> list[dict[str, Any]]:
        """Give the records of a body; raises RefusedError 609 for a body of another shape, 1003 for too many."""
        found = self.body.get("input") if isinstance(self.body, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise RefusedError("609")
        if not 1 <= len(found) <= BATCH:
            raise RefusedError("1003")
        return found


Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method: how it is called, what may be told to it, and whether it changes anything."""

    verb: str
    path: re.Pattern[str]
    handler: Handler
    params: frozenset[str] = frozenset()
    writes: bool = False


class Api:
    """Answers calls that were let in."""

    def __init__(self, people: People, exports: Exports, gate: Gate) -> None:
        """Learn the methods."""
        self._people, self._exports, self._gate = people, exports, gate
        self.custom_objects: list[str] = []
        self.pages = Pages()
        page = ("batchSize", "nextPageToken")
        self.routes = (
            self._route("GET", "/rest/v1/leads.json", self._leads, "filterType", "filterValues", "fields", *page),
            self._route("POST", "/rest/v1/leads.json", self._sync, writes=True),
            self._route("POST", "/rest/v1/leads/delete.json", self._delete, writes=True),
            self._route("GET", "/rest/v1/leads/describe2.json", self._describe),
            self._route("GET", "/rest/v1/leads/partitions.json", self._partitions),
            self._route("GET", r"/rest/v1/leads/(\d+)/listMembership.json", self._lists_of, *page),
            self._route("GET", "/rest/v1/lists.json", self._lists, "id", *page),
            self._route("GET", r"/rest/v1/lists/(\d+)/leads/ismember.json", self._is_member, "id"),
            self._route("POST", r"/rest/v1/lists/(\d+)/leads.json", self._add, "id", writes=True),
            self._route("DELETE", r"/rest/v1/lists/(\d+)/leads.json", self._remove, "id", writes=True),
            self._route("GET", "/rest/v1/activities/pagingtoken.json", self._paging, "sinceDatetime"),
            self._route("GET", "/rest/v1/activities/deletedleads.json", self._deleted, *page),
            self._route("GET", "/rest/v1/activities/types.json", self._types),
            self._route("GET", "/rest/v1/activities.json", self._activities, "leadIds", "activityTypeIds", *page),
            self._route("GET", "/rest/v1/stats/usage.json", self._usage),
            self._route("GET", "/rest/v1/customobjects.json", self._custom, "names"),
            self._route("POST", "/bulk/v1/leads/export/create.json", lambda call: _result([exports.create(call.body)])),
            self._route("POST", r"/bulk/v1/leads/export/([\w-]+)/enqueue.json", lambda call: _result([exports.enqueue(call.part)])),
            self._route("POST", r"/bulk/v1/leads/export/([\w-]+)/cancel.json", lambda call: _result([exports.cancel(call.part)])),
            self._route("GET", r"/bulk/v1/leads/export/([\w-]+)/status.json", lambda call: _result([exports.told(call.part)])),
            self._route("GET", r"/bulk/v1/leads/export/([\w-]+)/file.json", lambda call: {"file": exports.file(call.part)}),
        )

    @staticmethod
    def _route(verb: str, path: str, handler: Handler, *params: str, writes: bool = False) -> Route:
        return Route(verb, re.compile(path.replace(".json", r"\.json")), handler, frozenset(params), writes)

    def of(self, verb: str, path: str, params: Mapping[str, tuple[str, ...]], body: Any, client: Client) -> dict[str, Any]:
        """Carry out one call; raises RefusedError 603, 605, 610 or what the method itself refuses with."""
        known = [(route, found) for route in self.routes if (found := route.path.fullmatch(path))]
        if not known:
            raise RefusedError("610")
        for route, found in known:
            if route.verb == verb:
                if params.keys() - route.params:
                    raise RefusedError("1003")
                if route.writes and not client.writes:
                    raise RefusedError("603")
                return route.handler(Call(params, body, found[1] if found.lastindex else "", client))
        raise RefusedError("605")

    def _leads(self, call: Call) -> dict[str, Any]:
        kind = self._people.kinds.get(call.one("filterType"))
        values = [value.strip() for value in call.one("filterValues").split(",") if value.strip()]
        if kind is None or not kind.searchable or len(values) > BATCH:
            raise RefusedError("1003")
        if not values:
            raise RefusedError("1002")
        fields = [name for name in call.one("fields").split(",") if name] or _DEFAULT
        if set(fields) - self._people.kinds.keys():
            raise RefusedError("1006")
        wanted = {value.casefold() for value in values}
        after = int(self.pages.place(call.one("nextPageToken"), "leads") or 0)
        found = [one for one in self._people.visible() if one.id > after and self._value(one, kind.name).casefold() in wanted]
        told = _result([self._people.shown(one, fields) for one in found[: call.batch]])
        if len(found) > call.batch:
            told |= {"nextPageToken": self.pages.token("leads", str(found[call.batch - 1].id)), "moreResult": True}
        return told

    def _value(self, one: Lead, name: str) -> str:
        return str(self._people.shown(one, (name,))[name] or "")

    def _sync(self, call: Call) -> dict[str, Any]:
        told = call.body if isinstance(call.body, dict) else {}
        action, lookup = told.get("action", "createOrUpdate"), told.get("lookupField", "email")
        if set(told) - {"action", "lookupField", "input", "partitionName", "asyncProcessing"}:
            raise RefusedError("1003")
        if action not in {"createOnly", "updateOnly", "createOrUpdate"} or (lookup == "id" and action != "updateOnly"):
            raise RefusedError("1003")
        partition = next((key for key, name in self._people.partitions.items() if name == told.get("partitionName", "Default")), 0)
        return _result([self._one(dict(one), str(action), str(lookup), partition) for one in call.given()])

    def _one(self, values: dict[str, Any], action: str, lookup: str, partition: int) -> dict[str, Any]:
        key = values.pop("id", None) if lookup == "id" else values.get(lookup)
        if key is None:
            return _skipped("1002")
        if (wrong := self._people.wrong(values)) is not None:
            return {"status": "skipped", "reasons": [wrong]}
        same = [one for one in self._people.visible() if self._value(one, lookup).casefold() == str(key).casefold()]
        if len(same) > 1:
            return _skipped("1007")
        if not same:
            if action == "updateOnly":
                return _skipped("1004")
            return _skipped("1008") if not partition else {"id": self._people.create(values, partition), "status": "created"}
        if action == "createOnly":
            return _skipped("1005")
        if same[0].forbidden:
            return _skipped("1008")
        self._people.update(same[0].id, values)
        return {"id": same[0].id, "status": "updated"}

    def _delete(self, call: Call) -> dict[str, Any]:
        made = []
        for told in call.given():
            one = self._people.seen(_number(told.get("id")))
            if one is None or one.forbidden:
                made.append({"id": told.get("id"), **_skipped("1004" if one is None else "1008")})
            else:
                self._people.delete(one.id)
                made.append({"id": one.id, "status": "deleted"})
        return _result(made)

    def _describe(self, call: Call) -> dict[str, Any]:
        fields = [
            {
                "name": one.name, "displayName": one.name, "dataType": one.type, "length": 255,
                "updateable": one.writable, "crmManaged": False,
            }
            for one in self._people.kinds.values()
        ]  # fmt: skip
        searchable = [[one.name] for one in self._people.kinds.values() if one.searchable]
        return _result([{"name": "API Lead", "searchableFields": searchable, "fields": fields}])

    def _partitions(self, call: Call) -> dict[str, Any]:
        shown = {key: name for key, name in self._people.partitions.items() if key not in self._people.hidden}
        return _result([{"id": key, "name": name, "description": ""} for key, name in shown.items()])

    def _lists_of(self, call: Call) -> dict[str, Any]:
        lead = self._people.seen(int(call.part))
        if lead is None:
            raise RefusedError("1004")
        after = int(self.pages.place(call.one("nextPageToken"), "lists") or 0)
        found = [key for key, members in sorted(self._people.members.items()) if lead.id in members and key > after]
        now = stamp(lead.created)
        told = _result([{"listId": key, "createdAt": now, "updatedAt": now} for key in found[: call.batch]])
        if len(found) > call.batch:
            told |= {"nextPageToken": self.pages.token("lists", str(found[call.batch - 1])), "moreResult": True}
        return told

    def _lists(self, call: Call) -> dict[str, Any]:
        asked = {_number(one) for one in call.params.get("id", ())}
        shown = {key: name for key, name in self._people.lists.items() if not asked or key in asked}
        return _result([{"id": key, "name": name, "workspaceName": "Default"} for key, name in shown.items()])

    def _members(self, call: Call) -> tuple[set[int], list[int]]:
        if int(call.part) not in self._people.lists:
            raise RefusedError("1013")
        told = call.body.get("input", ()) if isinstance(call.body, dict) else ()
        ids = [_number(one) for one in (*call.params.get("id", ()), *(one.get("id") for one in told))]
        if not 1 <= len(ids) <= BATCH:
            raise RefusedError("1003")
        return self._people.members.setdefault(int(call.part), set()), ids

    def _is_member(self, call: Call) -> dict[str, Any]:
        members, ids = self._members(call)
        words = {True: "memberof", False: "notmemberof"}
        return _result(
            [
                {"id": key, "status": words[key in members]} if self._people.seen(key) else {"id": key, **_skipped("1004")}
                for key in ids
            ]
        )

    def _add(self, call: Call) -> dict[str, Any]:
        members, ids = self._members(call)
        there = [key for key in ids if self._people.seen(key)]
        members.update(there)
        return _result([{"id": key, "status": "added"} if key in there else {"id": key, **_skipped("1004")} for key in ids])

    def _remove(self, call: Call) -> dict[str, Any]:
        members, ids = self._members(call)
        made = []
        for key in ids:
            there = self._people.seen(key)
            gone = {"id": key, **_skipped("1015" if there else "1004")}
            made.append({"id": key, "status": "removed"} if there and key in members else gone)
            members.discard(key)
        return _result(made)

    def _paging(self, call: Call) -> dict[str, Any]:
        try:
            since = datetime.fromisoformat(call.one("sinceDatetime"))
        except ValueError:
            raise RefusedError("1001") from None
        if since.tzinfo is None:
            raise RefusedError("1001")
        return {"nextPageToken": self.pages.token("log", since.isoformat())}

    def _deleted(self, call: Call) -> dict[str, Any]:
        since = self._since(call)
        return self._log(call, LOG_PAGE, [
            (one.at, {
                "id": one.number, "marketoGUID": str(one.number), "leadId": one.lead, "activityDate": stamp(one.at),
                "activityTypeId": DELETED, "primaryAttributeValueId": one.lead, "primaryAttributeValue": one.name, "attributes": [],
            })
            for one in self._people.deleted_since(since)
        ])  # fmt: skip

    def _types(self, call: Call) -> dict[str, Any]:
        types = {**TYPES, DELETED: "Delete Lead"}
        return _result([{"id": key, "name": name, "description": "", "attributes": []} for key, name in types.items()])

    def _activities(self, call: Call) -> dict[str, Any]:
        """Give activities of at most 30 people and ten kinds."""
        leads, types = ([_number(one) for text in call.params.get(key, ()) for one in text.split(",")] for key in ("leadIds", "activityTypeIds"))
        if not 1 <= len(types) <= 10 or len(leads) > 30:
            raise RefusedError("1003")
        asked = [one for one in leads if self._people.seen(one)]
        rows = [one for key in asked for one in self._people.activities.get(key, ()) if one.type in types and one.at >= self._since(call)]
        return self._log(call, ACTIVITY_PAGE, [
            (one.at, {
                "id": one.number, "marketoGUID": str(one.number), "leadId": one.lead, "activityDate": stamp(one.at),
                "activityTypeId": one.type, "primaryAttributeValue": one.what,
                "attributes": [{"name": name, "value": value} for name, value in one.attributes.items()],
            })
            for one in rows
        ])  # fmt: skip

    def _log(self, call: Call, span: timedelta, rows: list[tuple[datetime, dict[str, Any]]]) -> dict[str, Any]:
        """Give one page of a log: what lies in one span of time, and a token for what comes after it."""
        end = min(self._since(call) + span, self._people.now)
        whole = sorted((one for one in rows if one[0] <= end), key=lambda one: (one[0], one[1]["id"]))
        after = self._offset(call)
        found = whole[after : after + call.batch]
        place = f"{self._since(call).isoformat()} {after + len(found)}"
        if len(whole) <= after + len(found):
            end += timedelta(microseconds=1)
            place = f"{end.isoformat()} 0"
        more = len(whole) > after + len(found) or end <= self._people.now
        return {**_result([row for _, row in found]), "nextPageToken": self.pages.token("log", place), "moreResult": more}

    def _since(self, call: Call) -> datetime:
        return datetime.fromisoformat((self.pages.place(call.one("nextPageToken"), "log") or self._missing()).partition(" ")[0])

    def _offset(self, call: Call) -> int:
        return int(self.pages.place(call.one("nextPageToken"), "log").partition(" ")[2] or 0)

    @staticmethod
    def _missing() -> str:
        raise RefusedError("1002")

    def _usage(self, call: Call) -> dict[str, Any]:
        used = self._gate.used
        return _result([{"date": self._gate.day.isoformat(), "total": used, "users": [{"userId": "api@example.com", "count": used}]}])

    def _custom(self, call: Call) -> dict[str, Any]:
        return _result([{"name": name, "state": "approved", "idField": "marketoGUID"} for name in self.custom_objects])


def _result(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"result": rows}


def _skipped(code: str) -> dict[str, Any]:
    return {"status": "skipped", "reasons": [reason(code)]}


def _number(told: object) -> int:
    text = str(told)
    if not text.isdecimal():
        raise RefusedError("1001")
    return int(text)
