"""The banner on a company's site, in a real browser: what runs when, keyboard, prominence, sizes, languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.axe import findings
from tests.conftest import sideways
from tests.cookies.company import COUNTER_HOST, STRANGER, TAG_HOST, careless
from tests.cookies.conftest import move_recipient, reset, with_counter
from tests.cookies.world import ALLOW, BANNER, CHOOSE, REFUSE, URL, World, chosen, csp_messages, opened, ready
from tests.support import edit
from upheld.cookies.files import packed
from upheld.cookies.store import reports

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running(serve: Callable[[Any], str], playwright: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One site, one browser for all tests of this module; each test has contexts of its own."""
    with opened(serve, playwright, with_counter(tmp_path_factory.mktemp("company") / "policy")) as world:
        yield world


# what runs when


@pytest.mark.parametrize("country", ["DE", "", "GB"])
@pytest.mark.row("M21")
def test_m21_before_a_choice_nothing_runs_in_the_eea_and_the_uk(world: World, country: str) -> None:
    """From Germany, and where nothing is known: no request to another host, no cookie; in the UK only exempt statistics."""
    page = ready(world.visit(country))
    ready(page, "/en/more")
    wanted = {f"{COUNTER_HOST}/count.js"} if country == "GB" else set()
    assert set(world.strangers.seen) == wanted
    assert {one["name"] for one in page.context.cookies()} <= ({"_mkto_trk"} if country == "GB" else set())
    assert page.locator(BANNER).is_visible()
    assert csp_messages(page) == []
    assert page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0


@pytest.mark.row("M21")
def test_m21_in_japan_what_links_nobody_runs_until_refused_with_one_click(world: World) -> None:
    """From Japan the counter runs and the notice is seen; one click stops it, and it stays stopped."""
    page = ready(world.visit("JP"))
    assert set(world.strangers.seen) == {f"{COUNTER_HOST}/count.js"}
    assert page.locator(BANNER).is_visible()
    with page.expect_navigation():  # what ran stops at once: the page loads again
        chosen(page, REFUSE)
    page.wait_for_load_state("networkidle")
    world.strangers.seen.clear()
    for _ in range(2):
        ready(page, "/en/more")
    assert world.strangers.seen == []
    assert page.locator(BANNER).count() == 0


@pytest.mark.row("M24")
def test_m24_with_the_signal_on_nothing_is_asked_and_no_tag_is_in_the_page(world: World) -> None:
    """With GPC the tags are absent from HTML and network, a line says so, and an explicit choice is heard."""
    page = ready(world.visit("JP", gpc=True))
    assert page.locator(BANNER).count() == 0
    assert "marketo.net/munchkin.js" not in page.content()
    assert "count.js" not in page.content()
    assert world.strangers.seen == []
    assert page.context.cookies() == []
    assert "Global Privacy Control" in page.locator(".upheld-line").inner_text()
    page.goto(f"{URL}/consent/choices?lang=en")
    with page.expect_navigation():
        page.click("button[value=accept_all]")
    ready(page)
    assert {f"{TAG_HOST}/munchkin.js", f"{COUNTER_HOST}/count.js"} <= set(world.strangers.seen)


def test_a_grant_lets_tags_run_from_the_next_page_and_a_withdrawal_stops_them(world: World) -> None:
    """Allowing takes effect with the next page, frames included; withdrawing reloads, ends the tag's cookie and stops all."""
    page = ready(world.visit("DE"))
    chosen(page, ALLOW)
    assert page.locator(f"{BANNER} [data-upheld-do=accept_all]").count() == 0
    ready(page, "/en/more")
    assert {f"{TAG_HOST}/munchkin.js", f"{TAG_HOST}/film.html", f"{COUNTER_HOST}/count.js"} <= set(world.strangers.seen)
    assert "_mkto_trk" in {one["name"] for one in page.context.cookies()}
    page.click("[data-upheld-open]")
    with page.expect_navigation():
        page.click(".upheld-dialog [data-upheld-do=reject_all]")
    page.wait_for_load_state("networkidle")
    assert "_mkto_trk" not in {one["name"] for one in page.context.cookies()}
    world.strangers.seen.clear()
    ready(page)
    assert world.strangers.seen == []


def test_the_header_stops_what_a_careless_page_carries(world: World) -> None:
    """Scripts, pixels, frames, films, styles, beacons and calls to hosts that were not allowed reach nobody, though the page asks."""
    world.write(careless)
    page = world.visit("DE")
    with page.expect_response("**/consent/csp-reports") as told:
        ready(page)
    assert told.value.status == 204
    assert world.strangers.seen == []
    with world.site.house.store.read() as tx:
        assert [one.host for one in reports(tx)] == [STRANGER]  # the declared host waits for consent, which is no news
    chosen(page, ALLOW)
    world.strangers.seen.clear()
    ready(page)
    assert {one.partition("/")[0] for one in world.strangers.seen} == {TAG_HOST}


