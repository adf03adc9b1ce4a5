"""Axe in a page that is open: what it finds wrong, and nothing else.

Of all that axe looks at only the violations are written out and brought over: a long page has thousands of passes,
which took nine tenths of the time.
"""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations"],
    "iframes": False,  # a frame is a page of its own, looked at by itself
}
_RUN = """(options) => axe.run(document, options).then((found) => found.violations.flatMap((one) => one.nodes.map((node) =>
  `${one.id} (${one.impact}): ${one.help}: ${node.target} ${node.html.slice(0, 120)} ${node.failureSummary}`)))"""


def findings(page: Any, *, contrast: bool = True) -> list[str]:
    """Give a line for each place on the page that breaks a rule of WCAG 2.2 A, AA or of good practice.

    Contrast takes three quarters of the time and depends on no word: the twin of a page may do without.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_RUN, {**OPTIONS, "rules": {"color-contrast": {"enabled": contrast}}})
    return found
