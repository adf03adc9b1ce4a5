"""The demonstration: the reference policy in force, sample people, and one walk through the rooms over HTTP.

Everything goes through the doors that a company's own programs and people use; nothing is prepared behind them.
The people are invented and live at example domains.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from upheld.amendment import publish
from upheld.app import open_house
from upheld.collection.actions import collect
from upheld.collection.model import Submission
from upheld.db import FixedClock, SystemClock
from upheld.ledger import LedgerError
from upheld.notice import House
from upheld.retention import apply, end_relation
from upheld.retention import plan as planned
from upheld.rights import actions as rights
from upheld.security import keys, staff
from upheld.services import store as services
from upheld.services.actions import carry_out

Say = Callable[[str], None]

STAFF = (
    (101, "Sato", ("sales",)),
    (102, "Mori", ("support",)),
    (103, "Hayashi", ("hr",)),
    (104, "Ogawa", ("privacy_office", "marketing")),
)
"""Number, name and roles of the sample staff."""

_HANAKO = {
    "name": "田中 花子", "email": "hanako@example.co.jp", "phone": "+81312345678",
    "occupation": "会社員", "job_title": "部長", "company": "例示株式会社",
}  # fmt: skip
_LENA = {"name": "Lena Fischer", "email": "lena@example.de", "phone": "+49301234567", "company": "Beispiel GmbH"}
_OLIVER = {"name": "Oliver Hughes", "email": "oliver@example.co.uk", "phone": "+442071234567", "company": "Example Ltd"}


@dataclass(frozen=True, slots=True)
class Person:
    """One handing over: where, from which country, what, and which consents are ticked."""

    situation: str
    country: str
    fields: Mapping[str, Any]
    consents: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


PEOPLE = (
    Person("event", "JP", _HANAKO, ("announce",)),
    Person("event", "DE", _LENA, ("announce",)),
    Person("white_paper", "JP", {k: _HANAKO[k] for k in ("name", "email", "company")}, ("announce",)),
    Person("materials", "GB", {k: _OLIVER[k] for k in ("name", "email", "company")}),
    Person("contact", "JP", {"name": "佐々木 誠", "email": "makoto@example.jp", "inquiry": "料金表を送ってください。"}),
    Person("contract", "GB", {k: _OLIVER[k] for k in ("name", "email", "company")}, extra={"relation": "C-1"}),
    Person("registration", "JP", {"email": "login@example.jp"}, extra={"relation": "A-1"}),
    Person(
        "candidate", "JP",
        {
            "name": "鈴木 健司", "email": "kenji@example.jp",
            "work_history": [{"employer": "例示株式会社", "role": "開発", "from": "2021-04", "to": "2026-03"}],
        },
        extra={"subtype": "casual_interview"},
    ),
    Person("browsing", "", {"cookie": "c-7f3a", "ip": "203.0.113.7", "browsing": "/pricing 3"}, extra={"visitor": "c-7f3a"}),
)  # fmt: skip


class Visit:
    """A client of the running house: asks over HTTP and keeps what came back."""

    def __init__(self, base: str) -> None:
        """Talk to `base`, an address on this machine."""
        self.base = base

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Send one request and give status and decoded answer; a refusal is an answer like any other."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", "Accept-Language": "en"}
        if body is not None:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.base + path, data, headers, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, _decoded(refused.read())

    def collect(self, person: Person) -> tuple[int, Any]:
        """Hand one person's fields in, with the receipt of the notice that was fetched first."""
        _, told = self.ask("GET", f"/api/v1/collect/{person.situation}")
        body = {
            "fields": dict(person.fields), "country": person.country, "consents": list(person.consents),
            "language": "en", "notice_receipt": told.get("notice_receipt"), **person.extra,
        }  # fmt: skip
        return self.ask("POST", f"/api/v1/collect/{person.situation}", body)


def _decoded(raw: bytes) -> Any:
    lines = [json.loads(line) for line in raw.splitlines() if line.strip()] if raw.startswith(b"{") else []
    return lines[0] if len(lines) == 1 else lines or raw.decode("utf-8", "replace")


def employ(house: House) -> str:
    """Take the sample staff on, train them, and give an API key of the first."""
    for number, name, roles in STAFF:
        staff.add(house, name, number=number)
        for role in roles:
            staff.grant(house, number, role, by="staff:104")
        staff.train(house, number, by="staff:104")
        staff.accept_rules(house, number)
    return keys.make(house, label="demonstration", by="staff:101", number=101)[1]


