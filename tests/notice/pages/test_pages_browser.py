"""The published pages in a browser: accessible, quiet, the same without scripts, good on paper."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(published, serve) -> str:
    """Serve the published site."""
    return serve(published.app)


def test_the_hospitals_page_is_accessible(blank, folders, serve, page, check_page) -> None:
    """A German policy with recipients and sensitive data passes as well."""
    blank.publish(folders["klinikum"])
    check_page(page, f"{serve(blank.app)}/privacy/de", 360)


def test_the_page_is_whole_without_scripts(site, browser) -> None:
    """With scripts off the text is the same, to the letter."""
    texts = []
    for scripts in (True, False):
        context = browser.new_context(java_script_enabled=scripts)
        tab = context.new_page()
        tab.goto(f"{site}/privacy/ja")
        texts.append(tab.locator("#policy").inner_text())
        context.close()
    assert texts[0] == texts[1]
    assert len(texts[0]) > 5000


def test_the_language_switch_keeps_the_place(site, page) -> None:
    """The link beside a heading leads to the same heading in the other language."""
    page.goto(f"{site}/privacy/en")
    page.locator("section[data-clause=retention] .heading a[hreflang=ja]").click()
    page.wait_for_url(f"{site}/privacy/ja#retention")
    assert page.locator("#retention").bounding_box()["y"] < 200


def test_tables_are_cards_on_a_narrow_screen(site, page) -> None:
    """At 320 px each cell of a row stands under the other, with its heading before it."""
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{site}/privacy/en")
    boxes = [cell.bounding_box() for cell in page.locator("[data-situation=event] > *").all()]
    assert all(below["y"] >= above["y"] + above["height"] - 1 for above, below in pairwise(boxes))
    assert (
        page.locator("[data-situation=event] td").first.evaluate(
            "e => getComputedStyle(e, '::before').content"
        )
        == '"Details"'
    )


def test_the_page_prints_without_its_menus(site, page, tmp_path) -> None:
    """On paper the switches and the contents are gone and the text is there."""
    page.emulate_media(media="print")
    page.goto(f"{site}/privacy/en")
    assert not page.locator(".contents").is_visible()
    assert not page.locator(".langs").is_visible()
    assert page.locator("[data-situation=event]").is_visible()
    page.pdf(path=tmp_path / "printed.pdf")
    assert (tmp_path / "printed.pdf").stat().st_size > 10_000


@pytest.mark.parametrize("path", ["/privacy/en/changes", "/privacy/ja/changes", "/privacy/ja/changes/1..3", "/privacy/en/changes/1..2"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_history_is_accessible(versions, serve, page, check_page, path, width) -> None:
    """Log and comparison pass what every page must pass."""
    check_page(page, f"{serve(versions.app)}{path}", width)
