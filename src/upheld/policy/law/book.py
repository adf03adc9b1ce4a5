"""The law as one frozen value, and how it is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from upheld.policy.law.package import content_hash, decode, read_all, root
from upheld.policy.law.values import InForce, LawError, Pack, Reference, Rule, Statute

EEA = "EEA"
OTHER = "other"
UNKNOWN = "unknown"
_PART = re.compile(r"([A-Z]{2})-([A-Z0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Law:
    """All packs, statutes and countries; `content_hash` covers every file they were read from."""

    packs: Mapping[str, Pack]
    statutes: Mapping[str, Statute]
    countries: Mapping[str, bool]
    parts: Mapping[str, frozenset[str]]
    content_hash: str
    _rules: Mapping[tuple[str, str], tuple[Rule, ...]] = field(repr=False, compare=False)

    def rule(self, pack_ids: Iterable[str], rule_id: str, on: date) -> tuple[Rule, ...]:
        """Give the rules with this id that the listed packs hold on that day, in the order of the packs.

        A pack that is not listed, unknown or not in force that day gives none; so does a rule that is
        not in force itself.
        """
        return tuple(
            rule
            for pack_id in dict.fromkeys(pack_ids)
            if self.pack_in_force(pack_id, on)
            for rule in self._rules.get((pack_id, rule_id), ())
            if rule.in_force.holds(on)
        )

    def rules(self, pack_ids: Iterable[str], on: date) -> tuple[Rule, ...]:
        """Give every rule that the listed packs hold on that day."""
        return tuple(
            rule
            for pack_id in dict.fromkeys(pack_ids)
            if self.pack_in_force(pack_id, on)
            for rule in self.packs[pack_id].rules
            if rule.in_force.holds(on)
        )

    def citations(self, pack_ids: Iterable[str], rule_id: str, on: date) -> tuple[str, ...]:
        """Give the places of a rule in the listed packs, each once: `("APPI 17(1)", "GDPR 5(1)(b)")`."""
        return tuple(dict.fromkeys(rule.citation for rule in self.rule(pack_ids, rule_id, on)))

    def pack_in_force(self, pack_id: str, on: date) -> bool:
        """Say whether a pack exists and is in force on that day."""
        pack = self.packs.get(pack_id)
        return pack is not None and pack.in_force.holds(on)

    def regime_of(self, pack_id: str) -> str | None:
        """Give the regime of a pack, or None for an unknown one."""
        pack = self.packs.get(pack_id)
        return pack.regime if pack else None

    def statute(self, statute_id: str) -> Statute | None:
        """Give a statute, or None for an unknown one."""
        return self.statutes.get(statute_id)

    def country_exists(self, code: str) -> bool:
        """Say whether ISO 3166-1 has this alpha-2 code."""
        return code in self.countries

    def in_eea(self, code: str) -> bool:
        """Say whether a country, or the country of a part, belongs to the European Economic Area."""
        return self.countries.get(code[:2], False) and (len(code) == 2 or self.is_place(code))

    def is_place(self, word: str) -> bool:
        """Say whether a word names a place: a country, a part of one (`US-CA`), or `EEA`."""
        if word == EEA or word in self.countries:
            return True
        match = _PART.fullmatch(word)
        if match is None or match[1] not in self.countries:
            return False
        known = self.parts.get(match[1])
        return known is None or match[2] in known

    def is_area(self, word: str) -> bool:
        """Say whether a word may stand for where someone lives: a place, `other` or `unknown`."""
        return word in (OTHER, UNKNOWN) or self.is_place(word)


def load_law(base: Traversable | None = None) -> Law:
    """Give the law that ships with upheld, or the one in a folder with `packs/` and `data/`.

    The shipped law is read once. Raises LawError, naming the file, where the data cannot be read.
    """
    return _shipped() if base is None else _read(base)


@lru_cache(maxsize=1)
def _shipped() -> Law:
    return _read(root())


def _read(base: Traversable) -> Law:
    raw = read_all(base)
    packs: dict[str, Pack] = {}
    for name, content in raw.items():
        if name.startswith("packs/"):
            pack = _checked(name, _pack, decode(name, content))
            if pack.id in packs:
                raise LawError(f"{name}: pack {pack.id} stands in two files")
            packs[pack.id] = pack
    countries, parts = _table(raw, "data/countries.json", _countries)
    return Law(
        packs=MappingProxyType(packs),
        statutes=_table(raw, "data/statutes.json", _statutes),
        countries=countries,
        parts=parts,
        content_hash=content_hash(raw),
        _rules=_index(packs),
    )


def _table(raw: Mapping[str, bytes], name: str, read: Any) -> Any:
    if name not in raw:
        raise LawError(f"{name}: the file is missing")
    return _checked(name, read, decode(name, raw[name]))


def _index(packs: Mapping[str, Pack]) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for pack in packs.values():
        for rule in pack.rules:
            key = (pack.id, rule.id)
            found[key] = (*found.get(key, ()), rule)
    return MappingProxyType(found)


def _checked(name: str, read: Any, item: Any) -> Any:
    """Read one file's content; what is missing or no date becomes a LawError that names the file."""
    try:
        return read(item)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LawError(f"{name}: {error!r}") from error


def _pack(item: Mapping[str, Any]) -> Pack:
    rules = tuple(
        Rule(
            id=entry["id"],
            pack=item["id"],
            regime=item["regime"],
            reference=Reference.of(entry["reference"]),
            in_force=InForce.of(entry["in_force"]),
            mark=entry["mark"],
            value=entry["value"],
        )
        for entry in item["rules"]
    )
    return Pack(
        item["id"], item["regime"], item["title"], item["status"], InForce.of(item["in_force"]), rules
    )


def _countries(content: Mapping[str, Any]) -> tuple[Mapping[str, bool], Mapping[str, frozenset[str]]]:
    codes = {code: item["eea"] for code, item in content["countries"].items()}
    parts = {code: frozenset(items) for code, items in content["parts"].items()}
    return MappingProxyType(codes), MappingProxyType(parts)


def _statutes(content: Mapping[str, Any]) -> Mapping[str, Statute]:
    return MappingProxyType({item["id"]: _statute(item) for item in content["statutes"]})


def _statute(item: Mapping[str, Any]) -> Statute:
    return Statute(
        id=item["id"],
        jurisdiction=item["jurisdiction"],
        part=item["part"],
        title=item["title"],
        reference=Reference.of(item["reference"]),
        mark=item["mark"],
    )
