"""A site that publishes policies: a real store and shelf, the kit's application, served or asked directly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from upheld.db import FixedClock, Store
from upheld.notice.store import Shelf, put_text, put_version
from upheld.notice.web import routes
from upheld.policy.compile import compile_folder, dump
from upheld.policy.law import load_law
from upheld.policy.source import read_folder
from upheld.web.pages import Frame, Pages
from upheld.web.shell import make_app

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "policies" / "primenumber"
KLINIKUM = ROOT / "tests" / "policy" / "good" / "klinikum" / "policy"
START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)  # 22 November in Tokyo

FIELD = ("optional: [phone, occupation, job_title]}\n    purposes: [analyse, announce]\n    if_not_given:\n      en: Without name, e-mail address and company we cannot give you a place",
         "optional: [phone, occupation, job_title, department]}\n    purposes: [analyse, announce]\n    if_not_given:\n      en: Without name, e-mail address and company we cannot give you a place")  # fmt: skip
PERIOD = ("P13M", "P14M")


class Site:
    """Publishes folders and answers for them; `clock` can be moved."""

    def __init__(self, root: Path) -> None:
        """Open an empty store."""
        self.root = root
        self.law = load_law()
        self.clock = FixedClock(START + timedelta(hours=5))
        self.store = Store(root / "data.db")
        self.shelf = Shelf(self.store, self.law, self.clock)
        pages = Pages(self._frame, ("notice",))
        self.app = make_app(
            routes(pages, self.shelf, self.law, self.clock, "https://privacy.example.co.jp"), pages
        )

    def _frame(self) -> Frame:
        now = self.shelf.in_force(self.clock.now())
        if now is None:
            return Frame({"en": "Example", "ja": "例示"}, ("en", "ja"))
        return Frame.of(now.policy, now.effective_from)

    def publish(
        self, folder: Path, version: str = "1", effective: datetime = START, swap: tuple[str, str] = ("", "")
    ) -> Any:
        """Publish a folder under a version; `swap` replaces one text in it, as an amendment does."""
        copy = self.root / f"v{version}"
        for file in folder.rglob("*"):
            if file.is_file():
                target = copy / file.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                raw = file.read_bytes()
                if file.suffix == ".yaml":
                    text = raw.decode().replace('version: "1"', f'version: "{version}"')
                    raw = (text.replace(*swap) if swap[0] else text).encode()
                target.write_bytes(raw)
        read = read_folder(copy)
        policy = compile_folder(read, self.law, date(2026, 11, 22)).policy
        assert policy is not None
        with self.store.write() as tx:
            put_version(tx, policy, effective, effective)
            put_text(tx, policy, dump(read), {}, effective)
        return policy

    def close(self) -> None:
        """Let go of the store."""
        self.shelf.close()


class Element:
    """One element of a page: its attributes, the text inside, where it stands."""

    def __init__(self, tag: str, attrs: dict[str, str], parents: tuple[Element, ...]) -> None:
        """Keep the parts."""
        self.tag, self.attrs, self.parents = tag, attrs, parents
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """Give the text inside with single spaces."""
        return re.sub(r"\s+", " ", "".join(self.pieces)).strip()


class Page(HTMLParser):
    """A page as a reader's program sees it."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "base", "col", "wbr"})

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(found)
        if tag not in self.VOID:
            self._open.append(found)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.pieces.append(data)

    def having(self, name: str, value: str | None = None) -> list[Element]:
        """Give the elements with an attribute, in their order."""
        return [e for e in self.elements if name in e.attrs and value in (None, e.attrs[name])]

    def inside(self, outer: Element, name: str) -> list[Element]:
        """Give the elements with an attribute inside another."""
        return [e for e in self.having(name) if outer in e.parents]


@pytest.fixture(scope="session")
def read() -> type[Page]:
    """Give the reader of pages."""
    return Page


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Site]:
    """Give a site on which nothing is published."""
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with the reference policy as version 1."""
    site = Site(tmp_path_factory.mktemp("published"))
    site.publish(REFERENCE)
    yield site
    site.close()


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with three versions: one more field, then one more month."""
    site = Site(tmp_path_factory.mktemp("history"))
    site.publish(REFERENCE)
    site.publish(REFERENCE, "2", START + timedelta(hours=1), FIELD)
    site.publish(REFERENCE, "3", START + timedelta(hours=2), PERIOD)
    yield site
    site.close()


@pytest.fixture(scope="module")
def asked(published: Site) -> Iterator[Callable[..., Any]]:
    """Give a function that asks the published site over HTTP, without following redirects."""
    with TestClient(published.app) as client:
        yield lambda path, **headers: client.get(
            path,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            follow_redirects=False,
        )


@pytest.fixture(scope="session")
def folders() -> dict[str, Path]:
    """Give the policy folders by name."""
    return {"reference": REFERENCE, "klinikum": KLINIKUM}
