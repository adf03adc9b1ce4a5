"""JSON Schema (draft-07) of each section, for editors; written from the key table.

Draft-07 because the YAML language servers of editors read no later one. A schema sees one file at a time: what
spans files (ids that must exist, sections that must be there) is for `upheld check`. Scalars may be written with
or without quotes, so a word may reach the schema as a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from upheld.policy import keys
from upheld.policy.catalogue import catalogue
from upheld.policy.keys import Key, Spec
from upheld.policy.report.words import section_title

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema: TypeAlias = dict[str, Any]

_ID = "^[a-z][a-z0-9_]{0,39}$"
_LANGUAGE = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$"
_CLAUSE = r"^[a-z_]+(\.[A-Za-z0-9_]+)*$"
_COUNTRY = "^[A-Z]{2}$"

_WORD: Schema = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
_SCALARS: Mapping[str, Schema] = {
    "str": _WORD,
    "path": _WORD,
    "id": {"type": "string", "pattern": _ID},
    "start": {"type": "string", "pattern": _ID},
    "int": {"type": ["integer", "string"], "pattern": r"^\d{1,9}$", "minimum": 0, "maximum": 999_999_999},
    "yn": {"enum": ["yes", "no"]},
    "date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "P": {"type": "string", "pattern": r"^P\d{1,4}[DWMY]$"},
    "cc": {"type": "string", "pattern": _COUNTRY},
    "url": {"type": "string", "pattern": r"^https?://\S+$"},
}
_ITEMS: Mapping[str, Schema] = {
    "strs": _WORD,
    "strs1": _WORD,
    "ids": {"type": "string", "pattern": _ID},
    "ccs": {"type": "string", "pattern": _COUNTRY},
    "areas": {"type": "string", "pattern": "^[A-Z]{2,3}(-[A-Z0-9]{1,3})?$"},
}
_SAYS: Mapping[str, tuple[str, str]] = {
    "T": ("text in each language", "言語ごとの文"),
    "str": ("words", "文字列"),
    "id": ("an id", "識別子"),
    "int": ("a whole number", "整数"),
    "yn": ("yes or no", "yes か no"),
    "date": ("a day, YYYY-MM-DD", "日付（YYYY-MM-DD）"),
    "P": ("a period such as P30D, P13M or P3Y", "期間（P30D、P13M、P3Yなど）"),
    "cc": ("a country, ISO 3166-1", "国（ISO 3166-1）"),
    "ccs": ("a list of countries, ISO 3166-1", "国の一覧（ISO 3166-1）"),
    "areas": ("a list of areas: JP, EEA, US-CA", "地域の一覧（JP、EEA、US-CAなど）"),
    "url": ("an address", "URL"),
    "path": ("a file below documents/", "documents/の下のファイル"),
    "start": ("the event that starts the clock", "期間の起算点"),
    "ids": ("a list of ids", "識別子の一覧"),
    "strs": ("a list", "一覧"),
    "strs1": ("a word or a list", "語又は一覧"),
    "stated": ("purposes: ids, or <id>: {act}", "利用目的（識別子、又は 識別子: {act}）"),
    "map": ("keys below", "下位のキー"),
}


def schemas(languages: tuple[str, ...] = (), regimes: tuple[str, ...] = ()) -> dict[str, Schema]:
    """Give the schema of every section by its word.

    With `languages` every text must have exactly these; `regimes` are those that a key may name, any if empty.
    """
    return {section: section_schema(section, languages, regimes) for section in keys.SECTIONS}


def section_schema(section: str, languages: tuple[str, ...] = (), regimes: tuple[str, ...] = ()) -> Schema:
    """Give the schema of one section's file.

    Its own keys are not required: a section may be split over several files.
    """
    tree = keys.tree(section)
    if section == "country" and tree.wildcard:
        tree = tree.wildcard[1]
    body = _Writer(languages, regimes).mapping(tree)
    wanted = tree.required_children if section == "country" else []
    return {
        "$schema": DRAFT,
        "title": f"upheld: {section}",
        "description": f"{section_title(section, 'en')} · {section_title(section, 'ja')}",
        **body,
        "properties": {"section": {"const": section}, **body["properties"]},
        "required": ["section", *wanted],
    }


def write_schemas(
    out: Path, languages: tuple[str, ...] = (), regimes: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Write the schema of each section into a folder, `<section>.json` each, and give the sections."""
    out.mkdir(parents=True, exist_ok=True)
    written = schemas(languages, regimes)
    for name, content in written.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return tuple(written)


def name_schema(folder: Path, path: Path) -> None:
    """Let the first line of a policy file name its schema in `.schema/`, where editors look for it."""
    text = path.read_text(encoding="utf-8")
    word = _SECTION.search(text)
    if word is None or text.startswith(_MODELINE):
        return
    up = "../" * (len(path.relative_to(folder).parts) - 1)
    path.write_text(f"{_MODELINE}{up}.schema/{word[1]}.json\n{text}", encoding="utf-8")


