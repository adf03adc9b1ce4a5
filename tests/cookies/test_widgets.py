"""Sites that run a widget of their own, and sites on another origin than ours: in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cookies.company import COUNTER_HOST, ELSEWHERE, HOST, PRIVACY, from_elsewhere, with_widget
from tests.cookies.conftest import with_counter
from tests.cookies.likeness import LIKENESS, with_likeness
from tests.cookies.world import ALLOW, BANNER, REFUSE, World, chosen, csp_messages, opened, ready
from tests.support import edit

pytestmark = pytest.mark.browser
MARKED = "the <b>pages</b> & a number"


@pytest.fixture(scope="module")
def running(serve: Callable[[Any], str], playwright: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One site, whose policy has a sentence that would be markup to a widget that is not careful."""
    folder = with_counter(tmp_path_factory.mktemp("widget") / "policy")
    edit(folder, "cookies.yaml", "the pages you view, a number of your browser", MARKED)
    with opened(serve, playwright, folder) as world:
        world.company.scripts["/likeness.js"] = LIKENESS
        yield world


def stated(world: World) -> list[dict[str, str]]:
    """Give what each choice in the ledger said, oldest first."""
    world.site.house.settle()
    entries = world.site.house.ledger.entries_since(0, 4096, kinds=["cookie.chosen"])
    return [world.site.house.ledger.body(one) for one in entries]


# a widget of the site's own


def test_a_widget_of_the_site_shows_the_policy_and_its_choice_counts(world: World) -> None:
    """The widget gets texts and purposes of the policy, its choice has a receipt and acts, and it shows what stands."""
    world.write(with_widget)
    before = len(stated(world))
    page = ready(world.visit("DE"))
    assert page.locator(BANNER).count() == 0
    assert page.locator("#widget").is_visible()
    assert MARKED in page.locator("#widget").inner_text()
    assert page.locator("#widget b").count() == 0
    assert world.strangers.seen == []
    page.check("#widget [name=analyse]")
    chosen(page, "#keep")
    assert [one["states"] for one in stated(world)[before:]] == [{"analyse": "granted", "announce": "refused"}]
    ready(page, "/en/more")
    assert page.locator("#widget").is_hidden()
    assert page.is_checked("#widget [name=analyse]")
    assert f"{COUNTER_HOST}/count.js" in world.strangers.seen
    assert csp_messages(page) == []


def test_a_withdrawal_in_the_widget_stops_what_ran(world: World) -> None:
    """Opened again from the page's own button, the widget takes back: the page loads again and the tag is gone."""
    world.write(with_widget)
    page = ready(world.visit("DE"))
    page.check("#widget [name=analyse]")
    chosen(page, "#keep")
    ready(page)
    page.click("[data-upheld-open]")
    with page.expect_navigation():
        page.click("#back")
    page.wait_for_load_state("networkidle")
    world.strangers.seen.clear()
    ready(page, "/en/more")
    assert world.strangers.seen == []
    last = stated(world)[-1]
    assert (last["action"], last["states"]) == ("withdraw", {"analyse": "withdrawn"})


def test_the_widget_speaks_another_language_when_the_page_does(world: World) -> None:
    """A page that changes its language without loading tells the adapter, and the widget is drawn anew."""
    world.write(with_widget)
    page = ready(world.visit("DE"))
    page.evaluate("document.dispatchEvent(new CustomEvent('upheld:language', {detail: {language: 'ja-JP'}}))")
    page.wait_for_selector("#widget[lang=ja]")
    assert "すべて拒否" in page.locator("#none").inner_text()
    chosen(page, "#none")
    last = stated(world)[-1]
    assert (last["action"], last["language"]) == ("reject_all", "ja")


def test_the_signal_and_a_stored_choice_keep_the_widget_closed(world: World) -> None:
    """With GPC the widget is not shown and nothing is stored for it; our line says why."""
    world.write(with_widget)
    page = ready(world.visit("JP", gpc=True))
    assert page.locator("#widget").is_hidden()
    assert "Global Privacy Control" in page.locator(".upheld-line").inner_text()
    assert page.context.cookies() == []
    assert world.strangers.seen == []


# a widget that is met as vanilla-cookieconsent is


def test_the_adapter_gives_the_package_policy_texts_and_frees_the_keyboard(world: World) -> None:
    """Texts of the policy stand escaped in a widget that writes HTML; Tab leaves its first layer, which would keep it."""
    world.write(with_likeness)
    page = ready(world.visit("DE"))
    assert page.locator("#cc-main .cm").is_visible()
    assert page.locator(BANNER).count() == 0
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.role || document.activeElement.id"))
        if reached[-1] == "last":
            break
    assert reached[:3] == ["all", "necessary", "show"]
    assert reached[-1] == "last"
    page.click("[data-role=show]")
    assert MARKED in page.locator("#cc-main .pm").inner_text()
    assert page.locator("#cc-main .pm b").count() == 0
    assert page.locator("#cc-main .pm input:checked").evaluate_all("(all) => all.map((one) => one.value)") == ["necessary"]
    assert (world.strangers.seen, page.context.cookies()) == ([], [])
    assert csp_messages(page) == []


