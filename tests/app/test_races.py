"""Two applications over one data folder: of acts that exclude each other exactly one counts, whoever is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import HANAKO, OFFICER, SATO, Site, copy_policy, edit
from upheld.amendment import note_effective
from upheld.db import UpheldError
from upheld.notice.store import version_table
from upheld.retention import actions as retention
from upheld.rights import actions as rights
from upheld.rights import store
from upheld.security import keys, staff

MANY = 6
ROUNDS = 4
GROUND = "contract_in_force"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two running applications with stores of their own connections, one clock."""
    with Site(folder=tmp_path / "data") as one, Site(policy=None, folder=tmp_path / "data") as two:
        yield one, two


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Let every act begin at the same moment in a thread of its own; gives what each gave or raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait(timeout=20)
        try:
            return act()
        except UpheldError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(timeout=60) for done in [pool.submit(run, act) for act in acts]]


def good(done: list[Any]) -> list[Any]:
    return [one for one in done if not isinstance(one, Exception)]


def kinds(site: Site) -> list[str]:
    site.house.settle()
    return [entry.kind.name for entry in site.house.ledger.entries_since(0, 10_000)]


def asked(site: Site, right: str = "erasure", email: str = HANAKO.email) -> rights.Request:
    return rights.receive(site.house, right=right, residence="JP", identifier={"email": email})


def test_requests_that_arrive_at_once_get_numbers_of_their_own(pair: tuple[Site, Site]) -> None:
    """No two requests share a number, and none is lost."""
    done = at_once([lambda site=site: asked(site) for site in pair * MANY])
    assert len({one.number for one in good(done)}) == 2 * MANY
    assert len(rights.listed(pair[0].house)) == 2 * MANY


def test_a_request_is_decided_once(pair: tuple[Site, Site]) -> None:
    """Of an approval and a refusal at the same moment one is written down, the other is told where the request stands."""
    one, two = pair
    one.staff(OFFICER)
    number = OFFICER.number
    for turn in range(1, ROUNDS + 1):
        at = rights.identify(one.house, asked(one).number, by=number).number
        done = at_once([
            partial(rights.approve, one.house, at, by=number),
            partial(rights.refuse, two.house, at, GROUND, by=number),
            partial(rights.approve, two.house, at, by=number),
        ])  # fmt: skip
        assert len(good(done)) == 1, done
        assert {one.diagnostics()[0].code for one in done if isinstance(one, UpheldError)} == {"request_step"}
        assert kinds(one).count("request.decided") == turn


def test_an_erasure_resumed_twice_at_once_has_one_certificate(pair: tuple[Site, Site]) -> None:
    """Two processes that go on with one erasure end with the same request, the records counted once."""
    one, _ = pair
    one.collect(HANAKO, "event")
    one.staff(OFFICER)
    request = rights.identify(one.house, asked(one).number, by=OFFICER.number)
    with one.house.store.write() as tx:
        store.save(tx, replace(request, state="searching", decided_by="staff:4"), request)
    done = good(at_once([lambda site=site: rights.resume(site.house, request.number, by=4) for site in pair * 2]))
    assert done
    kept = rights.get(one.house, request.number)
    assert kept.state == "ready"
    assert kinds(one).count("erase.fenced") == 1
    assert kinds(one).count("erase.live") == 1


def test_a_link_signs_in_once(pair: tuple[Site, Site]) -> None:
    """A one-time link used in two places at the same moment begins one session."""
    pair[0].staff(SATO)
    for _ in range(ROUNDS):
        secret = staff.make_link(pair[0].house, SATO.number)
        done = good(at_once([partial(staff.use_link, site.house, secret) for site in pair * MANY]))
        assert len(done) == 1
        assert staff.session(pair[1].house, done[0][0]) == SATO.number


def test_accounts_added_at_once_get_numbers_of_their_own(pair: tuple[Site, Site]) -> None:
    """Staff numbers are never given twice; of one number asked for twice one is refused."""
    done = good(at_once([lambda site=site: staff.add(site.house, "KAWA") for site in pair * MANY]))
    assert len({one.number for one in done}) == 2 * MANY
    done = good(at_once([lambda site=site: staff.add(site.house, "KAWA", number=99) for site in pair]))
    assert len(done) == 1


