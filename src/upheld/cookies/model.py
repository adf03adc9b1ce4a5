"""Values of the room: what a browser said, what is offered to it, what may run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upheld.cookies.agreed import Agreed
from upheld.policy.model import NO_TEXT, Tag

VALID = timedelta(days=182)
"""How long a choice lasts before it is asked for again."""

GRANTED, REFUSED, WITHDRAWN, OBJECTED, NONE = "granted", "refused", "withdrawn", "objected", "none"
"""How a purpose stands in a browser; `objected` is what its signal says while no later choice does."""

AT_ONCE, NOTICE, CONSENT = "at_once", "notice_and_opt_out", "after_consent"
WHEN = (AT_ONCE, NOTICE, CONSENT)
"""When a tag may run, from the mildest rule to the strictest."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a browser said of one purpose.

    `print` is the beginning of the fingerprint of what was agreed; `signal` tells that GPC was on at the time.
    """

    state: str
    print: str
    signal: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that chose: its random id, its choices and when it made the last one (UTC)."""

    id: str = field(repr=False)
    choices: Mapping[str, Choice]
    at: datetime


@dataclass(frozen=True, slots=True)
class Browser:
    """What one request tells: the area a trusted edge saw, the signal GPC, who chose before (None: nobody)."""

    area: str
    signal: bool = False
    visitor: Visitor | None = None

    @property
    def choices(self) -> Mapping[str, Choice]:
        """Give what was chosen before, by purpose."""
        return self.visitor.choices if self.visitor else {}


@dataclass(frozen=True, slots=True)
class Offer:
    """One purpose the visitor chooses about, with the tags that follow it; `signal` tells that GPC acts on it."""

    purpose: str
    tags: tuple[Tag, ...]
    when: str
    agreed: Agreed
    signal: bool
    print: str = field(init=False)

    def __post_init__(self) -> None:
        """Work the fingerprint out once."""
        object.__setattr__(self, "print", self.agreed.print)


@dataclass(frozen=True, slots=True)
class Offered:
    """All that is offered in an area on a day: what always runs, what is chosen about, and when each tag may run."""

    area: str
    always: tuple[Tag, ...]
    offers: Mapping[str, Offer]
    when: Mapping[str, str]
    fingerprint: str

    @property
    def mode(self) -> str:
        """Give `opt_in` where a tag waits for consent, `notice_opt_out` where none does."""
        waits = any(offer.when == CONSENT for offer in self.offers.values())
        return "opt_in" if waits else "notice_opt_out"

    @property
    def revision(self) -> int:
        """Give the first 31 bits of the fingerprint, never 0: widgets keep it as a number."""
        return (int(self.fingerprint[:8], 16) >> 1) or 1


@dataclass(frozen=True, slots=True)
class Judged:
    """How everything stands for one browser now: state by purpose, tags that may run, purposes to ask about."""

    states: Mapping[str, str]
    running: tuple[str, ...]
    ask: tuple[str, ...]
    reasked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One kept statement of a browser about one purpose, by the ledger entry that proves it. Times are UTC."""

    entry: bytes
    subject: bytes
    purpose: str
    state: str
    print: str
    at: datetime
    version: str
    surface: str
    signal: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """A host that browsers said a page's header stopped, and in how many minutes at least one said so. Times are UTC."""

    host: str
    first: datetime
    last: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands after a choice: the receipt's number, the visitor for the cookie, and what stopped or started."""

    receipt: str
    visitor: Visitor
    granted: tuple[str, ...]
    changed: Mapping[str, str] = NO_TEXT
