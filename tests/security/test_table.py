"""Properties of the sheet: it answers as the gate does, for every policy, role, purpose, field and standing."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.basis.model import MARKS
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.records import Relation
from upheld.security.model import Ask, Kept, Now, Permit, Person, Reader
from upheld.security.rules import may_read, purposes_of
from upheld.security.table import Sheet

ROOT = Path(__file__).resolve().parents[2]
POLICIES = {
    "primenumber": ROOT / "policies" / "primenumber",
    "meadow": ROOT / "tests" / "policy" / "good" / "meadow" / "policy",
    "klinikum": ROOT / "tests" / "policy" / "good" / "klinikum" / "policy",
    "pebble": ROOT / "tests" / "policy" / "good" / "pebble" / "policy",
}
ON = date(2026, 11, 22)
KEPT = Kept(Frozen())
ORIGINS = ("JP", "DE", "GB", "US", "unknown")


@cache
def now_of(name: str) -> Now:
    policy = compile_policy(POLICIES[name], load_law(), ON).policy
    assert policy is not None
    return Now(policy, load_law(), ON, None)


@cache
def sheet_of(name: str, situation: str, origin: str) -> Sheet:
    now = now_of(name)
    return Sheet(now.policy, now, situation, origin)


def reader_of(policy: CompiledPolicy, role: str) -> Reader:
    purposes, reviewer = purposes_of(policy, [role])
    return Reader("key:k", purposes, staff=False, reviewer=reviewer)


def relation(ended: date | None) -> Relation:
    return Relation(b"r" * 16, b"s" * 16, "contract", date(2026, 1, 1), ended)


@st.composite
def standings(draw: st.DrawFn, policy: CompiledPolicy) -> dict[str, str]:
    purposes = sorted(policy.purposes)
    said = draw(st.dictionaries(st.sampled_from(purposes), st.sampled_from(("given", "refused", "withdrawn", "objected", "overruled"))))
    marks = st.tuples(st.sampled_from(["*", *purposes]), st.sampled_from(MARKS), st.sampled_from(("set", "lifted")))
    return said | {f"{where}#{mark}": state for where, mark, state in draw(st.lists(marks, max_size=3))}


@pytest.mark.parametrize("name", POLICIES)
@settings(derandomize=True, deadline=None, database=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_sheet_answers_as_the_gate_does(name: str, data: st.DataObject) -> None:
    """For every role, purpose and field a sheet says yes exactly where the gate gives a permit, and never where it does not."""
    now = now_of(name)
    policy = now.policy
    situation, origin = data.draw(st.sampled_from(sorted(policy.situations))), data.draw(st.sampled_from(ORIGINS))
    said = data.draw(standings(policy))
    contract = data.draw(st.sampled_from((None, relation(None), relation(ON), relation(date(2026, 11, 21)))))
    kinds = tuple(data.draw(st.sets(st.sampled_from(sorted(policy.retention.kinds)), max_size=2)))
    person = Person(KEPT, Frozen(said), contract, kinds)
    sheet = sheet_of(name, situation, origin)
    stance = sheet.stance(said, contract)
    for role in policy.evidence.roles:
        reader = reader_of(policy, role)
        for purpose in policy.purposes:
            answers = {
                field: isinstance(may_read(policy, now, Ask(situation, purpose, (field,), origin), reader, person), Permit)
                for field in policy.fields
            }
            for field, gate in answers.items():
                table = sheet.allows(role, purpose, policy.field_bits[field], stance)
                assert table == gate or (gate and not sheet.sure(purpose)), (role, purpose, field)
            expected = sum(policy.field_bits[field] for field, gate in answers.items() if gate)
            if sheet.sure(purpose):
                assert sheet.mask(role, purpose, stance) == expected
            if reader.covers(purpose):
                assert sheet.open_mask(purpose, stance) == sheet.mask(role, purpose, stance)


@pytest.mark.parametrize("name", POLICIES)
def test_a_sheet_opens_something_and_is_mostly_sure(name: str) -> None:
    """The tables are no empty promise: each policy has purposes that they decide alone, and fields that they open."""
    now = now_of(name)
    sheets = [sheet_of(name, situation, "JP") for situation in now.policy.situations]
    stated = [(sheet, purpose) for sheet, one in zip(sheets, now.policy.situations.values(), strict=True) for purpose in one.purpose_ids]
    assert sum(sheet.sure(purpose) for sheet, purpose in stated) * 2 > len(stated)
    everything = Frozen(dict.fromkeys(now.policy.purposes, "given"))
    assert any(sheet.open_mask(purpose, sheet.stance(everything, relation(None))) for sheet, purpose in stated)
