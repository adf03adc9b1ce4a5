"""What tests share: the real application on loopback over a fresh data folder, and the people of the examples."""

from __future__ import annotations

import hashlib
import shutil
import socket
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.clusters import begun_elsewhere
from upheld.amendment import Publication, StatutoryProcedureError, publish
from upheld.app import Settings, create_app, open_house
from upheld.db import FixedClock, Ids
from upheld.notice import House
from upheld.security import keys, staff

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "policies" / "primenumber"
GOOD = ROOT / "tests" / "policy" / "good"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
"""Sunday 2026-11-22, noon in Tokyo."""


@dataclass(frozen=True)
class Person:
    """Somebody who exists only in tests; `country` is the declared residence."""

    key: str
    country: str
    lang: str
    fields: dict[str, Any]

    @property
    def email(self) -> str:
        """Give the address."""
        return str(self.fields["email"])

    def some(self, *names: str) -> dict[str, Any]:
        """Give the named fields this person has."""
        return {name: self.fields[name] for name in names if name in self.fields}


def _person(key: str, country: str, lang: str, **fields: Any) -> Person:
    return Person(key, country, lang, fields)


HANAKO = _person(
    "HANAKO", "JP", "ja", name="田中 花子", email="hanako@example.co.jp", phone="+81312345678",
    company="例示株式会社", occupation="会社員", job_title="部長", department="営業部", inquiry="見積希望",
)  # fmt: skip
LENA = _person(
    "LENA", "DE", "en", name="Lena Fischer", email="lena@example.de", phone="+49301234567",
    company="Beispiel GmbH", occupation="analyst", job_title="manager", department="Sales", inquiry="Please send a quotation.",
)  # fmt: skip
OLIVER = _person(
    "OLIVER", "GB", "en", name="Oliver Hughes", email="oliver@example.co.uk", phone="+442071234567",
    company="Example Ltd", occupation="engineer", job_title="director", department="R&D", inquiry="How do I export a table?",
)  # fmt: skip
KENJI = _person(
    "KENJI", "JP", "ja", name="鈴木 健司", email="kenji@example.jp", phone="+81312340000",
    work_history=[{"employer": "例示商事", "role": "営業", "from": "2020", "to": "2024", "duties": "法人営業"}],
)  # fmt: skip
V1 = _person("V1", "", "ja", cookie="c-7f3a", ip="203.0.113.7")
VISITOR = "c-7f3a"
"""The random id in the cookie of V1's browser."""


@dataclass(frozen=True)
class Staff:
    """A member of staff who exists only in tests."""

    name: str
    number: int
    roles: tuple[str, ...]


SATO = Staff("SATO", 1, ("sales",))
MORI = Staff("MORI", 2, ("support",))
HR = Staff("HR", 3, ("hr",))
OFFICER = Staff("OFFICER", 4, ("privacy_office",))


