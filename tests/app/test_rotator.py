"""The server changes the root by itself: within a day of an erasure, monthly otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import HANAKO, Site
from upheld.app import Rotator
from upheld.db import unb64


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def test_the_server_changes_the_root_when_it_is_due(site: Site) -> None:
    """Nothing happens while all is quiet; a day after an erasure the old root goes; then again a month later."""
    rotator = Rotator(site.house)
    assert not rotator.look()
    told = site.collect(HANAKO, "event")
    site.house.vault.erase(
        unb64(told["subject"]), reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights"
    )
    assert not rotator.look()
    site.clock.advance(hours=24)
    assert rotator.look()
    assert not rotator.look()
    assert site.house.holdings.rotations.status().root == "root-2"
    site.clock.advance(days=29, hours=23)
    assert not rotator.look()
    site.clock.advance(hours=1)
    assert rotator.look()
    site.house.settle()
    kinds = [entry.kind.name for entry in site.house.ledger.entries_since(0, 1000)]
    assert (kinds.count("keys.rotated"), kinds.count("erase.sealed")) == (2, 1)


def test_the_thread_looks_by_itself_and_a_failure_does_not_end_it(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A change that cannot be made is told by its code and tried again at the next look."""
    site.clock.advance(days=30)
    copies = site.house.folder / "copies"
    copies.mkdir()
    (copies / "a").write_text("in the way")
    rotator = Rotator(site.house, 0.05)
    rotator.start()
    try:
        until = time.monotonic() + 10
        while "keys_backup_overdue" not in caplog.text and time.monotonic() < until:
            threading.Event().wait(0.05)
        assert "keys_backup_overdue" in caplog.text
        (copies / "a").unlink()
        while site.house.holdings.rotations.status().under_way and time.monotonic() < until:
            threading.Event().wait(0.05)
    finally:
        rotator.stop()
    assert site.house.holdings.ring.root.list() == ["root-2"]
