"""Properties of comparing two versions: what goes one way comes back the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy import keys
from upheld.policy.build import freeze
from upheld.policy.compile import compile_policy
from upheld.policy.diff import CLASSES, Change, diff, leading
from upheld.policy.keys import Key, Spec
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy
from upheld.policy.period import Period

ROOT = Path(__file__).resolve().parents[2]
POLICIES = {
    "primenumber": ROOT / "policies" / "primenumber",
    "meadow": ROOT / "tests" / "policy" / "good" / "meadow" / "policy",
    "klinikum": ROOT / "tests" / "policy" / "good" / "klinikum" / "policy",
    "pebble": ROOT / "tests" / "policy" / "good" / "pebble" / "policy",
}
MILD = {"wording", "narrowing"}
Path_ = tuple[Any, ...]
Drawn = tuple[str, Path_, Any, Key]


@cache
def compiled(name: str) -> CompiledPolicy:
    policy = compile_policy(POLICIES[name], load_law(), date(2026, 11, 22)).policy
    assert policy is not None
    return policy


def put(value: Any, path: Path_, new: Any) -> Any:
    """Give a typed tree with the value at a path replaced, or taken out where `new` is None."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, tuple):
        items = list(value)
        made = put(items[step], rest, new)
        items[step : step + 1] = [] if made is None else [made]
        return tuple(items)
    entries = dict(value or {})
    made = put(entries.get(step), rest, new)
    if made is None:
        entries.pop(step, None)
    else:
        entries[step] = made
    return entries


def get(value: Any, path: Path_) -> Any:
    for step in path:
        value = value[step]
    return value


def edited(policy: CompiledPolicy, path: Path_, new: Any) -> CompiledPolicy:
    return replace(policy, values=freeze(put(policy.values, path, new)))


def leaves(path: Path_, value: Any, spec: Spec) -> Iterator[tuple[Path_, Any, Key]]:
    """Walk the written values of a section with their rows of the key table."""
    plain = spec.key is not None and spec.key.type not in {"map", "map or everyone", "map or data"}
    if plain and spec.key is not None and not (isinstance(value, Mapping) and spec.wildcard):
        yield path, value, spec.key
    elif isinstance(value, Mapping):
        for name, child in value.items():
            below = spec.children.get(name) or (spec.wildcard[1] if spec.wildcard else None)
            if below is not None:
                yield from leaves((*path, name), child, below)
    elif isinstance(value, tuple) and spec.item is not None:
        for place, item in enumerate(value):
            yield from leaves((*path, place), item, spec.item)


@cache
def all_leaves(name: str) -> tuple[tuple[Path_, Any, Key], ...]:
    values = compiled(name).values
    sections = [section for section in keys.SECTIONS if section in values and section not in {"evidence", "mappings"}]
    return tuple(
        leaf for section in sections for leaf in leaves((section,), values[section], keys.tree(section))
    )


@st.composite
def edits(draw: st.DrawFn) -> Drawn:
    """Draw a policy and one written value of it that is changed, or dropped (None)."""
    name = draw(st.sampled_from(sorted(POLICIES)))
    path, value, key = draw(st.sampled_from(all_leaves(name)))
    return name, path, draw(st.one_of(st.none(), _other(value, key))), key


def _sides(case: Drawn) -> tuple[CompiledPolicy, CompiledPolicy]:
    name, path, new, _ = case
    return compiled(name), edited(compiled(name), path, new)


def _other(value: Any, key: Key) -> st.SearchStrategy[Any]:
    """Give other values of the same type."""
    if isinstance(value, Period):
        return st.builds(Period, st.integers(0, 40), st.sampled_from("DMY"))
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int):
        return st.integers(0, 10_000)
    if isinstance(value, tuple):
        return st.one_of(
            st.lists(st.sampled_from(value), unique=True).map(tuple) if value else st.just(()),
            st.just((*value, ("extra", None) if key.type.startswith("stated") else "extra")),
        )
    if isinstance(value, Mapping):
        return st.just({lang: f"{text} (2)" for lang, text in value.items()})
    if key.type.startswith(("ids", "strs")):  # a word in place of a list
        return st.just(("extra",))
    words = [word for word in key.type.replace(" or ", "/").split("/") if ":" not in word and word not in {"P", "T"}]
    return st.sampled_from(words) if len(words) > 1 and value in words else st.just(f"{value}x")


