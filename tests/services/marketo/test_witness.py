"""The fake agrees with what is publicly known of the real thing.

The facts below were read, and are told in our own words, from: the operator's pages on authentication, errors, limits,
leads, lists, activities, usage and bulk extract (experienceleague.adobe.com, 2026); api-evangelist/marketo
`errors/marketo-error-codes.yml`; records that airbytehq/airbyte has from a real instance
(`source-marketo/integration_tests/expected_records.jsonl`); and what jepcastelein/marketo-rest-python reads of answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.services.marketo.double import Instance
from upheld.services.contract import HANAKO
from upheld.services.marketo.errors import TROUBLES
from upheld.services.marketo.fake.refusals import WORDS

PUBLISHED = frozenset(
    ["500", "502", "600", "601", "602", "603", "604", "605", "606", "607", "608", "609", "610", "611", "612", "613", "614", "615", "616", "701", "702", "703", "704", "709", "710", "711", "712", "713", "714", "718", "719", "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014", "1015", "1016", "1017", "1018", "1019", "1020", "1021", "1022", "1025", "1026", "1027", "1028", "1029", "1035", "1036", "1037", "1042", "1048", "1049", "1076", "1077", "1078", "1079", "1080"]
)
RECORDED: Mapping[str, type | None] = {
    "id": int, "email": str, "firstName": str, "lastName": str, "company": str, "phone": None, "mobilePhone": None, "title": None,
    "department": None, "unsubscribed": bool, "unsubscribedReason": None, "doNotCall": bool, "doNotCallReason": None,
    "marketingSuspended": bool, "marketingSuspendedCause": None, "blackListed": bool, "blackListedCause": None, "emailInvalid": bool,
    "isLead": bool, "isAnonymous": bool, "mktoName": str, "createdAt": str, "updatedAt": str, "cookies": None, "anonymousIP": None,
    "inferredCountry": None, "mktoPersonNotes": None, "leadPartitionId": int, "originalReferrer": None,
}  # fmt: skip
"""Fields of a recorded person and the type of what stands in them; None where it was empty."""

Shape = type | tuple[type, ...] | list[Any] | dict[str, Any] | re.Pattern[str]
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
REQUEST = re.compile(r"[0-9a-f]+#[0-9a-f]+")
REASON = {"code": re.compile(r"\d{3,4}"), "message": str}
SHAPES: Mapping[str, Shape] = {
    "token": {"access_token": re.compile(r"[\w-]+:\w+"), "token_type": re.compile("bearer"), "expires_in": int, "scope": str},
    "refused": {"requestId": REQUEST, "success": bool, "errors": [REASON]},
    "found": {"requestId": REQUEST, "success": bool, "result": [{"id": int, "email": str, "createdAt": STAMP, "updatedAt": STAMP}]},
    "deleted": {"requestId": REQUEST, "success": bool, "result": [{"id": int, "status": re.compile("deleted")}]},
    "skipped": {"requestId": REQUEST, "success": bool, "result": [{"id": int, "status": re.compile("skipped"), "reasons": [REASON]}]},
    "written": {"requestId": REQUEST, "success": bool, "result": [{"id": int, "status": re.compile("created|updated")}]},
    "described": {
        "requestId": REQUEST, "success": bool,
        "result": [{
            "name": str, "searchableFields": [[str]],
            "fields": [{"name": str, "displayName": str, "dataType": str, "updateable": bool, "crmManaged": bool}],
        }],
    },
    "lists": {"requestId": REQUEST, "success": bool, "result": [{"listId": int, "createdAt": STAMP, "updatedAt": STAMP}]},
    "member": {"requestId": REQUEST, "success": bool, "result": [{"id": int, "status": re.compile("memberof|notmemberof")}]},
    "paging": {"requestId": REQUEST, "success": bool, "nextPageToken": str},
    "deletions": {
        "requestId": REQUEST, "success": bool, "nextPageToken": str, "moreResult": bool,
        "result": [{
            "id": int, "marketoGUID": str, "leadId": int, "activityDate": str, "activityTypeId": int,
            "primaryAttributeValueId": int, "primaryAttributeValue": str, "attributes": [],
        }],
    },
    "usage": {
        "requestId": REQUEST, "success": bool,
        "result": [{"date": re.compile(r"\d{4}-\d\d-\d\d"), "total": int, "users": [{"userId": str, "count": int}]}],
    },
    "job": {
        "requestId": REQUEST, "success": bool,
        "result": [{"exportId": re.compile(r"[0-9a-f-]{36}"), "format": re.compile("CSV"), "status": str, "createdAt": STAMP}],
    },
}  # fmt: skip


def differences(shape: Shape, body: object, place: str = "") -> list[str]:
    """Say in what a body differs from what is known; keys that nobody has told of are no difference."""
    if isinstance(shape, dict):
        if not isinstance(body, dict):
            return [f"{place}: no object"]
        missing = [f"{place}.{key}: missing" for key in shape if key not in body]
        return missing + [one for key in shape if key in body for one in differences(shape[key], body[key], f"{place}.{key}")]
    if isinstance(shape, list):
        if not isinstance(body, list):
            return [f"{place}: no list"]
        return [one for number, each in enumerate(body) for kind in shape for one in differences(kind, each, f"{place}[{number}]")]
    if isinstance(shape, re.Pattern):
        return [] if isinstance(body, str) and shape.fullmatch(body) else [f"{place}: {body!r}"]
    fits = isinstance(body, shape) and (shape is bool or not isinstance(body, bool))
    return [] if fits else [f"{place}: {type(body).__name__}"]


class Plain:
    """A caller that knows nothing of the service: one call, one answer."""

    def __init__(self, instance: Instance) -> None:
        self._http = httpx.Client(base_url=instance.proxy.url, trust_env=False)
        form = {"grant_type": "client_credentials", "client_id": "upheld", "client_secret": "example"}
        self.token = self._http.get("/identity/oauth/token", params=form).json()
        self._http.headers["Authorization"] = f"Bearer {self.token['access_token']}"

    def __call__(self, verb: str, path: str, **sent: Any) -> Any:
        answer = self._http.request(verb, path, **sent)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture
def plain(instance: Instance) -> Plain:
    instance.plant(HANAKO)
    return Plain(instance)


def test_answers_have_the_known_shape(instance: Instance, plain: Plain) -> None:
    """Everything that the service reads, asked for as the public clients ask."""
    first, second = instance.leads[HANAKO.key]
    since = plain("GET", "/rest/v1/activities/pagingtoken.json", params={"sinceDatetime": "2026-11-22T00:00:00Z"})
    bodies = {
        "token": plain.token,
        "found": plain("GET", "/rest/v1/leads.json", params={"filterType": "email", "filterValues": HANAKO.email}),
        "described": plain("GET", "/rest/v1/leads/describe2.json"),
        "lists": plain("GET", f"/rest/v1/leads/{first}/listMembership.json"),
        "member": plain("GET", "/rest/v1/lists/41/leads/ismember.json", params={"id": [first, second]}),
        "written": plain("POST", "/rest/v1/leads.json", json={"input": [{"email": "new@example.com"}]}),
        "deleted": plain("POST", "/rest/v1/leads/delete.json", json={"input": [{"id": first}]}),
        "skipped": plain("POST", "/rest/v1/leads/delete.json", json={"input": [{"id": first}]}),
        "paging": since,
        "deletions": plain("GET", "/rest/v1/activities/deletedleads.json", params={"nextPageToken": since["nextPageToken"]}),
        "usage": plain("GET", "/rest/v1/stats/usage.json"),
        "job": plain("POST", "/bulk/v1/leads/export/create.json", json={
            "fields": ["id"], "format": "CSV",
            "filter": {"createdAt": {"startAt": "2026-11-01T00:00:00Z", "endAt": "2026-11-22T00:00:00Z"}},
        }),
        "refused": plain("GET", "/rest/v1/leads.json", params={"filterType": "phone", "filterValues": "1"}),
    }  # fmt: skip
    assert bodies.keys() == SHAPES.keys()
    assert {name: found for name, body in bodies.items() if (found := differences(SHAPES[name], body))} == {}
    assert all(bodies[name]["success"] is (name != "refused") for name in bodies if name != "token")
    assert bodies["deletions"]["result"][0]["activityTypeId"] == 37
    assert bodies["skipped"]["result"][0]["reasons"][0]["code"] == "1004"
    assert bodies["token"]["expires_in"] == 3599


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("refused", {"requestId": "a#1", "success": False, "errors": [{"code": 606, "message": "Max rate limit exceeded"}]}),
        ("lists", {"requestId": "a#1", "success": True, "result": [{"id": 41, "createdAt": "2026-11-22T03:00:00Z"}]}),
        ("found", {"requestId": "a#1", "success": True, "result": {"id": 1}}),
    ],
)
def test_a_wrong_body_is_seen(name: str, body: object) -> None:
    """A code as a number, another name of a key, an object in place of a list: what a careless double would say."""
    assert differences(SHAPES[name], body)


def test_a_person_is_shown_as_one_was_recorded(instance: Instance, plain: Plain) -> None:
    """The names of the fields and the types of their values, flags false and not empty, times to the second and in UTC."""
    lead = instance.fake.put(email="recorded@example.com", firstName="Test Person", lastName="All People", company="Test Company")
    asked = {"filterType": "id", "filterValues": str(lead), "fields": ",".join(RECORDED)}
    (shown,) = plain("GET", "/rest/v1/leads.json", params=asked)["result"]
    assert {name: type(value) if value is not None else None for name, value in shown.items()} == dict(RECORDED)
    assert STAMP.fullmatch(shown["updatedAt"])


def test_codes_are_the_published_ones() -> None:
    """The fake says no other code, but one that stands for a code to come; the service knows none that was not published."""
    assert WORDS.keys() - PUBLISHED == {"1999"}
    assert TROUBLES.keys() <= PUBLISHED


def test_the_known_limits_are_kept(instance: Instance, plain: Plain) -> None:
    """The hundred-and-first call in twenty seconds is 606 and not counted; the token is the same for an hour; a wrong secret is 401."""
    for _ in range(100):
        assert plain("GET", "/rest/v1/stats/usage.json")["success"]
    for _ in range(2):
        assert plain("GET", "/rest/v1/stats/usage.json")["errors"][0]["code"] == "606"
    assert instance.fake.gate.used == 100
    assert Plain(instance).token["access_token"] == plain.token["access_token"]
    answer = httpx.post(f"{instance.proxy.url}/identity/oauth/token", data={"grant_type": "client_credentials", "client_id": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_what_is_not_documented_is_refused(plain: Plain) -> None:
    """A path, a verb, a parameter and a body that the operator does not have: each with the code of its own."""
    for verb, path, sent, code in (
        ("GET", "/rest/v1/people.json", {}, "610"),
        ("GET", "/rest/v1/leads/delete.json", {}, "605"),
        ("GET", "/rest/v1/leads/describe2.json", {"params": {"verbose": "1"}}, "1003"),
        ("POST", "/rest/v1/leads.json", {"content": b"{", "headers": {"Content-Type": "application/json"}}, "609"),
        ("POST", "/rest/v1/leads.json", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, "612"),
        ("POST", "/rest/v1/leads.json", {"json": {"action": "createOrUpdate", "lookupField": "id", "input": [{"id": 1}]}}, "1003"),
    ):
        assert plain(verb, path, **sent)["errors"][0]["code"] == code, path
