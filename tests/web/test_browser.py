"""The kit in a real browser: every component, both languages, narrow and wide, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.axe import findings

pytestmark = pytest.mark.browser
PAGES = ("/specimen", "/problems/notice_stale", "/problems", "/nowhere")
Check = Callable[..., None]


@pytest.fixture
def narrow(browser: Any) -> Iterator[Any]:
    """A page of the narrowest window that must work, without scripts."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}, locale="ja-JP")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_every_component_is_accessible(
    page: Any, check_page: Check, specimen: str, path: str, lang: str, width: int
) -> None:
    """Every part of a page passes axe under the strict policy in both languages, narrow and wide."""
    check_page(page, f"{specimen}{path}?lang={lang}", width)


def test_dark_is_accessible_too(browser: Any, check_page: Check, specimen: str) -> None:
    """The dark colours keep their contrast."""
    context = browser.new_context(color_scheme="dark")
    check_page(context.new_page(), f"{specimen}/specimen?lang=ja", 1280)
    context.close()


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_form_with_errors_is_accessible(page: Any, specimen: str, lang: str) -> None:
    """The error summary appears in place, takes the focus, names the page an error and passes axe."""
    page.goto(f"{specimen}/specimen?lang={lang}")
    page.fill("#f-email", "hanako@example.co.jp")
    page.click("#form button.main")
    page.wait_for_selector("#faults")
    assert page.evaluate("document.activeElement.id") == "faults"
    assert page.title().startswith({"en": "Error:", "ja": "入力エラー:"}[lang])
    assert page.input_value("#f-email") == "hanako@example.co.jp"
    page.click("#faults a[href='#f-name']")
    assert page.evaluate("document.activeElement.id") == "f-name"
    assert findings(page) == []


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_scrolls_sideways_at_320(page: Any, specimen: str, path: str, lang: str) -> None:
    """At 320 px, and at 1280 px with text twice as large, nothing runs out of the window."""
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{specimen}{path}?lang={lang}")
    assert page.evaluate(wider) <= 0
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("document.documentElement.style.setProperty('font-size', '34px')")
    assert page.evaluate(wider) <= 0


def test_the_keyboard_reaches_everything_and_is_seen(page: Any, specimen: str) -> None:
    """Tab reaches every control, each shows a focus ring, and the skip link comes first."""
    page.goto(f"{specimen}/specimen?lang=en")
    page.evaluate("document.querySelectorAll('[data-every]').forEach((block) => delete block.dataset.every)")
    wanted = page.evaluate(
        """[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
           .filter((one) => one.type !== 'radio' || one.id.endsWith('-1')).length"""
    )
    seen = []
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """(() => { const one = document.activeElement; if (one === document.body) return null;
               const style = getComputedStyle(one), box = one.getBoundingClientRect();
               return {ring: parseFloat(style.outlineWidth), kind: style.outlineStyle, name: one.outerHTML.slice(0, 90),
                       seen: box.bottom > 0 && box.top < innerHeight && box.width > 0}; })()"""
        )
        if told is None:
            break
        seen.append(told)
    assert len(seen) == wanted
    assert "Skip to the content" in seen[0]["name"] or 'class="skip"' in seen[0]["name"]
    assert [one for one in seen if one["ring"] < 2 or one["kind"] == "none" or not one["seen"]] == []


