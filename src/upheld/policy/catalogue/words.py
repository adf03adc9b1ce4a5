"""Words: how the sentences of the catalogue are filled with values, and how law is cited in each language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

Text = Mapping[str, str]
Terms = Mapping[str, Mapping[str, Text]]
Value = str | int | date | Sequence[str]

FALLBACK = "en"
UNKNOWN = "…"
_LONGEST = 200  # characters of one filled value; a finding quotes the policy, it does not reprint it
_SLOT = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")


def slots(template: str) -> set[str]:
    """Name the placeholders of a template; doubled braces stand for themselves."""
    return {match[1] for match in _SLOT.finditer(template) if match[1]}


def fill(template: str, params: Mapping[str, Value], lang: str, terms: Terms, *, strict: bool = False) -> str:
    """Put values into a template; a missing one reads `…`, or raises KeyError with `strict`."""

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in params:
            if strict:
                raise KeyError(name)
            return UNKNOWN
        ticked = match.start() > 0 and template[match.start() - 1] == "`" == template[match.end() :][:1]
        return _shown(params[name], lang, terms.get(name, {}), ticked=ticked)

    return _SLOT.sub(put, template)


def named(template: str) -> str:
    """Show placeholders by name, `{purpose}` as `<purpose>`, and doubled braces once."""
    return _SLOT.sub(lambda match: f"<{match[1]}>" if match[1] else match[0][0], template)


def pick(text: Text, lang: str) -> str:
    """Give the text in the language, or else in English."""
    return text.get(lang) or text[FALLBACK]


def _shown(value: Value, lang: str, terms: Mapping[str, Text], *, ticked: bool) -> str:
    """Print one value: a term in the language, several ids with their commas, anything else as it is.

    A list is printed as the words to choose from where the placeholder has the term `one_of`.
    """
    comma = "、" if lang == "ja" else ", "
    if isinstance(value, (str, int, date)):
        return _word(str(value), lang, terms)
    if "one_of" in terms:
        choice = comma.join(f"`{_plain(word)}`" for word in value)
        return pick(terms["one_of"], lang).replace("{items}", choice)
    return (f"`{comma}`" if ticked else comma).join(_word(word, lang, terms) for word in value)


def _word(word: str, lang: str, terms: Mapping[str, Text]) -> str:
    return pick(terms[word], lang) if word in terms else _plain(word)


def _plain(word: str) -> str:
    """Make a quoted value safe for a terminal: nothing invisible, nothing endless."""
    cut = word if len(word) <= _LONGEST else word[: _LONGEST - 1] + UNKNOWN
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)


_ACTS_JA = {
    "APPI": "個人情報保護法",
    "Telecommunications Business Act": "電気通信事業法",
    "Employment Security Act": "職業安定法",
    "Consumption Tax Act": "消費税法",
    "GDPR": "GDPR",
    "UK GDPR": "英国GDPR",
    "ePrivacy": "eプライバシー指令",
    "PECR": "PECR",
}
_CITATION = re.compile(
    r"(?P<act>[A-Za-z ]+) (?P<article>\d+[A-Z]*)(?:-(?P<branch>\d+))?(?P<rest>(?:\(\w+\))*)"
)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}


def citation_in(lang: str, citation: str) -> str:
    """Write a citation as lawyers of the language do: `APPI 27(5)(iii)` is 個人情報保護法第27条第5項第3号."""
    match = _CITATION.fullmatch(citation)
    if lang != "ja" or match is None or match["act"] not in _ACTS_JA:
        return citation
    branch = f"の{match['branch']}" if match["branch"] else ""
    parts = [f"{_ACTS_JA[match['act']]}第{match['article']}条{branch}"]
    for part in re.findall(r"\((\w+)\)", match["rest"]):
        if part.isdigit():
            parts.append(f"第{part}項")
        else:
            parts.append(f"第{_ROMAN[part]}号" if part in _ROMAN else f"({part})")
    return "".join(parts)
