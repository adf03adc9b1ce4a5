"""7xx: amendment and publication, against the version that is in force."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date

from upheld.policy.check.context import Context
from upheld.policy.diff import CLASSES, Change, diff
from upheld.policy.findings import Finding
from upheld.policy.law import Law, amendment_steps
from upheld.policy.model import CompiledPolicy

DONE_BY_PUBLISHING = frozenset({"post", "archive"})
"""Steps that `publish` itself takes; all others are done before and stand in `procedures:`."""


def silent_change(ctx: Context) -> Iterator[Finding]:
    """Find a silent change whose text does not name the steps that stay due (PP702)."""
    amendment = ctx.policy.amendment
    named = bool(amendment.text) and all("{steps}" in text for text in amendment.text.values())
    if amendment.notice == "none" and not named:
        yield from ctx.say("PP702", ("amendment", "default", "notice"), clause="amendment.default")


def house_steps(ctx: Context) -> Iterator[Finding]:
    """Find classes of change that do not exist (PP007) and lists that read as fewer steps than the law's (PP706).

    A list of the house adds to the law's. One that repeats some of the law's steps and leaves out others
    would be read as the whole list.
    """
    for name, own in ctx.policy.amendment.classes.items():
        path = ("amendment", "classes", name)
        if name != "was" and name not in CLASSES:
            suggestion = next(iter(difflib.get_close_matches(name, CLASSES, n=1)), "")
            yield from ctx.say("PP007", path, at_key=True, kind="class", value=name, suggestion=suggestion)
            continue
        law = amendment_steps(ctx.law, ctx.policy.packs, name, ctx.as_of)
        missing = [step for step in law if step not in own]
        if missing and DONE_BY_PUBLISHING.union(law) & set(own):
            yield from ctx.say("PP706", path, at_key=True, names={"class": name, "steps": missing})


def promise_kept(ctx: Context) -> Iterator[Finding]:
    """Find a promise that changed under the version it was published as (PP704)."""
    before = ctx.published
    if before is None or before.promise_hash == ctx.policy.promise_hash:
        return
    if not grows(before.version, ctx.policy.version):
        yield from ctx.say("PP704", ("policy", "version"), version=before.version)


def grows(old: str, new: str) -> bool:
    """Tell whether a version number is later than another: parts between dots, numbers as numbers."""

    def parts(text: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() and part.isascii() else (0, part) for part in text.split(".")]

    return parts(new) > parts(old)


def procedures(ctx: Context) -> Iterator[Finding]:
    """Find changes whose steps were not done (PP703)."""
    if ctx.published is None or ctx.published.promise_hash == ctx.policy.promise_hash:
        return
    for change, missing in open_steps(ctx.policy, ctx.published, steps_of(ctx)):
        names = {"class": change.diff_class, "steps": missing, "version": ctx.published.version, "clause": change.clause}
        path = change.path if change.after is not None else change.path[:2]
        yield from ctx.say("PP703", path, at_key=True, clause=change.clause, names=names)


def steps_of(ctx: Context) -> dict[str, tuple[str, ...]]:
    """Give the steps of each diff class: the packs' table and the house's own."""
    return amendment_table(ctx.policy, ctx.law, ctx.as_of)


def amendment_table(policy: CompiledPolicy, law: Law, on: date) -> dict[str, tuple[str, ...]]:
    """Give the steps of each diff class that a policy owes on a day."""
    own = policy.amendment.classes
    return {
        name: tuple(dict.fromkeys((*amendment_steps(law, policy.packs, name, on), *own.get(name, ()))))
        for name in CLASSES
    }


def open_steps(
    new: CompiledPolicy, old: CompiledPolicy, table: dict[str, tuple[str, ...]]
) -> Iterator[tuple[Change, tuple[str, ...]]]:
    """Yield each change whose steps are not all done, with the steps that are missing."""
    done: dict[tuple[str, str], set[str]] = {}
    for procedure in new.evidence.procedures:
        if procedure.get("version") == new.version:
            key = (procedure.get("class", ""), procedure.get("at", ""))
            done.setdefault(key, set()).update(procedure.get("done", ()))
    told: set[tuple[str, str]] = set()
    for change in diff(old, new):
        key = (change.diff_class, change.clause)
        missing = [s for s in table.get(change.diff_class, ()) if s not in DONE_BY_PUBLISHING | done.get(key, set())]
        if missing and key not in told:
            told.add(key)
            yield change, tuple(missing)


CHECKS = (silent_change, house_steps, promise_kept, procedures)
