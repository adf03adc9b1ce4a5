"""Keys of programs: each scope opens its own door and no other, for a year at most, two at a time for one label."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import HANAKO, Site
from upheld.security import keys
from upheld.security.store import key_table
from upheld.web.refusals import Refusal

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def subject(site: Site) -> str:
    return str(site.collect(HANAKO, "event", *SIX, consents=["announce"])["subject"])


def auth(site: Site, *scopes: str, label: str = "", **more: Any) -> dict[str, str]:
    """Make a key with scopes and give its header."""
    _, text = keys.make(site.house, label=label or " ".join(scopes), by="staff:0", scopes=scopes, **more)
    return {"Authorization": f"Bearer {text}"}


def doors(site: Site, subject: str, headers: dict[str, str]) -> dict[str, int]:
    """Knock at every door that asks for a scope, and give the status of each."""
    sent = {**headers, "Idempotency-Key": site.house.ids.random(9).hex()}
    card = {"fields": HANAKO.some("name", "email"), "country": "JP", "script": {"version": "1"}}
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "collect:card": ("/api/v1/collect/card", card),
        "read:analyse": ("/api/v1/read", {"subject": subject, "purpose": "analyse", "fields": ["email"]}),
        "read:announce": ("/api/v1/read", {"subject": subject, "purpose": "announce", "fields": ["email"]}),
        "audience:announce": ("/api/v1/audience", {"purpose": "announce"}),
        "transfer:marketo": ("/api/v1/transfers", {"service": "marketo", "subject": subject, "purpose": "announce"}),
        "transfer:gcp": ("/api/v1/transfers", {"service": "gcp", "subject": subject, "purpose": "analyse"}),
        "relations:end": ("/api/v1/relations", {"kind": "contract", "id": "C-0", "ended": "2026-11-22"}),
    }
    return {scope: site.http.post(path, json=body, headers=sent).status_code for scope, (path, body) in asked.items()}


@pytest.mark.parametrize(
    "scope",
    ["collect:card", "read:analyse", "read:announce", "audience:announce", "transfer:marketo", "transfer:gcp"],
)
def test_a_scope_opens_its_own_door_only(site: Site, subject: str, scope: str) -> None:
    """With one scope one door opens; every other answers 403 and nothing else."""
    found = doors(site, subject, auth(site, scope))
    opened = {name for name, status in found.items() if status < 300}
    assert opened == {scope}
    assert {status for name, status in found.items() if name not in opened} == {403}


@pytest.mark.parametrize(
    ("scope", "status"), [("read:announce", 403), ("consents:analyse", 403), ("consents:announce", 201), ("consents:write", 201)]
)
def test_finding_a_person_to_write_a_consent_needs_the_scope(site: Site, subject: str, scope: str, status: int) -> None:
    """By address a person's choice is changed only with the scope of consents, for this purpose or for all."""
    body = {"identifier": {"kind": "email", "value": HANAKO.email}, "purpose": "announce", "action": "withdraw"}
    headers = {**auth(site, scope, label=f"for {scope}"), "Idempotency-Key": scope}
    assert site.http.post("/api/v1/consents", json=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("scope", "status"), [("collect:event", 403), ("consents:analyse", 403), ("consents:announce", 201), ("consents:write", 201)]
)
def test_a_key_speaks_for_a_number_only_within_its_scope(site: Site, subject: str, scope: str, status: int) -> None:
    """Whoever brings a key is judged by it, also with somebody's number; the person's own browser brings none."""
    body = {"subject": subject, "purpose": "announce", "action": "object"}
    headers = {**auth(site, scope, label=f"number {scope}"), "Idempotency-Key": f"number {scope}"}
    answer = site.http.post("/api/v1/consents", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "forbidden"
    assert site.state_choice(subject, "announce", "withdraw").status_code == 201


@pytest.mark.parametrize(
    ("scope", "status"), [("requests:access", 403), ("consents:write", 403), ("requests:erasure", 201), ("requests:write", 201)]
)
def test_a_key_hands_in_requests_only_within_its_scope(site: Site, scope: str, status: int) -> None:
    """A key for one right hands in no other; without a key anybody may, as on the page."""
    body = {"right": "erasure", "residence": "DE", "identifier": {"kind": "email", "value": HANAKO.email}}
    headers = {**auth(site, scope, label=f"asks {scope}"), "Idempotency-Key": f"asks {scope}"}
    assert site.http.post("/api/v1/requests", json=body, headers=headers).status_code == status
    alone = {"Idempotency-Key": f"alone {scope}"}
    assert site.http.post("/api/v1/requests", json=body, headers=alone).status_code == 201


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer upheld_00000000_" + "A" * 43, "Basic YTpi", "Bearer upheld_x"])
def test_no_key_opens_no_door(site: Site, subject: str, header: str) -> None:
    """Without a key that is known, every door answers 401."""
    assert set(doors(site, subject, {"Authorization": header}).values()) == {401}


@pytest.mark.parametrize(
    "more",
    [{"scopes": ("read:analyse",), "days": 366}, {"scopes": ("read:analyse",), "days": 0}, {"scopes": ("everything",)},
     {"scopes": ("read",)}, {"scopes": ("write:analyse",)}, {"scopes": ()}, {"scopes": ("read:analyse",), "number": 1}],
)  # fmt: skip
def test_unfit_keys_are_not_made(site: Site, more: dict[str, Any]) -> None:
    """Longer than a year, of no scope, of an unknown one, or of scopes and account at once: refused."""
    with pytest.raises(Refusal) as refused:
        keys.make(site.house, label="unfit", by="staff:0", **more)
    assert refused.value.diagnostic.code == "value_invalid"


def test_a_key_is_replaced_by_its_successor(site: Site) -> None:
    """Two keys of a label count at a time; a third is made only after one of them was revoked or ended."""
    first, _ = keys.make(site.house, label="nightly", by="staff:0", scopes=("read:analyse",))
    keys.make(site.house, label="nightly", by="staff:0", scopes=("read:analyse",), days=1)
    with pytest.raises(Refusal):
        keys.make(site.house, label="nightly", by="staff:0", scopes=("read:analyse",))
    keys.revoke(site.house, first.id, by="staff:0")
    third, _ = keys.make(site.house, label="nightly", by="staff:0", scopes=("read:analyse",))
    assert third.id in {one.id for one in keys.listed(site.house) if one.label == "nightly" and not one.revoked}


def test_first_keys_made_at_the_same_instant_are_two_at_most(site: Site) -> None:
    """Of eight who make the first key of a label at once two succeed, whichever engine."""
    gate, made, refused = threading.Barrier(8), [], []

    def make() -> None:
        gate.wait()
        try:
            made.append(keys.make(site.house, label="at once", by="staff:0", scopes=("read:analyse",)))
        except Refusal as error:
            refused.append(error.diagnostic.fields)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), refused) == (2, [("label",)] * 6)


def test_a_key_ends_by_itself_and_is_kept_as_a_hash(subject: str, site: Site) -> None:
    """After its last day a key is nobody; the store never held its secret."""
    headers = auth(site, "read:analyse", label="short", days=1)
    secret = headers["Authorization"].rpartition("_")[2]
    with site.house.store.read() as tx:
        assert secret not in str(tx.execute(key_table.select()).all())
    body = {"subject": subject, "purpose": "analyse", "fields": ["email"]}
    assert site.http.post("/api/v1/read", json=body, headers=headers).status_code == 200
    site.clock.advance(days=1)
    assert site.http.post("/api/v1/read", json=body, headers=headers).status_code == 401
