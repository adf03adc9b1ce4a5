"""The gate as a rule: what passes is declared, whole and clean, whatever is handed in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import KENJI, NOW, REFERENCE
from upheld.collection import Submission, admit, origin_of
from upheld.collection.rules import identifiers, relation_kind, starts
from upheld.collection.screen import hints_at_special_care
from upheld.collection.usual import Usual
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Field, Frozen, PurposeBasis

LAW = load_law()
DAY = NOW.date()
POLICY = compile_policy(REFERENCE, LAW, DAY).draft
NAMES = [*POLICY.fields, "passport_no", "家族構成", "", "Name"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["a@example.com", "+81312345678"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["employer", "salary"]), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.sampled_from([*POLICY.situations, "survey"]),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8),
    st.sampled_from(["", "JP", "DE", "GB", "BR", "XX", "jp"]),
    st.lists(st.sampled_from([*POLICY.purposes, "resale"]), max_size=2),
)
def test_what_passes_is_declared(situation: str, fields: dict[str, Any], country: str, consents: list[str]) -> None:
    """Whatever is handed in: either a reason is given, or every value belongs to a declared field and none required is missing."""
    found = admit(POLICY, LAW, situation, Submission(fields, country=country, consents=tuple(consents)), DAY)
    if found.faults:
        assert found.values == {}
        assert all(fault.code and fault.clause for fault in found.faults)
        return
    declared = POLICY.situations[situation]
    assert set(declared.required) <= set(found.values) <= set(declared.fields)
    assert set(found.consents) <= set(declared.purpose_ids)
    assert all(value not in ("", [], {}, None) for value in found.values.values())


CELLS = st.sampled_from(
    ["Hanae", " padded ", "日本", "e\u0301", "two\r\nlines", "two\nlines", "\x07", "", " ", None, 7, ["a"], "a@example.com",
     "A@EXAMPLE.com", "a@localhost", "no address", "+81312345678", "03-1234-5678", "12", "2026-11-22", "x" * 500, "病気"]
)  # fmt: skip


@given(
    st.sampled_from(["materials", "event", "candidate", "contact"]),
    st.dictionaries(st.sampled_from([*NAMES, "inquiry"]), CELLS, max_size=8),
    st.sampled_from(["", "JP", "DE", "GB", "US-CA", "XX"]),
    st.sampled_from(["", "internship", "alumni"]),
    st.sampled_from(["", "v1"]),
)
def test_a_usual_row_is_judged_as_any_other(
    situation: str, fields: dict[str, Any], country: str, subtype: str, visitor: str
) -> None:
    """What is compiled once for an import says the same as the gate itself: faults, values, origin, review, identifiers."""
    declared = POLICY.situations[situation]
    for told in (
        Submission(fields, country, subtype, visitor=visitor),
        Submission({"name": "Hanae", "email": "a@example.com", "company": "例示", **fields}, country, subtype),
        Submission({**fields, "name": "Hanae", "email": "a@example.com", "company": "例示"}, country),
    ):
        admitted, found = Usual(POLICY, LAW, declared, DAY).judge(told)
        assert admitted == admit(POLICY, LAW, situation, told, DAY)
        assert list(found.items()) == ([] if admitted.faults else list(identifiers(POLICY, admitted.values, told.visitor).items()))


def with_health(ground: dict[str, str]) -> CompiledPolicy:
    """Let applications declare data on health, for a purpose with these grounds."""
    health = Field("health", Frozen({"en": "health"}), "free_text", ("health",), None, 200, (), None)
    candidate = replace(POLICY.situations["candidate"], optional=("phone", "work_history", "health"))
    line: PurposeBasis = replace(POLICY.purpose_bases["hire_health"], special=Frozen(ground))
    return replace(
        POLICY,
        fields=Frozen({**POLICY.fields, "health": health}),
        situations=Frozen({**POLICY.situations, "candidate": candidate}),
        purposes=Frozen(
            {name: replace(one, uses=one.uses if name == "hire_health" else ("name",)) for name, one in POLICY.purposes.items()}
        ),
        purpose_bases=Frozen({**POLICY.purpose_bases, "hire_health": line}),
    )


@pytest.mark.row("M35")
def test_m35_health_comes_in_with_consent_only() -> None:
    """A declared field on health is refused without consent to the purpose that uses it, and taken with it."""
    fields = {**KENJI.some("name", "email"), "health": "none"}
    policy = with_health({"jp": "consent", "eea": "A9-2-b", "uk": "A9-2-b"})
    bare = admit(policy, LAW, "candidate", Submission(fields, country="JP"), DAY)
    assert [(fault.code, fault.field) for fault in bare.faults] == [("special_care_no_consent", "health")]
    agreed = Submission(fields, country="JP", consents=("hire_health",))
    assert admit(policy, LAW, "candidate", agreed, DAY).faults == ()
    plain = with_health({"jp": "law", "eea": "A9-2-b", "uk": "A9-2-b"})
    assert admit(plain, LAW, "candidate", Submission(fields, country="JP"), DAY).faults == ()


@pytest.mark.parametrize(
    ("country", "area"),
    [("", "unknown"), ("JP", "JP"), ("DE", "EEA"), ("IS", "EEA"), ("GB", "GB"), ("CH", "other"), ("US-CA", "other")],
)
def test_the_area_follows_the_declared_residence(country: str, area: str) -> None:
    """Areas that the policy names, the controller's own country, everything else, and nothing declared."""
    assert origin_of(POLICY, LAW, country) == area


@pytest.mark.parametrize(
    "text", ["私はがん治療中です", "HIV陽性", "I was diagnosed last year", "Ich bin schwerbehindert", "ＨＩＶ", "My RELIGION"]
)
def test_special_care_is_noticed(text: str) -> None:
    """Words of illness and belief are noticed in each language, in full width and in capitals too."""
    assert hints_at_special_care(text)


@pytest.mark.parametrize("text", ["見積希望", "When does the race condition fix ship?", "Please cancel my order", "Canceraria"])
def test_ordinary_words_are_let_through(text: str) -> None:
    """Words inside other words are no hint."""
    assert not hints_at_special_care(text)


def test_people_are_found_by_what_only_they_have_first() -> None:
    """The address comes before the browser's id, and the telephone that several may share comes last."""
    found = identifiers(POLICY, {"phone": "+81312345678", "email": "a@example.com"}, "c-1")
    assert list(found.items()) == [("email", "a@example.com"), ("visitor", "c-1"), ("phone", "+81312345678")]


def test_a_taking_restarts_the_clocks_it_should() -> None:
    """A form restarts the last contact, a visit the last visit as well; accounts and applications begin a relationship."""
    assert starts(POLICY, POLICY.situations["event"]) == ("last_contact",)
    assert starts(POLICY, POLICY.situations["browsing"]) == ("last_contact", "last_visit")
    kinds = {name: relation_kind(POLICY, one) for name, one in POLICY.situations.items()}
    assert {name: kind for name, kind in kinds.items() if kind} == {
        "contract": "contract",
        "in_service": "contract",
        "registration": "account",
        "candidate": "application",
    }