def test_consent_mode_is_denied_until_granted(world: World) -> None:
    """Every signal begins denied; a grant updates its own, as an arguments object, and nothing is sent before."""
    page = ready(world.visit("DE"))
    first = page.evaluate("[...dataLayer[0]]")
    assert first[:2] == ["consent", "default"]
    assert (first[2]["analytics_storage"], first[2]["security_storage"]) == ("denied", "granted")
    assert page.evaluate("Object.prototype.toString.call(dataLayer[0])") == "[object Arguments]"
    chosen(page, ALLOW)
    ready(page, "/en/more")
    assert page.evaluate("dataLayer.map((one) => [...one]).filter((one) => one[1] === 'update').at(-1)") == [
        "consent", "update", {"analytics_storage": "granted"},
    ]  # fmt: skip


def test_it_works_under_trusted_types(world: World) -> None:
    """Where a site allows no policy of Trusted Types at all, the banner shows, opens, saves and says nothing wrong."""
    world.write(trusted_types=True)
    page = ready(world.visit("DE"))
    page.click(CHOOSE)
    page.check("#upheld-analyse")
    chosen(page, ".upheld-dialog [data-upheld-do=save]")
    assert csp_messages(page) == []
    ready(page, "/en/more")
    assert [one for one in world.strangers.seen if one.startswith(COUNTER_HOST)] == [f"{COUNTER_HOST}/count.js"]


def test_a_refusal_asks_no_more_a_typo_neither_a_new_recipient_does(world: World, tmp_path: Path) -> None:
    """After refusing nothing is asked again, nor after another wording; a new recipient asks, by name, in both layers and on the plain page."""
    page = ready(world.visit("DE"))
    chosen(page, REFUSE)
    ready(page)
    assert page.locator(BANNER).count() == 0
    folder = with_counter(tmp_path / "next")
    edit(folder, "00-policy.yaml", 'version: "1"', 'version: "2"')
    edit(folder, "cookies.yaml", "{en: to count for us,", "{en: to do counting for us,")
    world.site.publish(folder)
    ready(page)
    assert page.locator(BANNER).count() == 0
    third = move_recipient(tmp_path / "third", "3")
    edit(third, "cookies.yaml", "{en: to count for us,", "{en: to do counting for us,")
    reset(world.site, third, "3")
    ready(page)
    why = "New recipient: Slack Technologies, LLC (Slack), United States."
    assert why in page.locator(BANNER).inner_text()
    page.click(CHOOSE)
    told = [why in one.inner_text() for one in page.locator(".upheld-dialog li").all()]
    assert told == [False, True, False]
    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{URL}/consent/choices?lang=ja")
    assert "新たな送信先：Slack" in page.locator("#changes-analyse").inner_text()
    assert (findings(page), sideways(page)) == ([], 0)
    with page.expect_navigation():
        page.click("button[value=reject_all]")
    ready(page)
    assert page.locator(BANNER).count() == 0


# how it is met


CUT = """(all) => all.filter((one) => one.scrollWidth > one.clientWidth || one.getClientRects().length !== 1 || one.offsetHeight > 60)
    .map((one) => one.textContent)"""