@pytest.mark.parametrize("width", [320, 1280])
def test_targets_are_large_enough(page: Any, specimen: str, width: int) -> None:
    """Buttons, entries, picks and the links of navigation are at least 44 px high."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{specimen}/specimen?lang=ja")
    small = page.evaluate(
        """[...document.querySelectorAll('button, select, textarea, input:not([type=hidden], [type=radio], [type=checkbox]),'
             + ' summary, .pick label, nav.langs a, .foot a, .brand, .row a, .twin')]
           .filter((one) => one.getBoundingClientRect().height < 43.9).map((one) => one.outerHTML)"""
    )
    assert small == []


def test_everything_works_without_scripts(narrow: Any, specimen: str) -> None:
    """With scripts off the form is sent, its errors take the focus, and the corrected form leads on."""
    narrow.goto(f"{specimen}/specimen?lang=ja")
    narrow.fill("#f-name", "田中 花子")
    narrow.click("#form button.main")
    assert narrow.locator("#faults li").count() == 2
    assert narrow.locator("#faults:focus").count() == 1
    assert narrow.input_value("#f-name") == "田中 花子"
    narrow.select_option("#f-residence", "JP")
    narrow.check("#f-how-2")
    narrow.click("#form button.main")
    assert narrow.url == f"{specimen}/done"
    assert narrow.inner_text("h1") == "受け付けました"


def test_a_sent_form_leads_on_with_scripts(page: Any, specimen: str) -> None:
    """With scripts on a complete form ends on the same page as without."""
    page.goto(f"{specimen}/specimen?lang=ja")
    page.select_option("#f-residence", "JP")
    page.fill("#f-name", "田中 花子")
    page.check("#f-how-1")
    page.click("#form button.main")
    page.wait_for_url(f"{specimen}/done")


def test_a_form_switches_language_and_keeps_its_values(page: Any, specimen: str) -> None:
    """The language button inside a form shows the other language with every value still there."""
    page.goto(f"{specimen}/specimen?lang=ja")
    page.fill("#f-name", "田中 花子")
    page.check("#f-announce")
    page.click("button[name=_lang]")
    page.wait_for_function("() => document.querySelector('#form label').textContent.includes('Country')")
    assert page.input_value("#f-name") == "田中 花子"
    assert page.is_checked("#f-announce")


@pytest.mark.parametrize("path", ["/specimen", "/strict"])
def test_blocks_are_replaced_in_place(page: Any, specimen: str, path: str) -> None:
    """A link swaps its block and a live block refreshes by itself, with focus and scroll kept, also under Trusted Types."""
    blocked: list[str] = []
    page.on("console", lambda said: blocked.append(said.text) if "Trusted" in said.text else None)
    page.goto(f"{specimen}{path}?lang=en")
    tick = page.get_attribute("#live", "data-tick")
    page.focus("a[data-swap]")
    top = page.evaluate("scrollY")
    page.wait_for_function("(old) => document.getElementById('live').dataset.tick !== old", arg=tick)
    assert page.evaluate("document.activeElement.matches('a[data-swap]')")
    assert page.evaluate("scrollY") == top
    page.evaluate("delete document.getElementById('live').dataset.every")
    tick = page.get_attribute("#live", "data-tick")
    page.click("a[data-swap]")
    page.wait_for_function("(old) => document.getElementById('live').dataset.tick !== old", arg=tick)
    assert blocked == []


def test_a_failed_swap_becomes_a_navigation(page: Any, specimen: str) -> None:
    """Where the answer lacks the block, the link is followed as if there were no script."""
    page.goto(f"{specimen}/specimen?lang=en")
    page.evaluate("document.querySelector('a[data-swap]').href = '/done?lang=en'")
    page.click("a[data-swap]")
    page.wait_for_url(f"{specimen}/done?lang=en")


def test_a_broken_connection_falls_back_to_the_ordinary_way(page: Any, specimen: str) -> None:
    """When the script's own request fails, link and form go the ordinary way, with the values that were entered."""
    page.route("**/*", lambda route: route.abort() if route.request.resource_type == "xhr" else route.continue_())
    page.goto(f"{specimen}/specimen?lang=en")
    page.evaluate("window.before = 1")
    page.click("a[data-swap]")
    page.wait_for_function("() => window.before === undefined && document.readyState === 'complete'")
    page.fill("#f-name", "Lena Fischer")
    page.evaluate("window.before = 1")
    page.click("#form button.main")
    page.wait_for_function("() => window.before === undefined && document.getElementById('faults')")
    assert page.input_value("#f-name") == "Lena Fischer"


def test_forced_colours_keep_the_shapes(browser: Any, specimen: str) -> None:
    """With colours chosen by the person, boxes and buttons keep a border."""
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    page.goto(f"{specimen}/specimen?lang=ja")
    for what in (".box", "button.main", "#f-name"):
        assert page.evaluate("(what) => parseFloat(getComputedStyle(document.querySelector(what)).borderTopWidth)", what) >= 1
    context.close()


def test_print_leaves_out_what_paper_cannot_do(page: Any, specimen: str) -> None:
    """Printed, a page has no navigation and no buttons; links that lead elsewhere show their addresses."""
    page.goto(f"{specimen}/specimen?lang=ja")
    page.emulate_media(media="print")
    for what in (".langs", ".foot nav", "#form button.main", ".contents", ".skip"):
        assert not page.locator(what).first.is_visible(), what
    page.evaluate("document.querySelector('.box a').href = 'https://www.example.com/elsewhere'")
    after = "getComputedStyle(document.querySelector('.box a'), '::after').content"
    assert "https://www.example.com/elsewhere" in page.evaluate(after)
    page.evaluate("document.querySelector('.box a').setAttribute('href', '/done')")
    assert page.evaluate(after) == "none"


def test_japanese_is_set_as_japanese(page: Any, specimen: str) -> None:
    """Japanese text has open lines of at most 42 signs, headings break between phrases, buttons never break."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{specimen}/specimen?lang=ja")
    told = page.evaluate(
        """(() => { const text = getComputedStyle(document.querySelector('.box p:last-child')), size = parseFloat(text.fontSize);
           return {size, lead: parseFloat(text.lineHeight) / size, measure: parseFloat(text.maxWidth) / size,
             strict: text.lineBreak, head: getComputedStyle(document.querySelector('h1')).wordBreak,
             button: getComputedStyle(document.querySelector('button')).whiteSpace}; })()"""
    )
    assert 16 <= told["size"] <= 18
    assert told["lead"] >= 1.7
    assert 38 <= told["measure"] <= 42
    assert (told["strict"], told["head"], told["button"]) == ("strict", "auto-phrase", "nowrap")