_MODELINE = "# yaml-language-server: $schema="
_SECTION = re.compile(r"^section: *([a-z]+)", re.MULTILINE)


class _Writer:
    def __init__(self, languages: tuple[str, ...], regimes: tuple[str, ...]) -> None:
        self.languages = languages
        self.regimes = regimes

    def node(self, spec: Spec) -> Schema:
        if spec.key is None:
            return self.of("map", spec)
        kind, *words = spec.key.type.split(" or ")
        found = self.of(kind, spec)
        if words and found != _SCALARS["id"]:
            found = {"anyOf": [found, {"enum": words}]}
        return {"description": describe(spec.key), **found}

    def of(self, kind: str, spec: Spec) -> Schema:
        if kind == "map":
            only_list = spec.item is not None and not spec.wildcard and not spec.children
            return self.items(spec.item) if only_list and spec.item else self.mapping(spec)
        return self.leaf(kind)

    def items(self, item: Spec) -> Schema:
        return {"type": "array", "items": self.mapping(item)}

    def mapping(self, spec: Spec) -> Schema:
        found: Schema = {
            "type": "object",
            "properties": {name: self.node(child) for name, child in spec.children.items()},
            "additionalProperties": False,
        }
        if spec.key is None or spec.children:
            found["properties"].setdefault(
                "was", {"description": _WAS, "type": "array", "items": _ITEMS["strs"]}
            )
        if spec.wildcard:
            self.wildcard(found, *spec.wildcard)
        if spec.required_children:
            found["required"] = spec.required_children
        return found

    def wildcard(self, found: Schema, name: str, child: Spec) -> None:
        """Let the keys of the company's choice in: regimes by name, countries, clauses and ids by their shape."""
        if name in {"regime", "anyregime"} and self.regimes:
            found["properties"] |= {regime: self.node(child) for regime in self.regimes}
            return
        pattern = {"cc": _COUNTRY, "clause": _CLAUSE}.get(name, _ID)
        if found[
            "properties"
        ]:  # a pattern counts beside `properties`, so it must not fit the fixed keys as well
            pattern = f"^(?!({'|'.join(found['properties'])})$){pattern.removeprefix('^')}"
        found["patternProperties"] = {pattern: self.node(child)}

    def leaf(self, kind: str) -> Schema:
        base = kind.partition(":")[0]
        if kind == "T":
            return self.text()
        if base == "stated":
            return {"type": "array", "items": {"anyOf": [_SCALARS["id"], _STATED]}}
        if base == "strs1":
            return {"anyOf": [_WORD, {"type": "array", "items": _WORD}]}
        if base in _ITEMS:
            return {"type": "array", "items": _ITEMS[base]}
        return dict(_SCALARS[base]) if base in _SCALARS else {"enum": kind.split("/")}

    def text(self) -> Schema:
        if not self.languages:
            found: Schema = {"patternProperties": {_LANGUAGE: _WORD}, "minProperties": 1}
        else:
            names = dict.fromkeys(self.languages, _WORD)
            found = {"properties": names, "required": list(self.languages)}
        return {"type": "object", "additionalProperties": False, **found}


_WAS = "earlier ids; old links stay alive · 以前の識別子"
_STATED: Schema = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "patternProperties": {
        _ID: {
            "type": "object",
            "properties": {"act": {"enum": ["none", "send_marketing", "on_page", "link"]}},
            "additionalProperties": False,
        }
    },
}


def describe(key: Key) -> str:
    """Tell a key in both languages: its shape, what its absence means, and which regimes ask for it."""
    kind, *words = key.type.split(" or ")
    base, _, target = kind.partition(":")
    en, ja = _SAYS.get(base, (" / ".join(kind.split("/")), " / ".join(kind.split("/"))))
    if target:
        en, ja = f"{en} of {target}", f"{target}の{ja}"
    for word in words:
        en, ja = f"{en}, or {word}", f"{ja}、又は{word}"
    return f"{key.path}: {en}. {_absent_en(key)}{_asked(key)}\n{ja}。{_absent_ja(key)}"


_CODE = re.compile(r"PP\d{3}")


def _absent_en(key: Key) -> str:
    if key.required:
        return "Required."
    codes = [code for code in _CODE.findall(key.absent) if code in catalogue()]
    told = f" ({'; '.join(catalogue()[code].title['en'] for code in codes)})" if codes else ""
    return f"If absent: {key.absent}{told}."


def _absent_ja(key: Key) -> str:
    if key.required:
        return "必須。"
    codes = [code for code in _CODE.findall(key.absent) if code in catalogue()]
    return "".join(f"省略時は{code}（{catalogue()[code].title['ja']}）。" for code in codes) or "省略できる。"


def _asked(key: Key) -> str:
    regimes = [word for word in key.asked if word != "all"]
    return f" Asked by: {', '.join(regimes)}." if regimes else ""
