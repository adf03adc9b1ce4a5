"""Requests: numbers, states, who has which right, by when and for how much."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.rights.rules import (
    TRANSITIONS,
    NoSuchStepError,
    number_fits,
    number_of,
    offered,
    step,
    terms,
)
from upheld.web.words import own_words

ROOT = Path(__file__).parents[2] / "policies" / "primenumber"
DAY = date(2026, 11, 22)
LAW = load_law()
POLICY = compile_policy(ROOT, LAW, DAY).draft
JP = {
    "purpose_notice", "access", "provision_records", "rectification", "erasure", "cease_use", "stop_provision",
    "consent_withdrawal", "safeguard_details", "complaint",
}  # fmt: skip
EU = {
    "access", "rectification", "erasure", "restriction", "objection", "portability", "consent_withdrawal",
    "safeguard_details", "complaint",
}  # fmt: skip


@pytest.mark.parametrize(
    ("sequence", "number"), [(1, "R-26-0001-7"), (2, "R-26-0002-5"), (3, "R-26-0003-0"), (17, "R-26-0017-1")]
)
def test_numbers_carry_a_check_digit(sequence: int, number: str) -> None:
    """A number is year, sequence and the check digit over both."""
    assert number_of(2026, sequence) == number
    assert number_fits(number)


@given(st.integers(2000, 2099), st.integers(1, 99_999), st.data())
def test_one_wrong_digit_is_always_seen(year: int, sequence: int, data: st.DataObject) -> None:
    """Whichever single digit is mistyped, the number no longer fits."""
    number = number_of(year, sequence)
    place = data.draw(st.sampled_from([at for at, sign in enumerate(number) if sign.isdigit()]))
    other = data.draw(st.sampled_from([sign for sign in "0123456789" if sign != number[place]]))
    assert number_fits(number)
    assert not number_fits(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize(("residence", "rights"), [("JP", JP), ("DE", EU), ("GB", EU)])
def test_rights_follow_the_residence(residence: str, rights: set[str]) -> None:
    """People in Japan have ten rights, people in the EEA and the United Kingdom nine others."""
    assert set(offered(POLICY, LAW, residence, DAY)) == rights


@pytest.mark.parametrize(
    ("right", "residence", "due", "total"),
    [
        ("access", "JP", date(2026, 12, 6), 1100),
        ("provision_records", "JP", date(2026, 12, 6), 1100),
        ("rectification", "JP", date(2026, 12, 6), 0),
        ("access", "DE", date(2026, 12, 22), 0),
        ("access", "GB", date(2026, 12, 22), 0),
        ("erasure", "GB", date(2026, 12, 22), 0),
    ],
)
def test_clock_and_fee_by_regime(right: str, residence: str, due: date, total: int) -> None:
    """Two weeks and a fee for disclosure in Japan; one month and nothing in the EEA and the United Kingdom."""
    found = terms(POLICY, LAW, right, residence, DAY)
    assert found is not None
    assert (found.due, found.total) == (due, total)


def test_in_the_united_kingdom_the_month_starts_with_the_proof() -> None:
    """Proof of identity that arrives on 30 November moves the last day there, not in Germany."""
    proof = date(2026, 11, 30)
    british = terms(POLICY, LAW, "erasure", "GB", DAY, identified=proof)
    german = terms(POLICY, LAW, "erasure", "DE", DAY, identified=proof)
    assert british is not None
    assert german is not None
    assert (british.due, german.due) == (date(2026, 12, 30), date(2026, 12, 22))


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_state_and_step_has_its_sentence(lang: str) -> None:
    """Each state a person can see and each step of the table is said in both languages."""
    said = own_words(lang, "rights")
    states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())
    assert states == set(said["state"])
    assert {event for _, event in TRANSITIONS} == set(said["step"])


class Walk(RuleBasedStateMachine):
    """A request walked through the table in any order: what is not in it cannot happen."""

    def __init__(self) -> None:
        super().__init__()
        self.state = "received"
        self.seen: list[str] = []

    @rule(event=st.sampled_from(sorted({event for _, event in TRANSITIONS})))
    def go(self, event: str) -> None:
        if (self.state, event) in TRANSITIONS:
            self.state = step(self.state, event)
            self.seen.append(event)
        else:
            with pytest.raises(NoSuchStepError):
                step(self.state, event)

    @invariant()
    def nothing_is_handed_over_undecided(self) -> None:
        """What was delivered was approved with an answer, or refused, before."""
        if self.state == "delivered":
            assert {"approved", "answered", "refused"} & set(self.seen)
        if "ask_fee" in self.seen and {"approved", "started"} & set(self.seen):
            assert "paid" in self.seen

    @invariant()
    def the_end_is_the_end(self) -> None:
        """A closed or withdrawn request has no further step."""
        if self.state in {"closed", "withdrawn"}:
            assert not [at for at in TRANSITIONS if at[0] == self.state]


TestWalk = Walk.TestCase