SYMMETRIC = {"T", "str", "strs1", "id", "cc", "url", "start", "T or same_as_controller"}
"""Types whose values have no more and less: another controller is another controller, whichever way one looks."""


def _paired(forward: tuple[Change, ...], backward: tuple[Change, ...]) -> Iterator[tuple[Change, Change]]:
    back: dict[Path_, Change] = {change.path: change for change in backward}
    for change in forward:
        yield change, back.get(change.path) or next(
            other for path, other in back.items() if path[:-1] == change.path[:-1] or path[-1:] == change.path[-1:]
        )


@pytest.mark.parametrize("name", POLICIES)
def test_a_version_does_not_differ_from_itself(name: str) -> None:
    """Comparing a policy with itself finds nothing."""
    assert diff(compiled(name), compiled(name)) == ()
    assert leading(()) is None


@given(edits())
def test_a_change_is_seen_from_both_sides(case: Drawn) -> None:
    """What changed one way changed the other way, at the same places."""
    (old, new), path, key = _sides(case), case[1], case[3]
    forward, backward = diff(old, new), diff(new, old)
    assert len(forward) == len(backward)
    if old.values != new.values and key.worse != "-" and not key.type.startswith("stated"):
        assert forward or _same_set(old, new, path)


def _same_set(old: CompiledPolicy, new: CompiledPolicy, path: Path_) -> bool:
    """A list in another order, an empty list or the operator's own country left out: nothing that must be named."""
    if path[-1] == "support_access":
        return bool(get(old.values, (*path[:-1], "operator_country")) == get(old.values, path)[0])
    try:
        after = get(new.values, path)
    except (KeyError, IndexError):
        after = ()
    before = get(old.values, path)
    return (isinstance(before, tuple) and sorted(map(str, before)) == sorted(map(str, after))) or before in ((), "none")


@given(edits())
def test_narrowing_one_way_is_never_narrowing_the_other(case: Drawn) -> None:
    """Nobody gains protection both by a change and by taking it back."""
    old, new = _sides(case)
    for there, back in _paired(diff(old, new), diff(new, old)):
        assert not (there.diff_class == back.diff_class == "narrowing"), (there, back)
        if there.diff_class == "wording":
            assert back.diff_class in MILD | {"within_relevance"}, (there, back)


@given(edits())
def test_worse_one_way_is_narrowing_the_other(case: Drawn) -> None:
    """Where values have a more and a less, giving protection back is narrowing."""
    (old, new), path, key = _sides(case), case[1], case[3]
    words = key.type.split("/")
    ordered = key.type in {"P", "yn", "int"} or key.type.startswith(("ids", "strs", "ccs", "stated"))
    ordered = ordered or (len(words) > 1 and str(path[-1]) in {"act", "output", "gpc", "show", "tax", "marketing"})
    if not ordered or "rules" in path or key.type in SYMMETRIC or key.worse in "w-" or path[-1] == "max":
        return
    for there, back in _paired(diff(old, new), diff(new, old)):
        if there.diff_class not in MILD:
            assert back.diff_class == "narrowing", (there, back)


# --- widening: a list of ways to take more, keep longer, tell more people, protect less --------------------------

Edit = tuple[str, Path_, Callable[[Any], Any]]


def _more(*words: str) -> Callable[[Any], Any]:
    return lambda value: (*(() if value in (None, "none") else value), *words)


def _fewer(value: Any) -> Any:
    return value[1:]


def _gone(_: Any) -> None:
    return None


