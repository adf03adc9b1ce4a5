"""0xx: words that name something declared elsewhere, and ids that would collide."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from upheld.policy import keys
from upheld.policy.check.context import Context
from upheld.policy.findings import Finding, clause_id
from upheld.policy.schema import LONGEST_ID

RESERVED = frozenset({"stated", "everyone", "all", "none", "self", "data"})

_KINDS = {
    "fields": "field", "purposes": "purpose", "situations": "situation", "channels": "channel", "subjects": "subject",
    "recipients": "recipient", "services": "service", "bases": "basis", "kinds": "right", "categories": "category",
}  # fmt: skip
_DECLARED = {
    "fields": ("collection", "fields"),
    "purposes": ("collection", "purposes"),
    "situations": ("collection", "situations"),
    "channels": ("notice", "channels"),
    "subjects": ("retention", "subjects"),
    "recipients": ("recipients", "recipients"),
    "services": ("services", "services"),
    "bases": ("basis", "bases"),
    "kinds": ("rights", "kinds"),
    "categories": ("cookies", "categories"),
}


def known_ids(ctx: Context) -> Iterator[Finding]:
    """Find words that name nothing (PP007)."""
    near = cache(lambda kind, word: next(iter(difflib.get_close_matches(word, sorted(_declared(ctx, kind)), n=1)), ""))
    for reference in ctx.typed.references:
        known = _declared(ctx, reference.kind)
        if reference.path[0] == "evidence" and reference.kind == "purposes":
            known = {*known, *(rule.purpose for rule in ctx.policy.retention.longer_by_law)}
        if reference.id not in known and reference.id not in reference.also:
            suggestion = near(reference.kind, reference.id) if len(reference.id) <= LONGEST_ID else ""
            kind = _KINDS[reference.kind]
            yield from ctx.say("PP007", reference.path, kind=kind, value=reference.id, suggestion=suggestion)


def _declared(ctx: Context, kind: str) -> set[str]:
    section, name = _DECLARED[kind]
    items = ctx.value(section, name)
    return set(items) if isinstance(items, Mapping) else set()


def purposes_of_bases(ctx: Context) -> Iterator[Finding]:
    """Find bases for purposes that no one declares (PP007)."""
    for name in ctx.value("basis", "purposes") or ():
        if name not in ctx.policy.purposes:
            found = difflib.get_close_matches(name, list(ctx.policy.purposes), n=1)
            yield from ctx.say(
                "PP007", ("basis", "purposes", name), at_key=True, kind="purpose", value=name,
                suggestion=found[0] if found else "",
            )  # fmt: skip


def packs_known(ctx: Context) -> Iterator[Finding]:
    """Find packs that the law does not know (PP007) or that are not in force that day (PP018)."""
    for place, name in enumerate(ctx.policy.packs):
        path = ("policy", "law", "packs", place)
        pack = ctx.law.packs.get(name)
        if pack is None:
            found = difflib.get_close_matches(name, list(ctx.law.packs), n=1)
            yield from ctx.say("PP007", path, kind="pack", value=name, suggestion=found[0] if found else "")
        elif not pack.in_force.holds(ctx.as_of):
            detail = {"proposed": "proposal", "enacted": "enacted"}.get(pack.status, "ended")
            yield from ctx.say("PP018", path, pack=name, date=ctx.as_of, detail=detail)


def areas_known(ctx: Context) -> Iterator[Finding]:
    """Find areas of `law.reach` that do not exist (PP021)."""
    for regime, reach in ctx.policy.reach.items():
        areas: Iterable[str] = reach.get("area", ()) if isinstance(reach, Mapping) else ()
        for place, area in enumerate(areas):
            if not ctx.law.is_place(area):
                yield from ctx.say("PP021", ("policy", "law", "reach", regime, "area", place), value=area)


def reserved_ids(ctx: Context) -> Iterator[Finding]:
    """Find ids that are reserved words or that would give two clauses one id (PP020)."""
    seen: dict[str, str] = {}
    for section in keys.SECTIONS:
        if section in {"evidence", "mappings", "country"}:
            continue
        words = _key_words(section)
        for path in _ids(ctx, section):
            name, clause = str(path[-1]), clause_id(path)
            taken = seen.get(clause)
            if name in RESERVED or name in words or (taken is not None and taken != ".".join(path)):
                detail = "clash" if taken is not None else "reserved"
                yield from ctx.say("PP020", path, at_key=True, value=name, detail=detail)
            seen.setdefault(clause, ".".join(path))


def _key_words(section: str) -> frozenset[str]:
    words: set[str] = set()
    for row in keys.table():
        if row.section == section:
            words.update(part.removesuffix("[]") for part in row.path.split(".") if not part.startswith("<"))
    return frozenset(words)


_NAMED = {
    "notice": ("channels", "scripts"),
    "collection": ("situations", "fields", "purposes"),
    "basis": ("bases",),
    "security": ("measures",),
    "services": ("services",),
    "recipients": ("recipients",),
    "transfers": ("mechanisms",),
    "retention": ("subjects",),
    "rights": ("kinds", "refusals"),
    "cookies": ("tags", "categories"),
    "statements": ("statements",),
}


def _ids(ctx: Context, section: str) -> Iterator[tuple[str, ...]]:
    for group in _NAMED.get(section, ()):
        items = ctx.value(section, group)
        for name, item in items.items() if isinstance(items, Mapping) else ():
            yield section, group, name
            if group == "situations" and isinstance(item, Mapping):
                yield from ((section, group, name, "collect", f) for f in _collected(item))
                yield from ((section, group, name, "purposes", p) for p, _ in item.get("purposes", ()))


def _collected(item: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Iterator[str]:
    collect = item.get("collect", {})
    for part in ("required", "optional"):
        yield from collect.get(part, ())


def fields_twice(ctx: Context) -> Iterator[Finding]:
    """Find fields that a situation both asks for and leaves free (PP008)."""
    for situation in ctx.policy.situations.values():
        for place, name in enumerate(situation.optional):
            if name in situation.required:
                path = ("collection", "situations", situation.id, "collect", "optional", place)
                yield from ctx.say("PP008", path, value=name, detail="twice")


CHECKS = (known_ids, fields_twice, purposes_of_bases, packs_known, areas_known, reserved_ids)