@dataclass
class Site:
    """The application on a free port of loopback over a data folder; a context manager.

    `policy` is published before anyone calls; None leaves the house without one. The clock stands at NOW until a
    test moves it. `house` is the same that the server works with. With `copied` it begins as a copy of another that
    was begun in the same way, in half the time; for tests to which the very beginning is no matter.
    """

    policy: Path | None = REFERENCE
    now: datetime = NOW
    folder: Path | None = None
    copied: bool = False
    clock: FixedClock = field(init=False)
    house: House = field(init=False)
    url: str = field(init=False, default="")
    http: httpx.Client = field(init=False)
    _keys: dict[str, dict[str, str]] = field(init=False, default_factory=dict)

    def __enter__(self) -> Site:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Site:
        """Open the house, publish, serve."""
        self._own = self.folder is None
        self.folder = self.folder or Path(tempfile.mkdtemp(prefix="upheld-site-"))
        self.clock = FixedClock(self.now)
        begun = self.copied and self.policy is not None and self.now == NOW and begin_as_copy(self.folder, self.policy)
        self.house = open_house(self.folder, self.clock, Ids(self.clock))
        if self.policy is not None and not begun:
            publish(self.house, self.policy)
        self.app = create_app(self._settings(), self.house)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(self.app, log_level="warning", access_log=False, lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        return self

    def _settings(self) -> Settings:
        """Give the settings of the application; a test of other settings has a site of its own.

        Nothing is done by itself on its day: a test moves its clock by years and asks for what it wants done.
        """
        return Settings(self.folder or Path(), self.clock, schedule=False)

    def stop(self) -> None:
        """End the server and remove a folder of its own."""
        self.http.close()
        self._server.should_exit = True
        self._thread.join(timeout=15)
        if self._own and self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    # staff

    def staff(self, one: Staff) -> dict[str, str]:
        """Give the headers of a member of staff: an account with roles, training, accepted rules and an API key."""
        if one.name not in self._keys:
            staff.add(self.house, one.name, number=one.number)
            for role in one.roles:
                staff.grant(self.house, one.number, role, by="staff:0")
            staff.train(self.house, one.number, by="staff:0")
            staff.accept_rules(self.house, one.number)
            _, text = keys.make(self.house, label=one.name, by="staff:0", number=one.number)
            self._keys[one.name] = {"Authorization": f"Bearer {text}"}
        return self._keys[one.name]

    def read(self, one: Staff, subject: str, purpose: str, *fields: str, **members: Any) -> httpx.Response:
        """Read fields of a person for a purpose as a member of staff."""
        body = {"subject": subject, "purpose": purpose, "fields": list(fields), **members}
        return self.http.post("/api/v1/read", json=body, headers=self.staff(one))

    # acts

    def publish(self, folder: Path) -> Publication:
        """Publish a policy folder into the running house."""
        return publish(self.house, folder)

    def receipt(self, situation: str, lang: str = "en") -> str:
        """Be shown the notice of a situation, and give its receipt."""
        told = self.http.get(f"/api/v1/collect/{situation}", params={"lang": lang})
        assert told.status_code == 200, told.text
        return str(told.json()["notice_receipt"])

    def send(
        self,
        situation: str,
        fields: dict[str, Any],
        *,
        receipt: str | None = "",
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> httpx.Response:
        """Post one collect; `receipt` empty: fetch one first, None: send none."""
        body: dict[str, Any] = {"fields": fields, **members}
        if receipt == "":
            receipt = self.receipt(situation, members.get("language", "en"))
        if receipt is not None:
            body["notice_receipt"] = receipt
        sent = {"Idempotency-Key": key or self.house.ids.random(12).hex(), **(headers or {})}
        return self.http.post(f"/api/v1/collect/{situation}", json=body, headers=sent)

    def collect(self, person: Person, situation: str, *names: str, **members: Any) -> dict[str, Any]:
        """Collect the named fields of a person (default: all the situation declares) and give the answer."""
        policy = self.house.in_force().policy
        wanted = names or policy.situations[situation].fields
        channel = policy.channels[policy.situations[situation].channel].how
        if channel == "staff":
            members |= {"script": {"version": policy.version}, "receipt": None, "headers": self.staff(SATO)}
        answer = self.send(situation, person.some(*wanted), country=person.country, **members)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def state_choice(self, subject: str, purpose: str, action: str, **members: Any) -> httpx.Response:
        """Give, refuse, withdraw or object over the API."""
        body = {"subject": subject, "purpose": purpose, "action": action, **members}
        headers = {"Idempotency-Key": self.house.ids.random(12).hex()}
        return self.http.post("/api/v1/consents", json=body, headers=headers)

    def counts(self) -> tuple[int, int]:
        """Give (number of records, size of the ledger with what has no position yet)."""
        import sqlalchemy as sa

        from upheld.records import store

        with self.house.store.read() as tx:
            records = tx.execute(sa.select(sa.func.count()).select_from(store.record)).scalar_one()
        health = self.house.ledger.health()
        return records, health.size + health.pending


_BEGUN: dict[str, tempfile.TemporaryDirectory[str]] = {}


def begin_as_copy(folder: Path, policy: Path) -> bool:
    """Fill a folder with nothing but settings as one in which the policy was published at NOW; say whether it was.

    The first is begun and published once in a run, and what is copied has its keys and its first entries of the ledger,
    and shares nothing with it. Stores that are no files are begun each time.
    """
    if begun_elsewhere() or (folder.exists() and {one.name for one in folder.iterdir()} - {"serving.toml"}):
        return False
    text = b"".join(f"{one.relative_to(policy)}".encode() + one.read_bytes() for one in sorted(policy.rglob("*")) if one.is_file())
    known = hashlib.sha256(text).hexdigest()
    if known not in _BEGUN:
        made = tempfile.TemporaryDirectory(prefix="upheld-begun-")
        clock = FixedClock(NOW)
        with closing(open_house(Path(made.name), clock, Ids(clock))) as house:
            publish(house, policy)
        _BEGUN[known] = made
    shutil.copytree(_BEGUN[known].name, folder, dirs_exist_ok=True)
    return True


def copy_policy(target: Path, source: Path = REFERENCE) -> Path:
    """Copy a policy folder for a test that edits it."""
    shutil.copytree(source, target)
    return target


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replace one piece of text in a policy file; it must stand there exactly once."""
    path = folder / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{file}: {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new), "utf-8")


def add_evidence(folder: Path, name: str, text: str) -> None:
    """Add a file of evidence to a policy folder."""
    (folder / "evidence" / f"{name}.yaml").write_text("section: evidence\n" + text, "utf-8")


_PARTNER = """  partner_offers:
    text: {en: To send you offers of our partners., ja: パートナーの製品をご案内するため。}
    act: send_marketing
    needs: [email]

situations:
  event:"""


def with_partner_offers(folder: Path) -> None:
    """Let events state a new purpose that rests on consent."""
    edit(folder, "02-collection.yaml", "\nsituations:\n  event:", _PARTNER.rstrip("\n"))
    text = (folder / "02-collection.yaml").read_text("utf-8")
    (folder / "02-collection.yaml").write_text(
        text.replace("purposes: [analyse, announce]", "purposes: [analyse, announce, partner_offers]", 1), "utf-8"
    )
    edit(folder, "03-legal-bases.yaml", "  provide: {eea:", "  partner_offers: {eea: consent, uk: consent, jp: consent}\n  provide: {eea:")


def record_procedures(site: Site, folder: Path) -> None:
    """Put on file every step that publishing a folder asks for; publishing it must have been refused for want of them."""
    with pytest.raises(StatutoryProcedureError) as caught:
        site.publish(folder)
    lines = [
        f"  - {{version: '2', class: {found.params['class']}, at: {found.clause}, "
        f"done: [{', '.join(found.params['steps'])}], who: Head of the Corporate division, on: 2026-11-21}}\n"
        for found in caught.value.findings
    ]
    add_evidence(folder, "v2", "procedures:\n" + "".join(lines))