def _to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


SIT, PUR, FLD = ("collection", "situations"), ("collection", "purposes"), ("collection", "fields")
SRV, RCP, TAG = ("services", "services"), ("recipients", "recipients"), ("cookies", "tags", "visit_counter")
WIDENINGS: list[Edit] = [
    ("beyond", (*SIT, "fitting", "purposes"), _more(("keep_touch", None))),  # type: ignore[arg-type]
    ("beyond", (*SIT, "browsing", "purposes"), lambda v: (v[0], ("announce", "send_marketing"))),
    ("beyond", (*SIT, "browsing", "purposes"), lambda v: (v[0], ("announce", None))),
    ("beyond", (*PUR, "sell"), _to({"text": {"en": "To sell.", "ja": "販売するため。"}})),
    ("beyond", (*PUR, "fit", "act"), _to("send_marketing")),
    ("beyond", (*PUR, "announce", "uses"), _more("phone")),
    ("beyond", (*PUR, "announce", "uses"), _gone),
    ("beyond", (*PUR, "hire_numbers", "output"), _to("records")),
    ("beyond", (*PUR, "hire_numbers", "output"), _gone),
    ("less_protection", (*PUR, "hire_numbers", "min_cell"), _to(2)),
    ("less_protection", (*PUR, "hire_numbers", "min_cell"), _gone),
    ("less_protection", (*PUR, "answer", "parts"), _fewer),
    ("less_protection", (*PUR, "answer", "parts"), _gone),
    ("new_recipient", (*PUR, "fit", "outside"), _to(True)),
    ("within_relevance", (*PUR, "fit", "text", "en"), _to("To build and to advertise bicycles.")),
    ("beyond", ("collection", "never", 0), _gone),
    ("beyond", ("collection", "never", 0, "grounds"), _fewer),
    ("new_field", (*FLD, "fax"), _to({"text": {"en": "fax", "ja": "ファックス"}, "kind": "personal"})),
    ("new_field", (*FLD, "name", "special"), _to(("health",))),
    ("new_field", (*FLD, "career", "items"), _more("salary")),
    ("new_field", (*FLD, "company", "max"), _to(500)),
    ("new_field", (*FLD, "company", "max"), _gone),
    ("less_protection", (*FLD, "question", "screen"), _gone),
    ("new_field", (*SIT, "fitting", "collect", "optional"), _more("phone")),
    ("less_protection", (*SIT, "question", "collect"), _to({"required": ("email", "question", "name"), "optional": ()})),
    ("new_field", (*SIT, "raffle"), _to({"text": {}, "channel": "form", "subject": "rider", "purposes": ()})),
    ("new_field", (*SIT, "candidate", "subtypes", "trainee"), _to({"text": {"en": "t", "ja": "研"}})),
    ("new_recipient", (*SIT, "fitting", "recipients"), _to(("club",))),
    ("less_protection", (*SIT, "dealer_list", "source", "ask"), _fewer),
    ("less_protection", (*SIT, "card", "notice", "obvious"), _more("announce")),
    ("beyond", ("basis", "purposes", "announce", "jp"), _to("stated")),
    ("beyond", ("basis", "purposes", "hire", "eea"), _to("legitimate_interests")),
    ("beyond", ("basis", "bases", "legitimate_interests", "interests", "resale"), _to({"en": "r", "ja": "再"})),
    ("less_protection", ("basis", "purposes", "announce", "confirm"), _gone),
    ("less_protection", ("basis", "purposes", "announce", "confirm"), _to(Period(7, "D"))),
    ("less_protection", ("basis", "bases", "consent", "withdraw", "as_easy_as_giving"), _to(False)),
    ("less_protection", ("basis", "bases", "consent", "withdraw", "retroactive"), _to(True)),
    ("less_protection", ("basis", "bases", "consent", "proof"), _to("nothing")),
    ("less_protection", ("security", "measures", "personnel"), _gone),
    ("less_protection", ("security", "measures", "organisational", "rules"), _gone),
    ("less_protection", ("security", "measures", "organisational", "responsible_person", "role"), _gone),
    ("less_protection", ("security", "measures", "personnel", "training", "every"), _to(Period(2, "Y"))),
    ("less_protection", ("security", "measures", "personnel", "training", "every"), _gone),
    ("less_protection", ("security", "measures", "technical", "access", "review_every"), _to(Period(1, "Y"))),
    ("new_country", ("security", "measures", "external_environment", "countries"), _more("IN")),
    ("new_recipient", (*SRV, "mailer"), _to({"service": "Mail", "operator": "Example", "storage": ("JP",)})),
    ("new_recipient", (*SRV, "desk", "purposes"), _more("count_visits")),
    ("new_recipient", (*SRV, "desk", "operator"), _to("Another KK")),
    ("new_country", (*SRV, "desk", "storage"), _more("US")),
    ("new_country", (*SRV, "desk", "support_access"), _more("IN")),
    ("new_country", (*SRV, "desk", "operator_country"), _to("US")),
    ("less_protection", (*SRV, "counter", "transfer", "jp"), _to("consent")),
    ("less_protection", (*SRV, "counter", "transfer", "eea"), _gone),
    ("new_recipient", (*RCP, "lists"), _to({"role": "controller", "purposes": ("announce",)})),
    ("new_recipient", (*RCP, "club", "fields"), _more("email")),
    ("new_recipient", (*RCP, "club", "fields"), _gone),
    ("new_recipient", (*RCP, "club", "purposes"), _more("announce")),
    ("beyond", (*RCP, "club", "ground", "jp"), _to("opt_out")),
    ("new_country", (*RCP, "club", "country"), _more("US")),
    ("less_protection", (*RCP, "club", "named"), _to(False)),
    ("less_protection", ("transfers", "applies_to"), _fewer),
    ("less_protection", ("transfers", "details_on_request"), _to(False)),
    ("less_protection", ("transfers", "mechanisms", "other_contract", "approval"), _gone),
    ("longer_period", ("retention", "ceiling", "period"), _to(Period(5, "Y"))),
    ("longer_period", ("retention", "ceiling"), _gone),
    ("longer_period", ("retention", "subjects", "rider", "period"), _to(Period(25, "M"))),
    ("longer_period", ("retention", "subjects", "rider", "count"), _to("from_year_end")),
    ("longer_period", ("retention", "rules", 0, "period"), _to(Period(31, "D"))),
    ("longer_period", ("retention", "rules", 0), _gone),
    ("longer_period", ("retention", "proof", "consent", "period"), _to(Period(4, "Y"))),
    ("less_protection", ("rights", "kinds", "portability"), _gone),
    ("less_protection", ("rights", "kinds", "portability", "uk"), _gone),
    ("less_protection", ("rights", "kinds", "objection", "marketing"), _to("review")),
    ("less_protection", ("rights", "kinds", "portability", "direct"), _gone),
    ("less_protection", ("rights", "clocks", "jp", "target"), _to(Period(14, "D"))),
    ("less_protection", ("rights", "clocks", "jp", "target"), _gone),
    ("less_protection", ("rights", "identity", "raise", "match"), _to(("agent",))),
    ("less_protection", ("rights", "identity", "levels"), lambda v: {**v, "mailbox": ("access",),
                                                                     "document": ("provision_records", "rectification")}),
    ("longer_period", ("rights", "identity", "material", "kept"), _to(Period(60, "D"))),
    ("less_protection", ("rights", "fee", "amount"), _to(1000)),
    ("less_protection", ("rights", "fee", "rights"), _more("purpose_notice")),
    ("less_protection", ("rights", "fee", "show"), _to("net")),
    ("less_protection", ("rights", "complaints", "to_us", "acknowledge"), _to(Period(30, "D"))),
    ("less_protection", ("rights", "refusals", "too_busy"), _to({"en": "b", "ja": "忙"})),
    ("less_protection", ("contact", "mailbox"), _gone),
    ("less_protection", ("contact", "cases", "automatic_answer"), _to(False)),
    ("less_protection", ("amendment", "classes", "longer_period"), _fewer),
    ("less_protection", ("amendment", "classes", "longer_period"), _gone),
    ("less_protection", ("amendment", "notice_period", "eea"), _to(Period(7, "D"))),
    ("less_protection", ("amendment", "notice_period", "eea"), _gone),
    ("less_protection", ("cookies", "gpc"), _to("ignored")),
    ("less_protection", ("cookies", "categories", "statistics", "always"), _to(True)),
    ("new_recipient", (*TAG[:2], "pixel"), _to({"category": "statistics", "host": ("p.example.net",)})),
    ("new_recipient", (*TAG, "host"), _more("more.example.net")),
    ("new_field", (*TAG, "sends"), _more("name")),
    ("beyond", (*TAG, "purposes"), _more("announce")),
    ("less_protection", (*TAG, "fires", "eea"), _to("at_once")),
    ("less_protection", (*TAG, "recipient_links_to_person"), _to("no")),
    ("longer_period", (*TAG, "lifetime"), _to(Period(14, "M"))),
    ("less_protection", (*TAG, "gpc"), _to("runs")),
    ("less_protection", (*TAG, "uk_exemption"), _to("statistics")),
    ("less_protection", ("policy", "law", "packs"), _fewer),
    ("less_protection", ("policy", "law", "reach", "uk"), _gone),
    ("less_protection", ("policy", "law", "reach", "jp"), _to({"area": ("JP",)})),
    ("less_protection", ("policy", "law", "reach", "eea", "area"), _to(("DE",))),
    ("less_protection", ("policy", "languages"), _fewer),
    ("beyond", ("policy", "controller", "name", "en"), _to("Other Cycles Inc.")),
    ("new_country", ("policy", "controller", "country"), _to("US")),
    ("new_country", ("country", "US", "system", "en"), _to("Anything may be read by anyone.")),
    ("less_protection", ("evidence", "roles", "trade", "purposes"), _more("hire")),
    ("less_protection", ("evidence", "roles", "trade", "purposes"), _to("all")),
    ("less_protection", ("evidence", "roles", "trade", "reviewer"), _to(True)),
    ("less_protection", ("evidence", "roles", "intern"), _to({"purposes": ("hire",)})),
]  # fmt: skip
NO_WAY_BACK = {
    "the words of a purpose": "text", "another operator": "operator", "another basis": "basis", "another ground": "ground", "a part for a whole": "area",
    "another controller": "controller", "another country of an operator": "operator_country",
    "a sheet": "system", "a position": "transfer", "a rule that may be shorter": "rules",
}  # fmt: skip
"""Changes that are no narrowing when taken back: nothing tells that the former state protected more."""


@pytest.mark.parametrize(
    ("expected", "path", "change"), WIDENINGS, ids=[".".join(map(str, edit[1])) for edit in WIDENINGS]
)
def test_a_widening_is_named_and_its_way_back_is_narrowing(
    expected: str, path: Path_, change: Callable[[Any], Any]
) -> None:
    """Taking more, keeping longer, telling more people, protecting less has its class; giving it back is narrowing."""
    old = compiled("meadow")
    try:
        before = get(old.values, path)
    except (KeyError, IndexError):
        before = None
    new = edited(old, path, freeze(change(before)))
    assert leading(diff(old, new)) == expected
    if not set(path) & set(NO_WAY_BACK.values()):
        assert {back.diff_class for back in diff(new, old)} <= MILD


def test_every_class_but_the_mild_ones_is_shown() -> None:
    """Each class of change that asks for steps has an edit that leads to it."""
    assert {expected for expected, _, _ in WIDENINGS} == set(CLASSES) - MILD
