"""Assembly: which rooms there are, which room listens to which event, and one application over all of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from litestar import Litestar, post
from litestar.params import JSONBody

from upheld import app_agree, app_ledger, app_mail, app_schedule, app_services
from upheld.amendment import note_effective
from upheld.basis import browsers
from upheld.basis import listening as basis
from upheld.basis import web as basis_web
from upheld.collection import Submission, collect, importing
from upheld.collection import web as collection_web
from upheld.cookies import actions as cookies
from upheld.cookies import sample as cookies_sample
from upheld.cookies import web as cookies_web
from upheld.cookies.rules import browsing
from upheld.db import Clock, Ids, StoreBusyError, SystemClock, Writer
from upheld.notice import House, Notices, Once, Shelf
from upheld.notice import web as notice_web
from upheld.notice.desk import HouseDesk, ReadDesk
from upheld.notice.guard import Guard
from upheld.policy.decide import decide
from upheld.policy.law import load_law
from upheld.records import open_holdings
from upheld.records.cipher import derive
from upheld.retention import actions as retention
from upheld.retention import web as retention_web
from upheld.rights import actions as rights
from upheld.rights import browser as rights_browser
from upheld.rights import safeguards as rights_safeguards
from upheld.rights import web as rights_web
from upheld.security import web as security_web
from upheld.security.guard import KeyGuard
from upheld.services import cases as services
from upheld.services import web as services_web
from upheld.services.mail import actions as mail
from upheld.transfers import web as transfers_web
from upheld.web.headers import speak_for
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal
from upheld.web.serving import serving_of
from upheld.web.shell import make_app
from upheld.web.system import security_text
from upheld.web.wire import Closed
from upheld.workflows import Watch

WITH_PAGES = ("notice", "collection", "cookies", "basis", "security", "services", "rights")
"""Rooms with templates, words or styles of their own."""

BEAT_SECONDS = 60.0
"""How often a running server looks whether the ledger has its heartbeat of the day."""

GROUPED_MS = 50
"""How long after the answer the entry of a program's read may take to be durable; a crash loses no more."""

PLACING_SECONDS = 0.5
"""How long entries may gather before they are given positions; the promise is one second."""

LOOKING_SECONDS = 60.0
"""How often the server looks whether the root must be changed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one installation runs; `origin` names its ledger when it is begun.

    `sample` serves a small company page with the banner at `/sample/{lang}`. Without `schedule` nothing is done by
    itself on its day; another process over the same data folder may do it.
    """

    data: Path
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids | None = None
    origin: str | None = None
    sample: bool = False
    schedule: bool = True


def open_house(
    data: Path,
    clock: Clock | None = None,
    ids: Ids | None = None,
    *,
    origin: str | None = None,
    restoring: bool = False,
) -> House:
    """Open or begin a data folder with every room's listeners in place; close it at the end.

    Erasures that a crash interrupted are finished first, unless a backup was just filled in, `restoring`: then the
    caller carries out the journal first. Raises what `records.open_holdings` raises.
    """
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    law = load_law()
    holdings = open_holdings(data, clock, ids, origin=origin, restoring=restoring)
    key = holdings.ring.meta("instance")
    shelf = Shelf(holdings.data, law, clock)
    notices, once = Notices(derive(key, "notice"), clock, ids), Once(derive(key, "once"), clock)
    stirred = threading.Event()
    house = House(
        folder=data,
        law=law,
        clock=clock,
        ids=ids,
        holdings=holdings,
        shelf=shelf,
        notices=notices,
        once=once,
        writer=Writer(holdings.data, HouseDesk(shelf, holdings.vault, notices, once), stirred=stirred.set),
        looker=Writer(holdings.data, ReadDesk(holdings.vault), reading=True),
        stirred=stirred,
        serving=serving_of(data),
    )
    rooms = (cookies, browsers, importing, basis, mail, services, retention, rights)
    for listen in (*(room.subscribe for room in rooms), app_agree.listen):
        listen(house)
    return house


def create_app(settings: Settings, house: House | None = None) -> Litestar:
    """Build the application over a data folder, or over a house that is open already; it closes the house at the end."""
    home = house or open_house(settings.data, settings.clock, settings.ids, origin=settings.origin)
    pages = Pages(lambda: _frame(home), WITH_PAGES)
    guard: Guard = KeyGuard(home)
    handlers = [
        *notice_web.routes(pages, home.shelf, home.law, home.clock),
        *collection_web.routes(home, pages, guard),
        *cookies_web.routes(home, pages, _views(home)),
        *(cookies_sample.routes(home, pages) if settings.sample else ()),
        *basis_web.routes(home, pages, guard),
        *security_web.routes(home, pages),
        *transfers_web.routes(home),
        *services_web.routes(home, pages),
        *retention_web.routes(home),
        *rights_web.routes(home, pages),
        *rights_safeguards.routes(home, pages),
        *rights_browser.routes(home, pages),
        *_decide(home),
        *app_ledger.routes(home),
    ]
    return make_app(
        handlers,
        pages,
        ready=lambda: _ready(home),
        facts=lambda: _facts(home),
        security=lambda: _security(home),
        lifespan=[_life(home, schedule=settings.schedule)],
    )


def _views(house: House) -> cookies_web.Take:
    """Give what keeps a page view: a taking in the situation of visits, under the visitor's own id."""

    def take(path: str, visitor: str, lang: str) -> None:
        published = house.in_force()
        situation = browsing(published.policy)
        if situation is None:
            raise Refusal("situation_unknown", "collection")
        shown = house.notices.receipt(house.notices.snapshot_of(published, house.law, situation, lang))
        known = {"browsing": [path], "cookie": visitor}
        fields = {name: value for name, value in known.items() if name in situation.fields}
        handed = Submission(fields, lang=lang, visitor=visitor)
        collect(house, situation.id, handed, notice_receipt=shown)

    return take


