"""The policy as a document to keep: A4, tagged, with its own fonts inside. Typst draws it; data enter as JSON only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from functools import cache
from importlib import resources, util
from typing import Any

from upheld.db import UpheldError
from upheld.policy.render.view import PageView
from upheld.policy.render.wording import book

CJK = {"ja": "Noto Sans CJK JP", "ko": "Noto Sans CJK KR", "zh": "Noto Sans CJK SC"}
_OTHERS = ("Noto Sans", "Noto Sans CJK JP", "DejaVu Sans", "Libertinus Serif")
_REGIONS = {"en": "gb", "ja": "jp", "de": "de"}


class PdfError(UpheldError):
    """The document could not be made."""

    code = "pdf_failed"
    clause = "notice"
    next_step = "Look at the message; the page itself is not affected."


class FontMissingError(PdfError):
    """A font that the language needs is not installed."""

    code = "font_missing"
    next_step = "Install the Debian package fonts-noto-cjk (apt-get install fonts-noto-cjk)."


class PdfExtraMissingError(PdfError):
    """Documents need the extra `pdf`."""

    code = "pdf_extra_missing"
    next_step = "Install upheld with the extra: upheld[pdf]."


def available() -> bool:
    """Say whether documents can be made here."""
    return util.find_spec("typst") is not None


@cache
def families() -> frozenset[str]:
    """Name the font families of this machine, those that typst brings along included."""
    import typst

    return frozenset(typst.Fonts().families())


def font_for(lang: str, known: frozenset[str]) -> str:
    """Choose the font of a language; raises FontMissingError where its script has none.

    The error names the Debian package that brings it.
    """
    needed = CJK.get(lang.partition("-")[0])
    if needed is not None:
        if needed not in known:
            raise FontMissingError(f"the font {needed} is missing: install the Debian package fonts-noto-cjk")
        return needed
    return next((name for name in _OTHERS if name in known), "Libertinus Serif")


def policy_pdf(
    view: PageView, since_line: str, made_for: date, *, known: frozenset[str] | None = None
) -> bytes:
    """Make the document of one version in one language; the same view and day give the same bytes.

    `made_for` is the day it came into force and stands in the document's own data. Raises FontMissingError,
    PdfExtraMissingError, and PdfError where typst refuses.
    Clause: notice (APPI 32(1), GDPR 12(1))
    """
    if not available():
        raise PdfExtraMissingError
    import typst

    font = font_for(view.lang, families() if known is None else known)
    words = book(view.lang)["page"]
    data = {
        "view": asdict(view),
        "font": font,
        "region": _REGIONS.get(view.lang, ""),
        "since": since_line,
        "day": [made_for.year, made_for.month, made_for.day],
        "words": {
            "version": words["version"].format(version=view.version),
            "summary": words["summary"],
            "page_of": words["page_of"],
        },
    }
    return _compile(typst, {"data": json.dumps(data, ensure_ascii=False)})


def _compile(typst: Any, inputs: Mapping[str, str]) -> bytes:
    source = resources.files("upheld.notice").joinpath("templates", "policy.typ").read_bytes()
    try:
        made: bytes = typst.compile(source, format="pdf", sys_inputs=dict(inputs), pdf_standards=["ua-1"])
    except typst.TypstError as error:
        raise PdfError(f"typst could not draw the policy: {error}") from error
    return made
