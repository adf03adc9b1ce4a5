"""Prose: the few things a text of the folder may hold: paragraphs, lists, links and placeholders of compiled values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from upheld.policy.render.view import Prose, Run, Runs

_HOLE = re.compile(r"\{(\w+)\}")
_LINK = re.compile(r"\[([^\]\n]+)\]\(((?:https?://|mailto:|/)[^\s()]+)\)")
_PARAGRAPH = re.compile(r"\n\s*\n")
_BULLET = re.compile(r"^\s*[-*]\s+")
_WIDE = re.compile(
    r"(?<=[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef])\n(?=[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef])"
)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put compiled values into the placeholders of a text; a name without a value stays as it stands."""
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def flat(text: str) -> str:
    """Join the lines of a text; between full-width characters no space is put."""
    return re.sub(r"\s*\n\s*", " ", _WIDE.sub("", text.strip()))


def runs(text: str) -> Runs:
    """Split one line into plain stretches and links; only http, https, mailto and own addresses are links."""
    found: list[Run] = []
    place = 0
    line = flat(text)
    for link in _LINK.finditer(line):
        if link.start() > place:
            found.append(Run(line[place : link.start()]))
        found.append(Run(link[1], link[2]))
        place = link.end()
    if place < len(line):
        found.append(Run(line[place:]))
    return tuple(found)


def prose(text: str) -> tuple[Prose, ...]:
    """Split a text into paragraphs and lists."""
    blocks: list[Prose] = []
    for part in _PARAGRAPH.split(text.strip()):
        lines = part.splitlines()
        if lines and all(_BULLET.match(line) for line in lines):
            blocks.append(Prose("ul", tuple(runs(_BULLET.sub("", line)) for line in lines)))
        elif part.strip():
            blocks.append(Prose("p", (runs(part),)))
    return tuple(blocks)
