"""The shelf and the receipts of a notice, below the pages."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import NOW, REFERENCE, copy_policy, edit
from upheld.amendment import publish
from upheld.app import open_house
from upheld.db import FixedClock, Ids
from upheld.notice import Notices, Snapshot
from upheld.notice.rules import fingerprint, fingerprints, judge, sheet
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen, Service
from upheld.web.refusals import Refusal

LAW = load_law()
DAY = NOW.date()
POLICY = compile_policy(REFERENCE, LAW, DAY).draft
EVENT = POLICY.situations["event"]
SNAP = Snapshot("form:event", "1", "aa", "ja", "", "ff")


def notices(clock: FixedClock, key: bytes = b"k" * 32) -> Notices:
    pick = random.Random(7)
    return Notices(key, clock, Ids(clock, pick.randbytes))


def test_what_was_published_is_served_as_it_was_compiled(tmp_path: Path) -> None:
    """A published version is read back equal to what was compiled, also by another process that opens the folder."""
    clock = FixedClock(NOW)
    house = open_house(tmp_path / "data", clock)
    assert house.shelf.in_force() is None
    assert house.shelf.versions() == ()
    publish(house, REFERENCE)
    other = open_house(tmp_path / "data", clock)
    for one in (house, other):
        published = one.shelf.in_force()
        assert published is not None
        assert published.policy == POLICY
        assert published.policy.values == POLICY.values
        assert one.shelf.version("2") is None
    v2 = copy_policy(tmp_path / "v2")
    edit(v2, "00-policy.yaml", 'version: "1"', 'version: "2"')
    clock.advance(seconds=10)
    publish(house, v2)
    seen = other.shelf.in_force()
    assert seen is not None
    assert seen.version == "2"
    before = other.shelf.in_force(clock.now() - timedelta(seconds=1))
    assert before is not None
    assert before.version == "1"
    assert other.shelf.in_force(NOW - timedelta(days=1)) is None
    house.close()
    other.close()


def test_the_sheet_tells_everything_of_a_situation_and_nothing_else() -> None:
    """What is told of an event: its purposes in order, the services behind them, the countries they reach, the clock."""
    told = sheet(POLICY, LAW, EVENT, DAY)
    assert [one.purpose.id for one in told.purposes] == ["analyse", "announce"]
    assert [one.id for one in told.services] == ["salesforce", "gcp", "marketo"]
    assert set(told.countries) == {"JP", "US"}
    assert told.consents == ("announce",)
    assert told.purposes[0].interest == "product_development"
    assert [str(end.period) for end in told.ends] == ["P3Y"]
    assert sheet(POLICY, LAW, POLICY.situations["candidate"], DAY).services == ()


def test_the_fingerprint_keeps_through_wording_and_order() -> None:
    """Edited sentences and another order of services leave the fingerprint as it was."""
    before = fingerprint(POLICY, LAW, EVENT, DAY)
    purposes = {name: replace(one, text=Frozen({"en": "x", "ja": "x"})) for name, one in POLICY.purposes.items()}
    services = dict(reversed(POLICY.services.items()))
    after = replace(POLICY, purposes=Frozen(purposes), services=Frozen(services))
    assert fingerprint(after, LAW, EVENT, DAY) == before


def changed(policy: CompiledPolicy) -> set[str]:
    """Name the purposes of an event whose fingerprint changed."""
    old, new = fingerprints(POLICY, LAW, EVENT, DAY), fingerprints(policy, LAW, policy.situations["event"], DAY)
    return {name for name in old if old[name] != new.get(name)}


def test_the_fingerprint_changes_with_what_was_agreed() -> None:
    """A new recipient, a new country, a longer period or another field changes the fingerprint of what it touches alone."""
    mailer = replace(POLICY.services["slack"], id="mailer", purposes=("announce",))
    more: dict[str, Service] = {**POLICY.services, "mailer": mailer}
    assert changed(replace(POLICY, services=Frozen(more))) == {"announce"}
    gcp = replace(POLICY.services["gcp"], storage=("JP",), support_access=("JP",))
    assert changed(replace(POLICY, services=Frozen({**POLICY.services, "gcp": gcp}))) == set()
    gcp = replace(POLICY.services["gcp"], storage=("JP", "US", "SG"))
    assert changed(replace(POLICY, services=Frozen({**POLICY.services, "gcp": gcp}))) == {"analyse"}
    kinds = {**POLICY.retention.kinds, "prospect": POLICY.retention.kinds["visitor"]}
    retention = replace(POLICY.retention, kinds=Frozen(kinds))
    assert changed(replace(POLICY, retention=retention)) == {"analyse", "announce"}
    event = replace(EVENT, optional=("phone",))
    assert changed(replace(POLICY, situations=Frozen({**POLICY.situations, "event": event}))) == {"analyse", "announce"}


def test_a_snapshot_is_the_same_for_everybody_and_a_receipt_for_nobody_else() -> None:
    """Two people get one snapshot and two receipts; both read back as what was shown."""
    clock = FixedClock(NOW)
    desk = notices(clock)
    assert desk.snapshot(SNAP) == desk.snapshot(SNAP)
    assert desk.read_snapshot(desk.snapshot(SNAP)) == SNAP
    first, second = desk.receipt(SNAP), desk.receipt(SNAP)
    assert first != second
    shown = desk.read(first)
    assert (shown.snapshot, shown.at) == (SNAP, NOW)
    assert shown.digest != desk.read(second).digest
    assert shown.id not in shown.digest


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_no_made_up_token_is_read(token: str) -> None:
    """Whatever is sent as a receipt is refused as such, never an error of another kind."""
    desk = notices(FixedClock(NOW))
    for text in (token, f"{desk.receipt(SNAP).partition('.')[0]}.{token}"):
        with pytest.raises(Refusal) as caught:
            desk.read(text)
        assert (caught.value.code, caught.value.status) == ("receipt_invalid", 400)


def test_one_kind_of_token_is_not_the_other_and_another_key_opens_none() -> None:
    """A snapshot is no receipt, and a receipt signed elsewhere is refused."""
    clock = FixedClock(NOW)
    desk, other = notices(clock), notices(clock, b"x" * 32)
    for token in (desk.snapshot(SNAP), other.receipt(SNAP), desk.receipt(SNAP)[:-3]):
        with pytest.raises(Refusal):
            desk.read(token)


def test_a_showing_counts_for_its_surface_version_language_and_a_day() -> None:
    """Any other form, version or language, and a showing older than a day, does not count."""
    clock = FixedClock(NOW)
    desk = notices(clock)
    snap = replace(SNAP, promise_hash=POLICY.promise_hash)
    shown = desk.read(desk.receipt(snap))

    def say(surface: str = "form:event", lang: str | None = "ja", later: timedelta = timedelta()) -> str | None:
        return judge(shown, surface=surface, policy=POLICY, lang=lang, now=NOW + later)

    assert say() is None
    assert say(lang=None) is None
    assert say(later=timedelta(hours=24)) is None
    assert say(later=timedelta(hours=24, milliseconds=1)) == "notice_stale"
    assert say(lang="en") == "notice_stale"
    assert say(surface="form:materials") == "notice_not_shown"
    newer = replace(POLICY, version="2")
    assert judge(shown, surface="form:event", policy=newer, lang=None, now=NOW) == "notice_stale"
    assert judge(None, surface="form:event", policy=POLICY, lang=None, now=NOW) == "notice_not_shown"