SEEN = """() => { const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
    const there = box.top >= -1 && box.bottom <= innerHeight + 1 && one.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
    return { name: one.dataset.upheldDo || one.id || one.tagName, seen: there, ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }; }"""


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_is_accessible_and_shifts_nothing(world: World, lang: str, width: int) -> None:
    """First and second layer pass axe, nothing scrolls sideways, no layout shifts, no button is broken or cut."""
    page = world.visit("DE", viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.shifts += one.value; }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    ready(page, f"/{lang}")
    assert page.evaluate("window.shifts") == 0
    assert sideways(page) == 0
    assert findings(page) == []
    assert page.locator(f"{BANNER} button").evaluate_all(CUT) == []
    box = page.locator(BANNER).bounding_box()
    assert box["y"] + box["height"] <= 800.5
    page.click(CHOOSE)
    assert findings(page) == []
    assert page.locator(".upheld-dialog button").evaluate_all(CUT) == []
    assert csp_messages(page) == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_at_400_percent_it_stands_in_the_page_and_covers_nothing(world: World, lang: str) -> None:
    """In a window of 1280 x 1024 at 400 % it scrolls with the page; each control of both layers comes into sight by Tab."""
    page = ready(world.visit("DE", viewport={"width": 320, "height": 256}), f"/{lang}")
    assert sideways(page) == 0
    assert page.locator(BANNER).evaluate("(one) => [getComputedStyle(one).position, document.body.style.paddingBottom]") == ["static", ""]
    assert page.locator(f"{BANNER} button").evaluate_all(CUT) == []
    for name in ("A", "A", "accept_all", "reject_all", "choose"):
        page.keyboard.press("Tab")
        assert page.evaluate(SEEN) == {"name": name, "seen": True, "ring": True}
    page.keyboard.press("Enter")
    assert page.locator(".upheld-dialog").evaluate("(one) => one.getBoundingClientRect().bottom <= innerHeight && one.scrollWidth <= one.clientWidth")
    assert page.locator(".upheld-dialog button").evaluate_all(CUT) == []
    met = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        told = page.evaluate(SEEN)
        if told["name"] in {"upheld-analyse", "upheld-announce", "save", "accept_all", "reject_all", "close"}:
            assert told["seen"], told
            met.add(told["name"])
    assert len(met) == 6


def test_it_keeps_its_shape_in_forced_colours_and_does_not_move(world: World) -> None:
    """With the person's own colours every button and box has an edge, the focus a ring; asked for no motion, nothing moves."""
    page = world.visit("DE", viewport={"width": 640, "height": 700}, forced_colors="active", reduced_motion="reduce")
    edge = """(all) => all.filter((one) => { const style = getComputedStyle(one);
        return parseFloat(style.borderTopWidth) < 1 || style.borderTopColor === style.backgroundColor; }).map((one) => one.outerHTML)"""
    moving = """() => document.getAnimations().length + [...document.querySelectorAll('[class^=upheld] *')].filter((one) =>
        parseFloat(getComputedStyle(one).transitionDuration) > 0 || parseFloat(getComputedStyle(one).animationDuration) > 0).length"""
    ready(page, "/en")
    for layer in (BANNER, ".upheld-dialog"):
        assert page.locator(f"{layer}, {layer} button").evaluate_all(edge) == []
        assert page.locator(f"{layer} button").evaluate_all(CUT) == []
        assert page.evaluate(moving) == 0
        told = {"name": ""}
        while told["name"] != ("choose" if layer == BANNER else "close"):
            page.keyboard.press("Tab")
            told = page.evaluate(SEEN)
            assert (told["seen"], told["ring"]) == (True, True), told
        if layer == BANNER:
            page.keyboard.press("Enter")
    tick = page.locator("#upheld-analyse")
    assert tick.evaluate("(one) => [getComputedStyle(one).appearance, one.offsetWidth >= 24]") == ["auto", True]


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("width", [320, 1280])
def test_allowing_and_refusing_are_equal(world: World, lang: str, width: int) -> None:
    """All three buttons have the same box, colour, weight and size: nothing is easier to give than to refuse."""
    page = ready(world.visit("DE", viewport={"width": width, "height": 800}), f"/{lang}")
    look = """(one) => { const s = getComputedStyle(one), b = one.getBoundingClientRect();
        return [b.width, b.height, s.color, s.backgroundColor, s.borderColor, s.borderWidth, s.fontSize, s.fontWeight, s.textDecorationLine, s.opacity].join('|'); }"""
    looks = [page.locator(one).evaluate(look) for one in (ALLOW, REFUSE)]
    assert looks[0] == looks[1]
    page.click(CHOOSE)
    inside = [page.locator(f".upheld-dialog [data-upheld-do={name}]").evaluate(look) for name in ("accept_all", "reject_all")]
    assert inside[0] == inside[1]


def test_the_keyboard_enters_passes_and_leaves_it(world: World) -> None:
    """Tab meets the banner first, then the page; nothing focused is covered; Esc closes without a choice and gives the focus back."""
    page = ready(world.visit("DE", viewport={"width": 900, "height": 600}))
    here = """(() => { const one = document.activeElement, box = one.getBoundingClientRect(), over = document.querySelector('.upheld-banner');
        const bar = over && over.getBoundingClientRect();
        return { id: one.dataset.upheldDo || one.id || one.tagName, inside: !!one.closest('.upheld-banner'),
                 covered: !!bar && !one.closest('.upheld-banner') && (one.tagName === 'IFRAME' ? box.top : box.bottom) > bar.top + 1,
                 ring: getComputedStyle(one).outlineStyle !== 'none' }; })()"""
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(here))
        if seen[-1]["id"] == "last":
            break
    assert [one["id"] for one in seen[:5]] == ["A", "A", "accept_all", "reject_all", "choose"]
    assert all(one["inside"] and one["ring"] for one in seen[:5])
    assert not any(one["inside"] for one in seen[5:])
    assert seen[-1]["id"] == "last"
    assert [one["id"] for one in seen if one["covered"]] == []
    page.focus("#name")
    page.focus(CHOOSE)
    page.keyboard.press("Escape")
    assert page.locator(BANNER).count() == 0
    assert page.evaluate("document.activeElement.id") == "name"
    assert page.context.cookies() == []


