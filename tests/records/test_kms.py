"""A root under a key management service: one version of its key per root, and an honest date for its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from upheld.db import FixedClock, Ids
from upheld.records import RootError, open_holdings
from upheld.records.keeping import KeepingError, keeping_of
from upheld.records.kms import KmsClient, KmsRoot
from upheld.records.kms.client import KmsRefusedError, KmsUnreachableError
from upheld.records.kms.fake import FakeKms

KEY = "projects/p/locations/asia-northeast1/keyRings/upheld/cryptoKeys/root"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture
def kms(monkeypatch):
    monkeypatch.setenv("UPHELD_KMS_TOKEN", "t-1")
    with FakeKms(FixedClock(NOW), "t-1") as service:
        yield service


@pytest.fixture
def served(open_house, tmp_path, kms):
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "keeping.toml").write_text(
        f'[root]\nprovider = "kms"\nurl = "{kms.url}"\nkey = "{KEY}"\ntoken = "env:UPHELD_KMS_TOKEN"\n'
    )
    made = open_house(folder)
    yield made
    made.close()


def client(kms, token="t-1"):
    return KmsClient(kms.url, KEY, lambda: token)


def test_a_house_lives_under_the_service(served, kms, hanako, lena):
    """Records open, the service is asked once per start, and no unwrapped root lies on the disk."""
    subject, _ = served.collect(hanako)
    asked = len(kms.calls)
    served.collect(lena)
    assert served.fields_of(subject) == [hanako]
    assert len(kms.calls) == asked
    served.close()
    served.open()
    assert served.fields_of(subject) == [hanako]
    assert len(kms.calls) == asked + 1
    (wrapped,) = (served.folder / "root").glob("*.wrapped")
    assert wrapped.stat().st_mode & 0o077 == 0


def test_the_certificate_waits_for_the_end_of_the_window(served, kms, hanako):
    """The change disables the old version at once; older backups count as unreadable when the service is done with it."""
    subject, _ = served.collect(hanako)
    erased = served.erase(subject)
    done = served.held.rotations.rotate()
    assert (done.old, done.new) == ("kms-1", "kms-2")
    assert done.effective_at == NOW + timedelta(days=30)
    assert "take the destruction back" in done.guarantee
    with served.data.read() as tx:
        assert served.vault.erasure(tx, erased.id).backups_unreadable_at == NOW + timedelta(days=30)
    assert [one.state for one in kms.keys[KEY]] == ["DESTROY_SCHEDULED", "ENABLED"]
    assert [path.name for path in (served.folder / "root").glob("*.wrapped")] == ["kms-2.wrapped"]


def test_an_old_wrapped_root_opens_nothing_once_its_version_is_destroyed(kms, tmp_path):
    """Whoever kept the wrapped file still needs the service, which refuses at once and for good after the window."""
    clock = FixedClock(NOW)
    root = KmsRoot(client(kms), tmp_path / "root", clock)
    first = root.create_next()
    sealed = root.wrap(first, b"bucket key", b"aad")
    kept = (tmp_path / "root" / "kms-1.wrapped").read_bytes()
    told = root.destroy(first)
    assert (told.status, told.effective_at) == ("scheduled", NOW + timedelta(days=30))
    assert root.destroy(first) == told
    (tmp_path / "root" / "kms-1.wrapped").write_bytes(kept)
    with pytest.raises(KmsRefusedError):
        root.unwrap(first, sealed, b"aad")
    kms.clock.advance(days=30)
    clock.advance(days=30)
    assert root.destroy(first).status == "done"
    assert kms.keys[KEY][0].secret is None


def test_within_the_window_an_administrator_may_take_it_back(kms, tmp_path):
    """The guarantee says so because it is so."""
    import httpx

    root = KmsRoot(client(kms), tmp_path / "root", FixedClock(NOW))
    first = root.create_next()
    sealed = root.wrap(first, b"bucket key", b"aad")
    kept = (tmp_path / "root" / "kms-1.wrapped").read_bytes()
    root.destroy(first)
    path = f"{kms.url}/v1/{KEY}/cryptoKeyVersions/1:restore"
    assert httpx.post(path, headers={"Authorization": "Bearer t-1"}).status_code == 200
    (tmp_path / "root" / "kms-1.wrapped").write_bytes(kept)
    assert root.unwrap(first, sealed, b"aad") == b"bucket key"


def test_a_service_that_is_away_is_told_apart_from_one_that_refuses(kms, tmp_path):
    """A later try may help against the one, never against the other; neither error holds the token."""
    root = KmsRoot(client(kms), tmp_path / "root", FixedClock(NOW))
    for status in (429, 503):
        kms.fail.append(status)
        with pytest.raises(KmsUnreachableError) as away:
            root.create_next()
        assert not away.value.diagnostics()[0].permanent
    with pytest.raises(KmsRefusedError) as refused:
        KmsRoot(client(kms, "t-wrong"), tmp_path / "root", FixedClock(NOW)).create_next()
    assert "t-wrong" not in str(refused.value)
    with pytest.raises(KmsUnreachableError):
        KmsClient("http://127.0.0.1:9", KEY, lambda: "t").make()
    with pytest.raises(RootError):
        KmsClient("http://kms.example.com", KEY, lambda: "t")
    assert root.list() == []


def test_a_service_that_fails_while_the_root_changes_destroys_nothing(served, kms, hanako):
    """The change stops where the service stopped, and goes on from there."""
    subject, _ = served.collect(hanako)
    kms.fail.append(503)
    with pytest.raises(KmsUnreachableError):
        served.held.rotations.rotate()
    assert served.held.rotations.status().root == "kms-1"
    assert served.fields_of(subject) == [hanako]
    assert served.held.rotations.rotate().new == "kms-2"
    assert served.fields_of(subject) == [hanako]


@pytest.mark.parametrize(
    "text",
    [
        "[root",
        '[root]\nprovider = "paper"\n',
        '[copies]\nfolders = ["one"]\n',
        '[copies]\nfolders = ["one", "one"]\n',
        "[other]\nx = 1\n",
        '[keys]\nbuckets = "many"\n',
        "[keys]\nbuckets = true\n",
        "[keys]\nbucket = 4096\n",
    ],
)
def test_a_file_of_keeping_that_cannot_be_followed_is_refused(tmp_path, text):
    """Half a file is none: the root and two places for sealed copies, or the defaults."""
    (tmp_path / "keeping.toml").write_text(text)
    with pytest.raises(KeepingError):
        keeping_of(tmp_path)


@pytest.mark.parametrize("token", ["s3cret", "env:UPHELD_NOT_SET"])
def test_no_secret_stands_in_the_file(tmp_path, kms, token):
    """A token is named by its variable; the text of the error does not repeat it."""
    (tmp_path / "keeping.toml").write_text(
        f'[root]\nprovider = "kms"\nurl = "{kms.url}"\nkey = "{KEY}"\ntoken = "{token}"\n'
    )
    clock = FixedClock(NOW)
    with pytest.raises(KeepingError) as caught:
        open_holdings(tmp_path, clock, Ids(clock))
    assert token not in str(caught.value)
