"""Properties of the policy language, tried over four policies."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.compile import compile_folder, compile_policy, hashes
from upheld.policy.decide import decide, state
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy
from upheld.policy.source import Folder, Map, Node, Scalar, Seq, Span, plain, read_folder

ROOT = Path(__file__).resolve().parents[2]
POLICIES = {
    "primenumber": ROOT / "policies" / "primenumber",
    "meadow": ROOT / "tests" / "policy" / "good" / "meadow" / "policy",
    "klinikum": ROOT / "tests" / "policy" / "good" / "klinikum" / "policy",
    "pebble": ROOT / "tests" / "policy" / "good" / "pebble" / "policy",
}
TODAY = date(2026, 11, 22)
AREAS = ("JP", "DE", "EEA", "GB", "US-CA", "BR", "other", "unknown")
names = st.sampled_from(sorted(POLICIES))
seeds = st.integers(0, 2**32)
NOWHERE = Span("", 1, 1, 1, 1)


@cache
def tree(name: str) -> dict[str, Any]:
    folder = read_folder(POLICIES[name])
    return {section: plain(node) for section, node in folder.sections.items()}


@cache
def compiled(name: str) -> CompiledPolicy:
    policy = compile_policy(POLICIES[name], load_law(), TODAY).policy
    assert policy is not None
    return policy


def node(value: Any) -> Node:
    if isinstance(value, str):
        return Scalar(value, NOWHERE)
    if isinstance(value, list):
        return Seq([node(item) for item in value], NOWHERE)
    return Map({key: (NOWHERE, node(child)) for key, child in value.items()}, NOWHERE)


def built(name: str, sections: dict[str, Any]) -> CompiledPolicy:
    """Compile changed sections; errors do not matter here, what could be built does."""
    folder = Folder(POLICIES[name])
    for section, value in sections.items():
        made = node(value)
        assert isinstance(made, Map)
        folder.sections[section] = made
    return compile_folder(folder, load_law(), TODAY).draft


# --- printing and reading back -----------------------------------------------------------------------------------


class _Quoted(yaml.SafeDumper):
    """Prints every word in quotation marks of one kind or another, so that nothing is guessed."""


def _print(value: Any, chance: random.Random) -> str:
    _Quoted.add_representer(
        str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, chance.choice("'\""))
    )
    printed: str = yaml.dump(
        value,
        Dumper=_Quoted,
        sort_keys=False,
        allow_unicode=True,
        width=chance.choice([30, 80, 10**6]),
        default_flow_style=chance.choice([True, False, None]),
    )
    return printed.replace("\n", "\r\n") if chance.random() < 0.3 else printed


def _write(root: Path, sections: dict[str, Any], chance: random.Random) -> None:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for section, value in sections.items():
        if section == "country":
            for code, sheet in value.items():
                (root / f"{code}.yaml").write_text(_print({"section": "country", **sheet}, chance), "utf-8")
            continue
        parts = [{"section": section, **value}]
        if len(value) > 1 and chance.random() < 0.3:  # a section may stand in several files
            keys = list(value)
            cut = chance.randrange(1, len(keys))
            parts = [{"section": section, **{key: value[key] for key in some}} for some in (keys[:cut], keys[cut:])]
        for place, part in enumerate(parts):
            (root / f"{section}-{place}.yaml").write_text(_print(part, chance), "utf-8")


@given(names, seeds)
def test_printing_and_reading_back_gives_the_same_hash(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int
) -> None:
    """Layout, quotation marks, line ends and files do not count: the same words are the same promise."""
    root = tmp_path_factory.getbasetemp() / "printed"
    _write(root, tree(name), random.Random(seed))
    if (POLICIES[name] / "documents").is_dir():
        shutil.copytree(POLICIES[name] / "documents", root / "documents")
    folder = read_folder(root)
    assert folder.findings == []
    policy = compiled(name)
    assert hashes(folder) == (policy.promise_hash, policy.evidence_hash)


@given(names, seeds)
def test_a_comment_changes_neither_hash(tmp_path_factory: pytest.TempPathFactory, name: str, seed: int) -> None:
    """Whoever explains a line does not change what was promised, nor what proves it."""
    chance = random.Random(seed)
    root = tmp_path_factory.getbasetemp() / "commented"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(POLICIES[name], root)
    for path in root.rglob("*.yaml"):
        lines = path.read_text("utf-8").split("\n")
        out = ["# why this stands here"]
        for line in lines:
            if line[:1].isalpha() and chance.random() < 0.5:  # inside a text block it would be text
                out.append("# " + chance.choice(["note", "注", "TODAY: [x", "{"]))
            out.append(line)
        path.write_text("\n".join(out), "utf-8")
    policy = compiled(name)
    assert hashes(read_folder(root)) == (policy.promise_hash, policy.evidence_hash)


@given(names, seeds)
def test_evidence_never_changes_the_promise(name: str, seed: int) -> None:
    """A review, a contract, a role or a draft is no new version."""
    chance = random.Random(seed)
    sections = dict(tree(name))
    sections["evidence"] = _disturbed(sections["evidence"], chance)
    sections["mappings"] = {"fields": {"name": {"dpv": ["dpv:Name"]}}}
    changed = built(name, sections)
    assert changed.promise_hash == compiled(name).promise_hash
    if sections["evidence"] != tree(name)["evidence"]:
        assert changed.evidence_hash != compiled(name).evidence_hash


def _disturbed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _disturbed(child, chance) for key, child in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [_disturbed(item, chance) for item in value if chance.random() > 0.05]
    return value if chance.random() > 0.1 else value + "x"


# --- decisions ---------------------------------------------------------------------------------------------------


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    return [_shuffled(item, chance) for item in value] if isinstance(value, list) else value


def _decisions(policy: CompiledPolicy, triples: list[tuple[str, str, str]]) -> Iterator[Any]:
    law = load_law()
    for triple in triples:
        yield state(policy, *triple)
        for area in AREAS:
            verdict = decide(policy, law, *triple, area=area, on=TODAY)
            yield (verdict.allow, verdict.code, dict(verdict.bases or {}), set(verdict.needs))


@given(names, seeds)
def test_the_order_of_keys_changes_no_decision(name: str, seed: int) -> None:
    """Order is for readers: whatever way the keys are sorted, every triple is answered the same in every area."""
    chance = random.Random(seed)
    policy, sorted_ = compiled(name), built(name, _shuffled(tree(name), chance))
    triples = chance.sample(list(policy.triples()), 60)
    assert list(_decisions(policy, triples)) == list(_decisions(sorted_, triples))


@given(names, seeds)
def test_removing_a_purpose_never_allows_more(name: str, seed: int) -> None:
    """Take a purpose out of a situation, or out of the policy, and nothing is allowed that was not before."""
    chance = random.Random(seed)
    sections = dict(tree(name))
    collection = dict(sections["collection"])
    situations = dict(collection["situations"])
    situation = chance.choice(list(situations))
    stated = situations[situation]["purposes"]
    kept = [item for item in stated if item != chance.choice(stated)]
    situations[situation] = {**situations[situation], "purposes": kept}
    collection["situations"] = situations
    if chance.random() < 0.5:
        gone = chance.choice(list(collection["purposes"]))
        collection["purposes"] = {key: value for key, value in collection["purposes"].items() if key != gone}
    sections["collection"] = collection
    old, new = compiled(name), built(name, sections)
    for triple in old.triples():
        if state(new, *triple).allow:
            assert state(old, *triple).allow
        if state(new, *triple).stated:
            assert state(old, *triple).stated


@given(names, seeds)
def test_what_is_allowed_has_a_basis_in_every_regime_that_holds(name: str, seed: int) -> None:
    """No regime that protects a person is left without an answer to `on what ground`."""
    policy, law = compiled(name), load_law()
    chance = random.Random(seed)
    triples = [triple for triple in policy.triples() if state(policy, *triple).allow]
    for triple in chance.sample(triples, min(20, len(triples))):
        for area in AREAS:
            verdict = decide(policy, law, *triple, area=area, on=TODAY)
            assert verdict.bases is not None
            assert verdict.allow == all(verdict.bases.values())
            if not verdict.allow:
                assert verdict.code == "no_legal_basis"


@pytest.mark.parametrize("name", POLICIES)
def test_each_right_has_one_level_of_identity(name: str) -> None:
    """Nobody is asked for two kinds of proof for one right, and no right is given without any."""
    rights = compiled(name).rights
    for right in rights.kinds:
        assert len([level for level, names_ in rights.levels.items() if right in names_]) == 1


@given(seeds, st.sets(st.sampled_from(["jp-appi", "jp-telecom", "jp-mail", "jp-employment", "jp-tax", "eu-gdpr"])))
def test_no_finding_cites_a_law_that_is_not_listed(seed: int, packs: set[str]) -> None:
    """Take packs away and break what you like: no finding names a law of a pack that the policy does not list."""
    chance = random.Random(seed)
    sections = {key: _disturbed(value, chance) for key, value in tree("meadow").items()}
    sections["policy"] = {**tree("meadow")["policy"], "law": {"packs": sorted(packs), "reach": _reach(packs)}}
    folder = Folder(POLICIES["meadow"], {key: node(value) for key, value in sections.items()})  # type: ignore[misc]
    law = load_law()
    may = {rule.citation for pack in packs for rule in law.packs[pack].rules}
    regimes = {law.packs[pack].regime for pack in packs}
    for found in compile_folder(folder, law, TODAY).findings:
        for place in found.law:
            home = "jp" if place.startswith("APPI") else "uk" if place.startswith("UK ") else None
            assert place in may or home is None or home in regimes, found


def _reach(packs: set[str]) -> dict[str, Any]:
    regimes = {load_law().packs[pack].regime for pack in packs}
    return dict.fromkeys(sorted(regimes), "everyone") or {"jp": "everyone"}