def test_the_second_layer_opens_and_closes_by_keyboard(world: World) -> None:
    """Enter opens it, Tab stays within, Esc closes it and leaves the focus on the button that opened it."""
    page = ready(world.visit("DE"))
    page.focus(CHOOSE)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.upheldDo || document.activeElement.id"))
    assert {"upheld-analyse", "upheld-announce", "save", "accept_all", "reject_all", "close"} <= reached
    assert not page.is_checked("#upheld-analyse")
    assert page.locator("#upheld-necessary").is_disabled()
    page.keyboard.press("Escape")
    page.wait_for_selector(".upheld-dialog", state="detached")
    assert page.evaluate("document.activeElement.dataset.upheldDo") == "choose"
    assert page.locator(BANNER).is_visible()


def test_every_purpose_tells_recipient_and_country_in_japanese(world: World) -> None:
    """The second layer names who receives what and where for each purpose, before anything is chosen."""
    page = ready(world.visit("JP"), "/ja")
    page.click(CHOOSE)
    text = page.locator(".upheld-dialog").inner_text()
    for part in ("目的ごとに選ぶ", "Adobe Inc.", "アメリカ合衆国", "_mkto_trk", "送信する情報", "選択を保存"):
        assert part in text


def test_without_scripts_nothing_runs_and_the_plain_page_chooses(world: World) -> None:
    """With scripts off no tag runs, and the plain page chooses and withdraws."""
    page = world.visit("DE", java_script_enabled=False)
    page.goto(f"{URL}/en")
    assert page.locator(BANNER).count() == 0
    page.click("#last")
    page.check("#c-analyse")
    page.click("button[value=custom]")
    assert page.locator("#saved").is_visible()
    page.goto(f"{URL}/en")
    assert f"http://{COUNTER_HOST}/count.js" in page.content()
    page.goto(f"{URL}/consent/choices?lang=en")
    page.click(".withdraw")
    page.goto(f"{URL}/en")
    assert "count.js" not in page.content()


def test_the_banner_is_small() -> None:
    """Script and style together are at most 4 KB as sent."""
    assert sum(len(packed(name)) for name in ("banner.js", "banner.css")) <= 4096


# our own pages about it


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("path", ["/consent/choices", "/cookies", "/external-transmission"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_pages_about_tags_are_accessible(world: World, check_page: Callable[..., None], path: str, lang: str, width: int) -> None:
    """Each page passes axe under the strict policy in both languages, narrow and wide, and fetches nothing elsewhere."""
    check_page(world.visit("DE"), f"{URL}{path}?lang={lang}", width)


def test_the_two_buttons_of_the_plain_page_are_equal_and_the_history_is_accessible(world: World) -> None:
    """Refuse all looks and measures as Allow all; after a choice the page with its history passes axe as well."""
    page = world.visit("DE")
    look = """(one) => { const s = getComputedStyle(one), b = one.getBoundingClientRect();
        return [b.width, b.height, s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight].join('|'); }"""
    for lang in ("en", "ja"):
        page.goto(f"{URL}/consent/choices?lang={lang}")
        first, second = (page.locator(f"button[value={name}]").evaluate(look) for name in ("accept_all", "reject_all"))
        assert first == second, lang
    page.click("button[value=accept_all]")
    page.wait_for_selector("#saved")
    assert findings(page) == []
    page.click("#saved a")
    page.wait_for_selector("dl[data-receipt]")
    assert findings(page) == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_sample_page_of_the_demonstration_shows_it_all(world: World, lang: str) -> None:
    """The demonstration's page asks, calls nobody, says what may run, and fills its frame once everything is allowed."""
    page = ready(world.visit("DE"), f"/sample/{lang}")
    assert page.locator("[data-runs=yes]").count() == 0
    assert findings(page) == []
    chosen(page, ALLOW)
    page.frame_locator("iframe[data-upheld]").locator("h1").wait_for()
    ready(page, f"/sample/{lang}")
    assert page.locator("[data-runs=no]").count() == 0
    assert world.strangers.seen == []
    assert csp_messages(page) == []