def walk(base: str, house: House, key: str, say: Say) -> None:
    """Walk through the rooms and say what each of them answered."""
    visit = Visit(base)
    taken = [visit.collect(person) for person in PEOPLE]
    stored = sum(status == 201 for status, _ in taken)
    say(f"collect   {stored} of {len(PEOPLE)} sample people stored, each after the notice was shown")
    for person, (status, answer) in zip(PEOPLE, taken, strict=True):
        if status != 201:
            say(f"          {person.situation}: {status} {_code(answer)}")
    hanako = taken[0][1].get("subject", "")
    status, answer = visit.collect(Person("event", "JP", {**_HANAKO, "department": "営業部"}))
    say(f"collect   event with a department: {status} {_code(answer)}, nothing stored")
    for purpose in ("announce", "provide"):
        status, answer = visit.ask(
            "POST", "/api/v1/read", {"subject": hanako, "purpose": purpose, "fields": ["email"]}, key
        )
        word = ", ".join(answer["fields"]) if status == 200 else _code(answer)
        say(f"read      e-mail for {purpose}: {status} {word}")
    status, lines = visit.ask("POST", "/api/v1/audience", {"purpose": "announce"}, key)
    people = max(0, len(lines) - 1) if isinstance(lines, list) else 0
    say(f"audience  announce: {people} people may be written to" if status == 200 else f"audience  {status}")
    for service, region in (("gcp", "europe-west3"), ("slack", "")):
        asked = {"subject": hanako, "service": service, "purpose": "analyse"} | ({"region": region} if region else {})
        status, answer = visit.ask("POST", "/api/v1/transfers", asked, key)
        say(f"transfer  analyse to {service}{' in ' + region if region else ''}: {status} {_code(answer)}")
    delivered(house, say)
    _erase(visit, house, taken[1][1].get("subject", ""), key, say)
    house.settle()
    finding = house.ledger.verify()
    say(f"ledger    {house.ledger.health().size} entries, {'verified' if not finding else finding[0].code}")


def _erase(visit: Visit, house: House, subject: str, key: str, say: Say) -> None:
    """Ask for one person's erasure, approve it as staff do on the command line, and look for the person again."""
    body = {"right": "erasure", "residence": "DE", "subject": subject, "language": "en"}
    status, made = visit.ask("POST", "/api/v1/requests", body)
    if status != 201:
        say(f"request   erasure: {status} {_code(made)}")
        return
    number = made["number"]
    rights.identify(house, number, by=104)
    rights.approve(house, number, by=104)
    _wait(lambda: rights.get(house, number).state != "searching", 30)
    done = rights.get(house, number)
    status, answer = visit.ask(
        "POST", "/api/v1/read", {"subject": subject, "purpose": "analyse", "fields": ["email"]}, key
    )
    say(f"request   {number} erasure, by {made['due']}: {done.state}; read again: {status} {_code(answer)}")
    for place in done.certificate.get("places", ()):
        counts = f", {place['found_before']} before, {place['found_after']} after" if "found_before" in place else ""
        if place["place"] in ("salesforce", "marketo", "slack"):
            say(f"          {place['place']:<10} {place['state']}{counts}{'; ' + place['why'] if place.get('why') else ''}")


_SALESFORCE = """# The demonstration's own organisation; docs/howto/connect-salesforce.md says what stands here for yours.
kind: salesforce
url: {url}
login: {{client_id: secret:salesforce_id, client_secret: secret:salesforce_key}}
stored_in: JP
stated: {day}
feeds: [marketo]
control: {{email: canary@example.com}}
"""
_MARKETO = """# The demonstration's own instance; docs/howto/connect-marketo.md says what stands here for yours.
kind: marketo
url: {url}
client_id: upheld
client_secret: secret:marketo
stored_in: US
control: {{email: canary@example.com}}
"""
_SLACK = """# The demonstration's own workspace; docs/howto/connect-slack.md says what stands here for yours.
kind: slack
url: {url}/api/
bot_token: secret:slack_bot
stored_in: US
channels: [C1]
post_to: C1
control: {{email: canary@example.com}}
"""


def write_connections(folder: Path, salesforce: str, marketo: str, slack: str = "") -> None:
    """Describe where the services of a demonstration answer, with their sample credentials."""
    secrets = {"salesforce_id": "upheld", "salesforce_key": "example", "marketo": "example", "slack_bot": "xoxb-full"}
    for name, value in secrets.items():
        secret = folder / "secrets" / name
        secret.parent.mkdir(exist_ok=True)
        secret.touch(0o600)
        secret.write_text(value, "utf-8")
    (folder / "connections").mkdir(exist_ok=True)
    today = SystemClock().now().date()
    (folder / "connections" / "salesforce.yaml").write_text(_SALESFORCE.format(url=salesforce, day=today), "utf-8")
    (folder / "connections" / "marketo.yaml").write_text(_MARKETO.format(url=marketo), "utf-8")
    if slack:
        (folder / "connections" / "slack.yaml").write_text(_SLACK.format(url=slack), "utf-8")