def test_a_label_has_two_keys_at_most(pair: tuple[Site, Site]) -> None:
    """Of successors made at the same moment only one finds room beside the key they replace."""
    house = pair[0].house
    for turn in range(ROUNDS):
        keys.make(house, label=f"crm-{turn}", by="staff:0", scopes=("read:analyse",))
        done = at_once([
            lambda site=site, turn=turn: keys.make(site.house, label=f"crm-{turn}", by="staff:0", scopes=("read:analyse",))
            for site in pair * 2
        ])  # fmt: skip
        assert len(good(done)) == 1


def test_a_receipt_serves_one_act(pair: tuple[Site, Site]) -> None:
    """A notice receipt sent to both at the same moment allows one record."""
    for _ in range(ROUNDS):
        receipt = pair[0].receipt("registration")
        done = at_once([
            partial(site.send, "registration", {"email": f"p{n}@example.com"}, receipt=receipt)
            for n, site in enumerate(pair * 3)
        ])  # fmt: skip
        assert min(answer.status_code for answer in done) == 201
        refused = [one.json()["code"] for one in done if one.status_code != 201]
        assert refused == ["notice_not_shown"] * 5


def test_a_key_stands_for_one_act(pair: tuple[Site, Site]) -> None:
    """A repeated collect and a repeated request are done once and answered alike, whichever application is asked."""
    one, _ = pair
    receipt = one.receipt("registration")
    fields = HANAKO.some("email")
    done = at_once([lambda site=site: site.send("registration", fields, receipt=receipt, key="k-1") for site in pair * 3])
    assert {answer.status_code for answer in done} == {201}
    assert len({answer.text for answer in done}) == 1
    assert one.counts()[0] == 1
    body = {"right": "erasure", "residence": "JP", "identifier": {"kind": "email", "value": HANAKO.email}}
    head = {"Idempotency-Key": "k-2"}
    done = at_once([lambda site=site: site.http.post("/api/v1/requests", json=body, headers=head) for site in pair * 3])
    assert {answer.status_code for answer in done} == {201}
    assert len({answer.json()["number"] for answer in done}) == 1
    assert len(rights.listed(one.house)) == 1


def test_one_of_two_publications_counts(pair: tuple[Site, Site], tmp_path: Path) -> None:
    """Two versions published at the same moment: one is published, the other is told that something changed."""
    drafts = []
    for name in ("2", "3"):
        drafts.append(copy_policy(tmp_path / name))
        edit(drafts[-1], "00-policy.yaml", 'version: "1"', f'version: "{name}"')
    pair[0].clock.advance(minutes=1)
    pair[1].clock.advance(minutes=1)
    done = at_once([lambda site=site, draft=draft: site.publish(draft) for site, draft in zip(pair, drafts, strict=True)])
    assert len(good(done)) == 1
    (refused,) = [one for one in done if isinstance(one, UpheldError)]
    assert refused.diagnostics()[0].code == "changed_meanwhile"
    assert len(pair[0].house.shelf.versions()) == 2


def test_a_version_takes_effect_once(pair: tuple[Site, Site], tmp_path: Path) -> None:
    """Every application may notice that a version's day has come; it is written down once."""
    one, _ = pair
    for _ in range(ROUNDS):
        before = kinds(one).count("policy.effective")
        with one.house.store.write() as tx:
            tx.execute(version_table.update().values(effective_noted=False))
        at_once([lambda site=site: note_effective(site.house) for site in pair * 3])
        assert kinds(one).count("policy.effective") == before + 1


def test_two_sweeps_at_once_erase_each_record_once(pair: tuple[Site, Site]) -> None:
    """What is due is erased and written down once, however many processes sweep."""
    one, two = pair
    for number in range(5):
        answer = one.send("event", {**HANAKO.some("name", "company"), "email": f"p{number}@example.com"}, country="JP")
        assert answer.status_code == 201, answer.text
    for site in pair:
        site.clock.set(datetime(2031, 11, 22, 3, tzinfo=UTC))
    assert len(retention.due(one.house)) == 5
    done = good(at_once([lambda site=site: retention.sweep(site.house) for site in (one, two)]))
    assert len(done) == 2
    assert sum(swept.records for swept in done) == 5
    assert kinds(one).count("retention.due") == 5
    assert kinds(one).count("erase.live") == 5
    assert retention.due(one.house) == []
    assert one.house.ledger.verify() == []