def _frame(house: House) -> Frame:
    published = house.shelf.in_force()
    if published is None:
        return Frame({"en": "upheld"}, ("en", "ja"))
    return Frame.of(published.policy, published.effective_from)


def _ready(house: House) -> Mapping[str, bool]:
    try:
        health = house.ledger.health()
    except StoreBusyError:  # the server of the stores is away
        return {"store": False}
    current = house.store.is_current() and house.holdings.ring.store.is_current()
    policy, ledger = house.shelf.in_force() is not None, health.stopped is None
    return {"policy": policy, "ledger": ledger, "writer": house.writer.alive, "schema": current}


def _facts(house: House) -> Mapping[str, Any]:
    """Say what an operator should know that keeps nobody from being served."""
    programs = house.serving.read_audit
    audit = {"staff": "strict", "programs": programs, "window_ms": GROUPED_MS if programs == "grouped" else 0}
    return {"read_audit": audit, "schedule": {"behind": app_schedule.behind(house)}}


def _security(house: House) -> str | None:
    """Give the text of security.txt: the contact of the policy in force, good for a year."""
    published = house.shelf.in_force()
    if published is None:
        return None
    policy = published.policy
    until = house.clock.now() + timedelta(days=365)
    return security_text(f"mailto:{policy.contact.mailbox}", until, policy.languages)


class Placer(Watch):
    """A thread that gives ledger positions soon after each write, and notes versions whose day has come.

    What cannot be placed stays pending and is told by `/readyz`.
    """

    name = "placer"
    failed = "the ledger gave out no positions"

    def __init__(self, house: House, seconds: float = PLACING_SECONDS) -> None:
        """Watch a house; `seconds` is how long entries may gather."""
        super().__init__(seconds)
        self._house = house
        self._beat = time.monotonic() + BEAT_SECONDS

    def start(self) -> None:
        """Begin."""
        self._house.stirred.set()  # something may wait since the last run
        super().start()

    def stop(self) -> None:
        """End after a last look."""
        self._ended.set()
        self._house.stirred.set()
        super().stop()
        self.look()

    def _run(self) -> None:
        while not self._ended.is_set():
            stirred = self._house.stirred.wait(timeout=BEAT_SECONDS)
            self._ended.wait(self._seconds)
            self._house.stirred.clear()
            if stirred or not self._ended.is_set():
                self.look()

    def look(self) -> None:
        """Place what waits."""
        self._tried(self._place, None)

    def _place(self) -> None:
        note_effective(self._house)
        if time.monotonic() >= self._beat:
            self._beat = time.monotonic() + BEAT_SECONDS
            app_ledger.heartbeat(self._house)
        self._house.settle()


class Rotator(Watch):
    """A thread that changes the root when it is due: a day after the last change while an erasure waits, else a month.

    In between it keeps the sealed copies of the keys at most an hour behind. A change under way when it ends is
    finished first, or by the next start.
    """

    name = "rotator"
    failed = "the root was not changed"

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house; `seconds` is how often it looks."""
        super().__init__(seconds)
        self._house = house

    def look(self) -> bool:
        """Change the root if it is due; gives whether it was changed."""
        return self._tried(self._rotate, otherwise=False)

    def _rotate(self) -> bool:
        rotations, words = self._house.holdings.rotations, keeping_words(self._house)
        due = rotations.is_due()
        if due:
            rotations.rotate(words)
        if due or rotations.refresh(words):
            self._house.stirred.set()
        return due


def keeping_words(house: House, actor: str = "svc:records") -> dict[str, str]:
    """Give clause, policy version and actor of entries about the keeping itself."""
    published = house.shelf.in_force()
    version = published.version if published is not None else "-"
    return {"clause": "security.technical", "policy_version": version, "actor": actor}


def _life(house: House, *, schedule: bool) -> Any:
    @contextlib.asynccontextmanager
    async def life(_app: Litestar) -> AsyncIterator[None]:
        threads: list[Watch] = [Placer(house), Rotator(house)]
        if schedule:
            threads.append(app_schedule.Steward(house))
            threads.append(app_services.Courier(house))
            threads += [app_mail.Poster(house)] if house.serving.mail else []
        for one in threads:
            one.start()
        try:
            yield
        finally:
            for one in reversed(threads):
                one.stop()
            house.close()

    return life


class DecideBody(Closed, frozen=True):
    """A question; `area` and `on` ask for a person who lives there on that day, with `standings` open."""

    situation: str
    field: str
    purpose: str
    area: str | None = None
    on: date | None = None
    standings: tuple[str, ...] = ()


def _decide(house: House) -> Iterable[Any]:
    @post("/api/v1/decide", status_code=200, sync_to_thread=True)
    def ask(request: AnyRequest, data: JSONBody[DecideBody]) -> dict[str, Any]:
        """Say what the policy in force says of a (situation, field, purpose); asking is not doing."""
        policy = house.in_force().policy
        speak_for(request.scope, policy.label)
        if data.area is not None and not house.law.is_area(data.area):
            raise Refusal("value_invalid", "policy.law", fields=("area",), policy_version=policy.version)
        verdict = decide(
            policy,
            house.law,
            data.situation,
            data.field,
            data.purpose,
            area=data.area,
            on=data.on or house.today(policy),
            standings=data.standings,
        )
        return {
            "stated": verdict.stated,
            "allow": verdict.allow,
            "code": verdict.code,
            "clause": verdict.clause,
            "gap": verdict.gap,
            "bases": dict(verdict.bases) if verdict.bases is not None else None,
            "needs": list(verdict.needs),
            "policy_version": policy.version,
        }

    return [ask]
