"""One page in one language, looked at in every way: content policy, strangers, motion, keyboard, axe, narrow windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.axe import findings
from tests.conftest import sideways

WATCH = """() => { const walk = window.walk = {met: [], again: false};
  const sight = (one) => { const box = one.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight; };
  document.addEventListener('focusin', ({target}) => {
    if (walk.met.some((one) => one.target === target)) walk.again = true;
    if (walk.again) return;
    const style = getComputedStyle(target), ring = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
    walk.met.push({target, ring: ring || target.tagName === 'IFRAME', sight: sight(target)}); });
  document.addEventListener('focusout', ({target}) => {
    const here = walk.met.find((one) => one.target === target);
    if (!walk.again && here) here.sight ||= sight(target); }); }"""
"""Note whom Tab meets, with its ring; it is seen as the focus comes, or once the window has moved to it."""
INSIDE = "() => !window.walk.again && ![document.body, document.documentElement, null].includes(document.activeElement)"
WALKED = """() => ({met: window.walk.met.length, faults: window.walk.met.filter((one) => !one.ring || !one.sight)
  .map((one) => (one.ring ? 'out of sight ' : 'no ring ') + one.target.outerHTML.slice(0, 90))})"""
CONTROLS = """() => { const seen = (one) => one.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
  const named = new Set(); let count = 0;
  for (const one of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')) {
    if (one.disabled || one.tabIndex < 0 || !seen(one)) continue;
    if (one.type === 'radio') { if (named.has(one.name)) continue; named.add(one.name); }
    count += 1;
  } return count; }"""
MOVING = """() => [...document.querySelectorAll('*')].filter((one) => { const style = getComputedStyle(one);
  return [style.transitionDuration, style.animationDuration].some((all) => all.split(',').some((each) => parseFloat(each) > 0.01)); })
  .map((one) => one.outerHTML.slice(0, 90))"""
BARE = """() => [...document.querySelectorAll('button, input:not([type=hidden]), select, textarea')]
  .filter((one) => !['checkbox', 'radio'].includes(one.type) && one.checkVisibility() && one.tabIndex >= 0 && parseFloat(getComputedStyle(one).borderTopWidth) < 1)
  .map((one) => one.outerHTML.slice(0, 90))"""
CUT = """() => [...document.querySelectorAll('button, a.button')].filter((one) => one.getClientRects().length
  && (one.scrollWidth > one.clientWidth + 1 || one.getClientRects().length > 1)).map((one) => one.outerHTML.slice(0, 90))"""
ASKING = re.compile(r"/(forms/\w+|safeguards|console/collect/\w+)(\?|$)")


@dataclass
class Look:
    """One page in one language, looked at in every way; `faults` gathers what is wrong with it.

    What no word changes is looked at in one of a page's languages: contrast at 1280 px in English and at 360 px in
    Japanese, and the keyboard where `walk` says so, if both have the same number of `controls`.
    """

    page: Any
    url: str
    lang: str
    walk: bool = True
    faults: list[str] = field(default_factory=list)
    controls: int = 0

    def note(self, what: str, found: Any) -> None:
        """Keep a fault where something was found."""
        if found:
            self.faults.append(f"{self.url}: {what}: {found}")

    def all(self) -> list[str]:
        """Look in every way and give the faults."""
        said: list[str] = []
        asked: list[str] = []
        hear = lambda one: said.append(one.text) if "Content Security" in one.text else None  # noqa: E731
        ask = lambda one: asked.append(one.url)  # noqa: E731
        self.page.on("console", hear)
        self.page.on("request", ask)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(reduced_motion="reduce", forced_colors="none")
        self.page.goto(self.url)
        if re.search(r"/sample/[a-z]+$", self.url):
            self.page.wait_for_selector(".upheld-banner")  # the one page whose script asks for more
        own = "/".join(self.url.split("/")[:3])
        self.frame()
        self.note("blocked by the content policy", said)  # before axe: its own probing may be blocked
        self.note("fetched from elsewhere", [one for one in asked if not one.startswith((own, "data:"))])
        self.note("moves although asked not to", self.page.evaluate(MOVING))
        self.controls = self.page.evaluate(CONTROLS)
        if self.walk:
            self.keyboard(self.controls)
        self.note("axe at 1280", findings(self.page, contrast=self.lang == "en"))
        self.narrow()
        self.page.remove_listener("console", hear)
        self.page.remove_listener("request", ask)
        return self.faults

    def frame(self) -> None:
        """Ask for one heading, a title and the language."""
        self.note("not one h1", self.page.locator("h1").count() - 1)
        self.note("no title", not self.page.title().strip())
        if self.page.locator("html").get_attribute("lang") != self.lang:
            self.note("language", self.page.locator("html").get_attribute("lang"))

    def keyboard(self, wanted: int) -> None:
        """Press Tab until the page is left: each control is met once, seen, and none holds the focus."""
        self.page.evaluate(WATCH)
        for _ in range(wanted + 1):
            self.page.keyboard.press("Tab")
        more = 40  # a frame or a date has stops of its own
        while self.page.evaluate(INSIDE) and (more := more - 1):
            self.page.keyboard.press("Tab")
        self.note("keyboard", [] if more else "Tab never leaves the page")
        walked = self.page.evaluate(WALKED)
        self.note("keyboard", walked["faults"])
        self.note(f"controls that Tab does not reach, of {wanted}", max(0, wanted - walked["met"]))
        self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")  # the skip link lies over the head while it is met

    def narrow(self) -> None:
        """Look at 360 px with axe, at 320 px, which is 1280 px at 400 %, and in colours that the person chose."""
        for width in (320, 360):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.note(f"scrolls sideways at {width}", max(0, sideways(self.page)))
            self.note(f"cut buttons at {width}", self.page.evaluate(CUT))
        self.note("axe at 360", findings(self.page, contrast=self.lang == "ja"))
        self.page.emulate_media(forced_colors="active")
        self.note("loses its shape in forced colours", self.page.evaluate(BARE))
        self.page.emulate_media(forced_colors="none")
        if ASKING.search(self.url) and self.page.locator("form[novalidate]").count():
            self.missing()

    def missing(self) -> None:
        """Send a form with nothing in it: the page that says what is missing is as good as the one before."""
        self.page.locator("form[novalidate] button.main").first.click()
        self.page.wait_for_selector("#faults")
        self.frame()
        self.note("scrolls sideways with errors", max(0, sideways(self.page)))
        self.note("axe with errors", findings(self.page, contrast=self.lang == "ja"))