def test_a_choice_in_the_package_has_a_receipt_and_its_cookie_is_a_mirror(world: World) -> None:
    """Allowing one purpose is kept on the server and mirrored; without our cookie the mirror alone lets nothing run."""
    world.write(with_likeness)
    page = ready(world.visit("DE"))
    page.click("[data-role=show]")
    page.check("#cc-main .pm [value=analyse]")
    chosen(page, "#cc-main .pm [data-role=save]")
    last = stated(world)[-1]
    assert (last["action"], last["states"]) == ("custom", {"analyse": "granted", "announce": "refused"})
    ready(page, "/en/more")
    assert f"{COUNTER_HOST}/count.js" in world.strangers.seen
    assert page.locator("#cc-main .cm").is_hidden()
    assert page.evaluate("[CookieConsent.acceptedCategory('analyse'), CookieConsent.acceptedCategory('announce')]") == [True, False]
    with page.expect_response("**/consent/receipts"), page.expect_navigation():
        page.evaluate("CookieConsent.acceptCategory([])")
    assert stated(world)[-1]["action"] == "withdraw"
    assert stated(world)[-1]["states"] == {"analyse": "withdrawn"}
    page.context.clear_cookies(name="upheld_consent")
    world.strangers.seen.clear()
    ready(page)
    assert page.locator("#cc-main .cm").is_visible()
    assert world.strangers.seen == []


def test_the_package_speaks_the_pages_language_and_heeds_the_signal(world: World) -> None:
    """A page that changes `lang` has the widget drawn anew; with GPC it is not shown and nothing is stored."""
    world.write(with_likeness)
    page = ready(world.visit("DE"))
    page.evaluate("document.documentElement.lang = 'ja'")
    page.locator("#cc-main .cm", has_text="すべて拒否").wait_for()
    chosen(page, "#cc-main .cm [data-role=necessary]")
    assert (stated(world)[-1]["action"], stated(world)[-1]["language"]) == ("reject_all", "ja")
    page = ready(world.visit("JP", gpc=True))
    assert page.locator("#cc-main .cm").is_hidden()
    assert "Global Privacy Control" in page.locator(".upheld-line").inner_text()
    assert (page.context.cookies(), world.strangers.seen) == ([], [])


# another origin


def elsewhere(world: World) -> None:
    """Let the company's pages take the banner from the other origin, and say so in their header."""
    home = f"http://{PRIVACY}"
    wide = dict.fromkeys(("script-src", "style-src", "connect-src"), f"'self' {home}")
    world.write(from_elsewhere, base=wide)


def test_a_site_that_is_named_may_ask_and_choose_from_another_origin(world: World) -> None:
    """The banner of the privacy host works on the company's site: the receipt is written and the choice stays."""
    elsewhere(world)
    before = len(stated(world))
    page = ready(world.visit("DE"))
    links = page.locator(f"{BANNER} a").evaluate_all("(all) => all.map((one) => new URL(one.href).host)")
    assert set(links) == {PRIVACY}
    with page.expect_response("**/consent/receipts") as told:
        page.click(ALLOW)
    assert told.value.status == 201
    assert told.value.headers["access-control-allow-origin"] == f"http://{HOST}"
    assert told.value.headers["access-control-allow-credentials"] == "true"
    assert len(stated(world)) == before + 1
    page.wait_for_selector("[data-upheld-do=reload]")  # this page was loaded before the choice, and its header with it
    page.said.clear()
    ready(page, "/en/more")
    assert page.locator(BANNER).count() == 0
    assert [one["domain"] for one in page.context.cookies() if one["name"] == "upheld_consent"] == [".company.example"]
    assert f"{COUNTER_HOST}/count.js" in world.strangers.seen
    assert csp_messages(page) == []


def test_a_site_that_is_not_named_can_neither_read_nor_choose(world: World) -> None:
    """A page elsewhere gets no config, and what it posts through the person's browser is refused and writes nothing."""
    elsewhere(world)
    page = ready(world.visit("DE"))
    chosen(page, REFUSE)
    before = len(stated(world))
    sent = """async ([kind, mode]) => { try { const told = await fetch('http://privacy.company.example/consent/receipts', {
        method: 'POST', mode, credentials: 'include', headers: {'Content-Type': kind}, body: '{"snapshot": "x", "action": "accept_all"}'});
        return told.type; } catch (error) { return error.name; } }"""
    world.write(from_elsewhere, guarded=False)
    page.goto(f"http://{ELSEWHERE}/en")
    page.wait_for_load_state("networkidle")
    assert page.locator(BANNER).count() == 0
    assert page.evaluate(sent, ["application/json", "cors"]) == "TypeError"
    with page.expect_response("**/consent/receipts") as told:
        page.evaluate(sent, ["text/plain", "no-cors"])
    assert told.value.status == 403
    assert page.evaluate("fetch('http://privacy.company.example/consent/config.en.json').then(() => 'read', (error) => error.name)") == "TypeError"
    assert len(stated(world)) == before
