"""How an installation serves: `serving.toml` in the data folder. Whose sites may embed forms, how many acts an address may do, and how reads are told."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import threading
import tomllib
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from upheld.db import Clock, UpheldError

FILE = "serving.toml"
READ_AUDITS = ("strict", "grouped")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
ADDRESSES = 10_000
"""How many addresses are remembered at most; the one met longest ago is forgotten first."""


class ServingError(UpheldError):
    """The file serving.toml of the data folder cannot be followed."""

    code = "serving_unreadable"
    clause = "notice.channels"
    next_step = (
        'Write sites = ["https://www.example.com"], area_header, cookie_domain, acts_per_minute, watch_links, read_audit, '
        "[mail] smtp, from, base_url; each may be left out."
    )


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves: the server (`smtp://…` or `env:NAME`), the mailbox that writes, and the address of our own pages."""

    smtp: str
    sender: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Serving:
    """What may differ between installations of one policy.

    `sites` are origins of the company's own websites: they may embed forms and call the JSON contract from their
    pages. `area_header` is the header in which the site's own edge writes a visitor's country. `acts_per_minute` is
    how many forms one address may send in a minute (0: any number). `watch_links` lets the server fetch the policy's
    links to others each night. `mail` is None where none is sent. `cookie_domain` is the parent domain (`example.com`)
    all of whose hosts see what a visitor chose; None: only our own host.
    `read_audit` says whether a program's read is in the ledger before its answer leaves (`strict`) or a moment later
    with others (`grouped`).
    """

    sites: tuple[str, ...] = ()
    area_header: str | None = None
    acts_per_minute: int = 60
    mail: MailSettings | None = None
    watch_links: bool = False
    cookie_domain: str | None = None
    read_audit: str = "strict"

    def is_own(self, origin: str | None) -> bool:
        """Say whether an `Origin` header names one of the company's own sites."""
        return origin is not None and origin in self.sites


def serving_of(folder: Path) -> Serving:
    """Read `serving.toml`; without it nothing may embed. Raises ServingError, also for an unknown key."""
    written = folder / FILE
    if not written.exists():
        return Serving()
    try:
        told = tomllib.loads(written.read_text("utf-8"))
        sites = tuple(_origin(one) for one in told.pop("sites", []))
        header, most = told.pop("area_header", None), told.pop("acts_per_minute", 60)
        mail = _mail(told.pop("mail")) if "mail" in told else None
        watching, domain = told.pop("watch_links", False), _domain(told.pop("cookie_domain", None))
        audit = told.pop("read_audit", "strict")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError):
        raise ServingError from None
    if told or not isinstance(header, str | None) or not isinstance(most, int) or most < 0 or not isinstance(watching, bool):
        raise ServingError
    if audit not in READ_AUDITS:
        raise ServingError
    return Serving(sites, header, most, mail, watching, domain, audit)


def _domain(written: Any) -> str | None:
    """Read a parent domain; raises ValueError for what no browser takes: one label, a number, a port, a dot before it."""
    if written is None or (isinstance(written, str) and _DOMAIN.fullmatch(written)):
        return written
    raise ValueError("a cookie's domain is example.com")


def _mail(told: Any) -> MailSettings:
    """Read the table [mail]; raises ValueError for one that lacks a part or has one too many."""
    if not isinstance(told, dict) or set(told) != {"smtp", "from", "base_url"}:
        raise ValueError("mail needs smtp, from and base_url")
    sender = told["from"]
    if not isinstance(sender, str) or sender.count("@") != 1 or not isinstance(told["smtp"], str):
        raise ValueError("from is a mailbox")
    return MailSettings(told["smtp"], sender, _origin(told["base_url"]))


def _origin(written: Any) -> str:
    """Read an origin: scheme and host, a port where it is not the usual one, and nothing behind it."""
    parts = urlsplit(written)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or written.rstrip("/") != origin:
        raise ValueError("an origin is https://host")
    return origin.lower()


@dataclass(slots=True)
class Pace:
    """Counts acts of each address within the last minute; safe to share between threads.

    An address is remembered as a keyed hash for a minute, in memory only. Clause: security.technical
    """

    most: int
    clock: Clock
    _key: bytes = field(default_factory=lambda: os.urandom(32))
    _seen: OrderedDict[bytes, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, address: str) -> int:
        """Count one act and give 0, or the seconds after which this address may act again."""
        if not self.most:
            return 0
        name = hmac.digest(self._key, address.encode(), hashlib.sha256)
        now = self.clock.now().timestamp()
        with self._lock:
            acts = self._seen.pop(name, None) or deque()
            self._seen[name] = acts
            while acts and acts[0] <= now - 60:
                acts.popleft()
            while len(self._seen) > ADDRESSES:
                self._seen.popitem(last=False)
            if len(acts) >= self.most:
                return max(1, int(acts[0] + 60 - now) + 1)
            acts.append(now)
        return 0
