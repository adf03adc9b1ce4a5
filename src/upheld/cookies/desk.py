"""The desk: reads what a request says of its browser, and the signed cookie in which a browser carries its choices."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, URLSafeSerializer

from upheld.cookies.agreed import Agreed, Change, changes
from upheld.cookies.model import GRANTED, REFUSED, VALID, Browser, Choice, Judged, Offered, Visitor
from upheld.cookies.rules import area_of, holds, judge, offered
from upheld.db import b64
from upheld.db.types import from_ms, to_ms
from upheld.notice import House, Published, Snapshot
from upheld.policy.law import UNKNOWN
from upheld.policy.model import Frozen
from upheld.records.cipher import derive
from upheld.web.serving import Pace

COOKIE = "upheld_consent"
SIGNAL = "sec-gpc"
BANNER, CHOICES = "banner", "choices"
SURFACES = (BANNER, CHOICES)
_LETTER = {"g": GRANTED, "r": REFUSED}
_KEPT = 256
Made = TypeVar("Made")


class Desk:
    """Knows for each request its area, signal and choices. Safe to share between threads.

    The header in which the site's own edge writes the country of a visitor (`CloudFront-Viewer-Country`) is named in
    `serving.toml`; only that one is believed, and without it every area is unknown.
    """

    def __init__(self, house: House) -> None:
        """Sign with a key of the house's own."""
        area_header = house.serving.area_header
        key = derive(house.holdings.ring.meta("instance"), "cookies")
        self.house = house
        self.pace = Pace(house.serving.acts_per_minute, house.clock)
        self.area_header = area_header.lower() if area_header else None
        self._number_key = derive(key, "receipt")
        settings = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._signed = URLSafeSerializer(key, salt="upheld.cookies.choice", signer_kwargs=settings)
        self._lock = threading.Lock()
        self._kept: dict[tuple[Any, ...], Any] = {}

    @property
    def vary(self) -> str:
        """Name the request headers that an answer depends on."""
        return ", ".join(["Cookie", "Sec-GPC", *([self.area_header] if self.area_header else [])])

    # what a request says

    def browser(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Browser:
        """Read area, signal and choices; a cookie that is not ours, was changed or is too old is none."""
        code = headers.get(self.area_header, "") if self.area_header else ""
        visitor = self.read(cookies.get(COOKIE, ""))
        return Browser(
            area=area_of(code, self.house.law) if code else UNKNOWN,
            signal=headers.get(SIGNAL, "").strip() == "1",
            visitor=visitor if holds(visitor, self.house.clock.now()) else None,
        )

    def read(self, token: str) -> Visitor | None:
        """Read the cookie; None for anything that we did not sign."""
        try:
            visitor, at, said = self._signed.loads(token) if token else (None, 0, {})
        except (BadSignature, TypeError, ValueError):
            return None
        if visitor is None:
            return None
        choices = {name: Choice(_LETTER[mark[0]], mark[2:], mark[1] == "1") for name, mark in said.items()}
        return Visitor(visitor, Frozen(choices), from_ms(at))

    def write(self, visitor: Visitor) -> str:
        """Sign the value of the cookie."""
        letters = {state: letter for letter, state in _LETTER.items()}
        said = {name: f"{letters[one.state]}{int(one.signal)}{one.print}" for name, one in visitor.choices.items()}
        return str(self._signed.dumps([visitor.id, to_ms(visitor.at), said]))

    @staticmethod
    def max_age() -> int:
        """Give the life of the cookie in seconds."""
        return int(VALID.total_seconds())

    # what is offered

    def offered(self, published: Published, area: str) -> Offered:
        """Give what people of an area are offered today; worked out once per version, area and day."""
        return self._offered_on(published, area, self.house.clock.now())

    def once(self, key: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """Give what is kept under a key, made now where it is not there; the oldest go first."""
        with self._lock:
            found: Made | None = self._kept.get(key)
        if found is None:
            found = make()
            with self._lock:
                while len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = found
        return found

    def epochs(self, published: Published) -> Mapping[str, int]:
        """Count for each purpose the versions up to this one that changed it beyond its aim, as a person signed it.

        Clause: amendment.default
        """
        counts: dict[str, int] = {}
        for one in self.house.shelf.versions():
            if one.effective_from > published.effective_from:
                continue
            for step in one.policy.evidence.procedures:
                section, _, rest = str(step.get("at", "")).partition(".purposes.")
                if section == "collection" and step.get("class") == "beyond" and step.get("version") == one.version:
                    name = rest.partition(".")[0]
                    counts[name] = counts.get(name, 0) + 1
        return counts

    def look(self, published: Published, browser: Browser) -> tuple[Offered, Judged]:
        """Give what is offered to a browser and how it stands."""
        whole = self.offered(published, browser.area)
        return whole, judge(whole, browser)

    def again(self, published: Published, browser: Browser) -> Mapping[str, tuple[Change, ...]]:
        """Say for each purpose that a browser is asked about anew what is different from what it chose about.

        A purpose that it merely left open then is not among them.
        Clause: amendment.default (GDPR 7, APPI 17(2))
        """
        visitor = browser.visitor
        whole, judged = self.look(published, browser)
        if visitor is None or not judged.ask:
            return {}
        found: dict[str, tuple[Change, ...]] = {}
        for name in judged.ask:
            choice = visitor.choices.get(name)
            was = self._then(visitor, browser.area, name, choice.print if choice else None)
            if choice is not None:
                found[name] = changes(was, whole.offers[name].agreed) if was else (Change("other"),)
            elif was is None:
                found[name] = (Change("purpose"),)
        return Frozen(found)

    def _then(self, visitor: Visitor, area: str, purpose: str, mark: str | None) -> Agreed | None:
        """Find what a purpose meant when it was chosen about, by its fingerprint, else (None) in the version in force then.

        A version is looked at as on its first day, so that many visitors ask for the same; what the law was on the day of the choice comes last.
        """
        then = self.house.shelf.in_force(visitor.at)
        if then is None:
            return None
        places = [(then, then.effective_from)]
        if mark is not None:
            places += [*((one, one.effective_from) for one in reversed(self.house.shelf.versions())), (then, visitor.at)]
        for published, moment in places:
            offer = self._offered_on(published, area, moment).offers.get(purpose)
            if offer is not None and mark in {None, offer.print}:
                return offer.agreed
        return None

    def _offered_on(self, published: Published, area: str, moment: datetime) -> Offered:
        policy, law = published.policy, self.house.law
        day = moment.astimezone(ZoneInfo(policy.timezone)).date()
        key = (policy.content_hash, published.version, area, day)
        return self.once(key, lambda: offered(policy, law, area, day, self.epochs(published)))

    # tokens and numbers

    def snapshot(self, published: Published, whole: Offered, surface: str, lang: str) -> str:
        """Sign what a surface shows; the same for everybody in an area while the version is in force."""
        policy = published.policy
        snap = Snapshot(surface, policy.version, policy.promise_hash, lang, whole.area, whole.fingerprint)
        return self.house.notices.snapshot(snap)

    def number(self, entry: bytes) -> str:
        """Give the receipt number of an entry; only we can work it out."""
        return b64(hmac.digest(self._number_key, entry, hashlib.sha256)[:16])


def number_digest(number: str) -> str:
    """Give what is stored of a receipt number, so that the store alone opens no receipt page."""
    return hashlib.sha256(b"cookie|" + number.encode()).hexdigest()


def read_browser(desk: Desk, request: Any) -> Browser:
    """Read a request of the web framework."""
    return desk.browser(request.headers, request.cookies)
