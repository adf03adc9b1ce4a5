"""Columns of a terminal: full-width characters take two, combining marks none."""

from __future__ import annotations

import re
import unicodedata

_PIECE = re.compile(r"[⺀-￿][、。」）・]*|[^\s⺀-￿]+[、。」）]*|\s+")


def columns(text: str) -> int:
    """Count the columns that a text takes."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def visible(text: str) -> str:
    """Give a text in which nothing acts on the terminal: a tab becomes a space, an invisible character `�`."""
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    return "\ufffd" if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" else char


def pad(text: str, width: int) -> str:
    """Fill a text with spaces up to a number of columns."""
    return text + " " * max(0, width - columns(text))


def clip(text: str, width: int) -> str:
    """Cut a text to a number of columns; `…` stands for what is gone."""
    if columns(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _columns(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def window(line: str, start: int, end: int, width: int | None) -> tuple[str, int, int]:
    """Cut a line so that the characters from `start` to `end` stay in sight.

    Gives the cut text, the columns before the marked part, and the columns of the marked part (at least 1).
    """
    before, marked = columns(line[:start]), max(1, columns(line[start:end]))
    if width is None or columns(line) <= width:
        return line, before, marked
    cut, shift = 0, 0
    if before + marked >= width:
        while cut < start and columns(line[cut:start]) > width // 3:
            cut += 1
        shift = 1
    text = "…" * shift + line[cut:]
    before = columns(line[cut:start]) + shift
    return clip(text, width), before, max(1, min(marked, width - before))


def wrap(text: str, width: int | None, hang: int) -> str:
    """Break a text into lines of at most `width` columns, the later ones indented by `hang`.

    Without a width the text stays on one line. Between full-width characters a break may stand anywhere,
    but not before closing punctuation.
    """
    if width is None or columns(text) <= width - hang:
        return text
    lines, line, used = [], "", 0
    for piece in _PIECE.findall(text):
        size = columns(piece)
        if line and used + size > width - hang and not piece.isspace():
            lines.append(line.rstrip())
            line, used = "", 0
        if line or not piece.isspace():
            line += piece
            used += size
    return ("\n" + " " * hang).join([*lines, line.rstrip()])
