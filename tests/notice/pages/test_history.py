"""The history of the policy: what a reader is told of a change, in each language, and that nothing else moves."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from upheld.policy.render.changes import stretches

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def ask(versions):
    """Ask the site without following redirects."""
    with TestClient(versions.app) as client:
        yield lambda path: client.get(path, follow_redirects=False)


def _changed(page):
    return {e.attrs["data-clause"]: e for e in page.having("data-state")}


@pytest.mark.parametrize(("lang", "word"), [("en", "department"), ("ja", "部署")])
def test_a_new_field_is_marked_where_it_stands(ask, read, lang, word) -> None:
    """The situation that takes one more field shows it as added, with the class of the change, and nothing as gone."""
    page = read(ask(f"/privacy/{lang}/changes/1..2").text)
    event = _changed(page)["collection.event"]
    added = [e.text for e in page.elements if e.tag == "ins" and event in e.parents]
    assert len(added) == 1
    assert word in added[0]
    assert not [e for e in page.elements if e.tag == "del"]
    assert [e.attrs["data-class"] for e in page.having("data-class")] == ["new_field"]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_only_what_changed_is_listed(ask, read, lang) -> None:
    """One more month for visitors touches their period and the note of their situation, in both languages alike."""
    page = read(ask(f"/privacy/{lang}/changes/1..3").text)
    clauses = set(_changed(page))
    assert {"retention.visitor", "collection.browsing"} <= clauses
    assert not {"collection.event", "services.gcp", "rights.access"} & clauses
    kept = _changed(page)["retention.visitor"]
    told = [(e.tag, e.text) for e in page.elements if e.tag in {"ins", "del"} and kept in e.parents]
    assert [tag for tag, _ in told] == ["del", "ins"]
    assert "13" in told[0][1]
    assert "14" in told[1][1]


def test_backwards_is_the_other_way_round(ask, read) -> None:
    """Compared from the newer to the older version, what was added is gone."""
    there, back = (read(ask(f"/privacy/en/changes/{pair}").text) for pair in ("1..2", "2..1"))
    for tag, other in (("ins", "del"), ("del", "ins")):
        words = [e.text.partition(":")[2] for e in there.elements if e.tag == tag]
        assert words == [e.text.partition(":")[2] for e in back.elements if e.tag == other]


def test_a_version_against_itself_says_that_nothing_changed(ask, read) -> None:
    """There is a page for it, and no change on it."""
    answer = ask("/privacy/en/changes/2..2")
    assert answer.status_code == 200
    assert not read(answer.text).having("data-state")
    assert "Nothing of what is printed changed." in answer.text


def test_the_log_lists_every_version_and_leads_to_each_change(ask, read) -> None:
    """Newest first, each with its class and a link to what it changed; the form leads to any pair."""
    page = read(ask("/privacy/ja/changes").text)
    assert [e.attrs["data-version"] for e in page.having("data-version")] == ["3", "2", "1"]
    links = [e.attrs["href"] for e in page.elements if e.tag == "a" and ".." in e.attrs.get("href", "")]
    assert links == ["/privacy/ja/changes/2..3", "/privacy/ja/changes/1..2"]
    led = ask("/privacy/ja/changes?from=1&to=3")
    assert (led.status_code, led.headers["location"]) == (303, "/privacy/ja/changes/1..3")


@pytest.mark.parametrize(
    "path",
    ["/privacy/en/changes/1..9", "/privacy/en/changes/1", "/privacy/fr/changes", "/privacy/en/changes?from=1&to=9"],
)
def test_what_was_never_published_is_not_found(ask, path) -> None:
    """An unknown version, a half pair and a foreign language answer 404."""
    assert ask(path).status_code == 404


def test_the_feed_is_atom_with_one_entry_a_version(ask) -> None:
    """A reader of feeds finds each version once, newest first, with absolute addresses and stable ids."""
    answer = ask("/privacy/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert ids == [f"https://privacy.example.co.jp/privacy/en/v/{n}" for n in (3, 2, 1)]
    moments = [entry.findtext(f"{ATOM}updated") for entry in feed.iter(f"{ATOM}entry")]
    assert feed.findtext(f"{ATOM}updated") == moments[0] == max(moments)
    assert all(link.attrib["href"].startswith("https://") for link in feed.iter(f"{ATOM}link"))


@given(st.text("ab 田中。", max_size=40), st.text("ab 田中。", max_size=40))
def test_a_comparison_joined_again_gives_both_texts(old, new) -> None:
    """Without what is new stands the old text, without what is gone the new one."""
    found = stretches(old, new)
    assert "".join(one.text for one in found if one.kind != "new") == old
    assert "".join(one.text for one in found if one.kind != "gone") == new