@contextmanager
def outside(folder: Path) -> Iterator[None]:
    """Let Salesforce, a Marketo that it feeds, and Slack answer on loopback.

    All are the doubles that ship for tests, empty but for a made-up control; the vendors' own clients talk to them.
    """
    from upheld.services.contract.serving import serving
    from upheld.services.marketo.fake import fake_app as marketo
    from upheld.services.salesforce.fake import fake_app as salesforce
    from upheld.services.slack.fake import BOT
    from upheld.services.slack.fake import fake_app as slack

    clock = SystemClock()
    organisation = salesforce(clock)
    instance = marketo(clock, source=organisation)
    organisation.put("Lead", LastName="Canary", Company="-", Email="canary@example.com")
    instance.put(email="canary@example.com", lastName="Canary")
    workspace = slack(clock)
    workspace.say("C1", "The control of this workspace is canary@example.com; leave this message here.", BOT)
    with serving(organisation) as sales, serving(instance) as marketing, serving(workspace) as talking:
        write_connections(folder, sales.url, marketing.url, talking.url)
        yield


def delivered(house: House, say: Say, seconds: float = 20.0) -> None:
    """Wait until the server has carried everything out in services, and say what went where and what did not."""
    _wait(lambda: _carried(house), seconds)
    told: dict[tuple[str, str], Counter[str]] = {}
    for entry in house.ledger.entries_since(0, 10_000, kinds=("service.sent", "service.failed")):
        try:
            body = house.ledger.body(entry)
        except LedgerError:  # about somebody who was erased meanwhile
            continue
        sent = entry.kind.name == "service.sent"
        line = (", ".join(body["fields"]) or "a reference, and nothing of the person") if sent else str(body["code"])
        told.setdefault((str(body["service"]), "sent" if sent else "refused"), Counter())[line] += 1
    for (service, word), lines in sorted(told.items(), key=lambda one: (one[0][1] != "sent", one[0][0])):
        for line, count in lines.most_common():
            say(f"deliver   {service:<10} {word:<7} {count} × {line}")


def _wait(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.2)


def _carried(house: House) -> bool:
    """Say whether everything that follows from the ledger so far is done in services; what is not, is done here."""
    house.settle()
    if any(carry_out(house).values()):
        return False
    with house.store.read() as tx:
        states = {state for (_, state), _ in services.counts(tx).items()}
    return bool(states) and not states & {"planned", "running"}


def rehearse(folder: Path, say: Say) -> None:
    """Let three years pass in a store of its own, with the clock turned, and sweep what is due."""
    with tempfile.TemporaryDirectory(prefix="upheld-rehearsal-") as place:
        clock = FixedClock(datetime(2023, 4, 3, 1, tzinfo=UTC))
        house = open_house(Path(place), clock)
        try:
            publish(house, folder, as_of=SystemClock().now().date())
            published = house.in_force()
            situation = published.policy.situations["contract"]
            shown = house.notices.receipt(house.notices.snapshot_of(published, house.law, situation, "en"))
            handed = Submission(fields=dict(_OLIVER), country="GB", lang="en", relation="C-9")
            collect(house, "contract", handed, notice_receipt=shown)
            end_relation(house, "contract", "C-9", date(2023, 4, 30), actor="svc:demo")
            for day in (date(2026, 4, 30), date(2026, 5, 1)):
                clock.set(datetime(day.year, day.month, day.day, 3, tzinfo=UTC))
                plan = planned(house)
                say(f"retention contract ended 2023-04-30, clock turned to {day}: {plan.deletes} due")
            swept = apply(house, plan, plan.deletes)
            say(f"          swept: {swept.records} records gone, {swept.kept_by_law} cut to what tax law keeps for its own purpose")
        finally:
            house.close()


def _code(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return ""
    names = ", ".join(str(item) for item in answer.get("fields", ()))
    return f"{answer.get('code', '')}{f' naming {names}' if names else ''}"


def addresses(base: str, house: House) -> list[tuple[str, str]]:
    """Give every address worth opening first, with what is there."""
    policy = house.in_force().policy
    found = [(f"{base}/privacy/{lang}", f"the policy ({lang})") for lang in policy.languages]
    found += [(f"{base}/privacy/{lang}.pdf", f"the same on paper ({lang})") for lang in policy.languages]
    forms = [s.id for s in policy.situations.values() if policy.channels[s.channel].how == "form"]
    found += [(f"{base}/forms/{name}", "a form made from the policy") for name in forms[:2]]
    found.append((f"{base}/sample/{policy.languages[0]}", "a page of your own site, with the banner"))
    found.append((f"{base}/rights", "what a person may ask for"))
    link = staff.make_link(house, STAFF[0][0])
    found.append((f"{base}/console/sign-in/{link}", "the console, one sign-in"))
    found += [
        (f"{base}/privacy.json", "the policy as data"),
        (f"{base}/privacy.jsonld", "the policy in DPV terms"),
        (f"{base}/openapi.json", "the HTTP interface"),
        (f"{base}/api/v1/ledger/checkpoint", "the signed head of the ledger"),
    ]
    return found
