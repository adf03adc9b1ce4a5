"""The gate before every read, one step at a time: which refusal is told, by which clause, and what opens it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.support import NOW, REFERENCE
from upheld.basis.model import mark_key
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen, Measure, Role
from upheld.policy.period import Period
from upheld.records import Relation
from upheld.security.model import Ask, Kept, Lock, Now, Permit, Person, Reader, Rules, Shut
from upheld.security.rules import (
    STEPS,
    act_of,
    check_reader,
    check_view,
    check_worker,
    furthest,
    may_read,
    may_read_as_told,
    purposes_of,
    rules_of,
    training_asked,
    views_of,
)

LAW = load_law()
DAY = NOW.date()
YESTERDAY = date(2026, 11, 21)
POLICY = compile_policy(REFERENCE, LAW, DAY).draft
RULES = Rules("1", "aa")
TODAY = Now(POLICY, LAW, DAY, RULES)
STAFF = Reader("staff:1", None, trained_until=DAY, accepted=RULES)
SALES = replace(STAFF, purposes=frozenset({"analyse", "announce"}))
PROGRAM = Reader("key:k", None, staff=False)
NOTHING = Person(Kept(Frozen()))
BOOKS = Lock("tax_books", "jp-corporation-tax", "tax_audit", frozenset({"name", "company"}), DAY)


def policy_with(**changes: Any) -> CompiledPolicy:
    return replace(POLICY, **{name: Frozen(value) if isinstance(value, dict) else value for name, value in changes.items()})


def asked(situation: str = "event", purpose: str = "analyse", *fields: str, origin: str = "JP", **more: Any) -> Ask:
    return Ask(situation, purpose, fields, origin, **more)


def told(outcome: Permit | Shut | None) -> tuple[str, str] | None:
    """Give code and clause of a refusal, whose step is that of its code; None where the gate is open."""
    if isinstance(outcome, Permit):
        return None
    assert isinstance(outcome, Shut)
    assert STEPS[outcome.step] in {outcome.refused.code, "standing", "basis"}
    return outcome.refused.code, outcome.refused.clause


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (asked("survey", "analyse", "email"), ("situation_unknown", "collection")),
        (asked("event", "analyse", "name", "inquiry"), ("field_not_declared", "collection.event.collect")),
        (asked("event", "provide", "name", "inquiry"), ("field_not_declared", "collection.event.collect")),
        (asked("event", "provide", "name"), ("purpose_not_declared", "collection.event.purposes")),
        (asked("event", "provide"), ("purpose_not_declared", "collection.event.purposes")),
        (asked("survey", "provide"), ("purpose_not_declared", "collection.survey.purposes")),
        (asked("event", "analyse", "name", part="half"), ("purpose_not_declared", "collection.purposes.analyse")),
        (asked("contact", "respond_and_market", "name", part="respond"), None),
        (asked("candidate", "hire_onboard", "name"), ("purpose_gap", "collection.candidate.hire_onboard")),
        (asked("candidate", "hire_stats", "name"), ("aggregate_only", "collection.purposes.hire_stats")),
        (asked("event", "announce", "email"), ("consent_missing", "basis.purposes.announce")),
        (asked("event", "analyse"), None),
    ],
)
def test_a_read_is_refused_by_the_first_step_that_fails(ask: Ask, expected: tuple[str, str] | None) -> None:
    """security.technical.access (APPI 18, 23; GDPR 5(1)(b), 6): situation, field, purpose, gap, figures, basis, each by its clause."""
    outcome = may_read(POLICY, TODAY, ask, STAFF, NOTHING)
    assert told(outcome) == expected
    if isinstance(outcome, Permit):
        assert outcome.clause == f"collection.{ask.situation}.{ask.purpose}"


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (STAFF, None),
        (SALES, None),
        (replace(STAFF, purposes=frozenset({"announce"})), ("role_not_allowed", "security.technical.access")),
        (replace(STAFF, trained_until=YESTERDAY), ("training_expired", "security.personnel.training")),
        (replace(STAFF, trained_until=None), ("training_expired", "security.personnel.training")),
        (replace(STAFF, accepted=None), ("rules_not_accepted", "security.organisational.rules")),
        (replace(STAFF, accepted=Rules("2", "aa")), ("rules_not_accepted", "security.organisational.rules")),
        (PROGRAM, None),
        (replace(PROGRAM, purposes=frozenset()), ("role_not_allowed", "security.technical.access")),
    ],
)
def test_a_reader_is_covered_trained_and_has_accepted_the_rules(reader: Reader, expected: tuple[str, str] | None) -> None:
    """security.technical.access (APPI 23, 24): the last day of training counts; a program answers to its scopes alone."""
    assert told(may_read(POLICY, TODAY, asked(), reader, NOTHING)) == expected
    found = check_reader(TODAY, reader, "analyse")
    assert (told(found) if found else None) == expected


def test_where_no_training_or_rules_are_asked_nobody_lacks_them() -> None:
    """security.personnel.training (APPI 24): a policy without these measures asks for neither."""
    bare = replace(TODAY, policy=policy_with(measures={}), rules=None)
    assert check_reader(bare, replace(STAFF, trained_until=None, accepted=None), "analyse") is None


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (STAFF, None),
        (SALES, None),
        (replace(STAFF, purposes=frozenset()), "role_not_allowed"),
        (replace(STAFF, purposes=frozenset({"tax_audit"})), "role_not_allowed"),
        (replace(SALES, trained_until=YESTERDAY), "training_expired"),
    ],
)
def test_who_decides_about_data_may_read_for_some_purpose(reader: Reader, expected: str | None) -> None:
    """security.technical.access (APPI 23, 24): a role over one purpose of the policy at least, training and rules."""
    found = check_worker(TODAY, reader)
    assert (found.refused.code if found else None) == expected
    assert found is None or STEPS[found.step] == expected


def measure(name: str, **changes: Any) -> CompiledPolicy:
    one: Measure = replace(POLICY.measures[name], **changes)
    return policy_with(measures={name: one})


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"course": "privacy", "every": Period(1, "Y"), "required_for": "any_access"}, ("privacy", Period(1, "Y"))),
        ({"course": "privacy", "every": Period(1, "Y")}, ("privacy", Period(1, "Y"))),
        ({"course": "privacy"}, ("privacy", None)),
        ({"every": Period(1, "Y")}, ("", Period(1, "Y"))),
        ({"course": "privacy", "every": "P1Y"}, ("privacy", None)),
        ({"course": "privacy", "required_for": "nobody"}, None),
        (None, None),
    ],
)
def test_training_counts_as_long_as_the_measure_says(training: dict[str, Any] | None, expected: tuple[str, Period | None] | None) -> None:
    """security.personnel.training (APPI 24): the course and its period; a measure that asks it for nothing asks nobody."""
    assert training_asked(measure("personnel", training=training)) == expected


def test_rules_are_those_that_the_evidence_names_today() -> None:
    """security.organisational (APPI 23, 24): version and hash of the document as served, else as written; none where none are asked."""
    path = "documents/handling-rules.md"
    assert rules_of(POLICY, {path: "hash"}) == Rules("1", "hash")
    assert rules_of(measure("organisational", rules_accepted=False), {path: "hash"}) is None
    clauses = Frozen({"security.organisational": Frozen({"rules": Frozen({"hash": "written"})})})
    assert rules_of(policy_with(evidence=replace(POLICY.evidence, clauses=clauses)), {path: "hash"}) == Rules("", "written")
    assert rules_of(policy_with(evidence=replace(POLICY.evidence, clauses=Frozen({}))), {}) == Rules("", "")


def with_roles(**roles: Role) -> CompiledPolicy:
    return policy_with(evidence=replace(POLICY.evidence, roles=Frozen(roles)))


def test_of_several_roles_everything_and_the_wider_view_count() -> None:
    """security.technical.access (APPI 23; GDPR 5(1)(c), 32): purposes add up, the wider view counts, raw is no limit."""
    policy = with_roles(
        seller=Role("seller", ("announce", "analyse"), False, "masked"),
        helper=Role("helper", ("respond", "analyse"), True, "raw"),
        auditor=Role("auditor", None, False, "redacted"),
    )
    assert purposes_of(policy, ["seller", "nobody"]) == ({"announce", "analyse"}, False)
    assert purposes_of(policy, ["seller", "helper"]) == ({"announce", "analyse", "respond"}, True)
    assert purposes_of(policy, ["seller", "auditor"]) == (None, False)
    assert purposes_of(policy, []) == (frozenset(), False)
    assert views_of(policy, ["seller"]) == {"announce": "masked", "analyse": "masked", "legal_claims": "masked"}
    assert views_of(policy, ["seller", "helper"]) == {"announce": "masked"}
    whole = views_of(policy, ["auditor", "seller"])
    assert set(whole) == {*POLICY.purposes, "legal_claims"}
    assert (whole["announce"], whole["provide"], whole["legal_claims"]) == ("masked", "redacted", "masked")


@pytest.mark.parametrize(
    ("limit", "wanted", "shown"),
    [
        (None, None, "raw"), (None, "raw", "raw"), (None, "redacted", "redacted"), ("masked", None, "masked"),
        ("masked", "masked", "masked"), ("masked", "redacted", "redacted"), ("masked", "raw", None), ("redacted", "masked", None),
    ],
)  # fmt: skip
def test_a_reader_sees_no_more_than_the_role_shows(limit: Any, wanted: Any, shown: str | None) -> None:
    """security.technical.access: as much as was asked for within the limit, all of the limit where nothing was, and never more."""
    reader = replace(STAFF, views=Frozen({"analyse": limit} if limit else {}))
    found = check_view(reader, "analyse", wanted)
    assert (told(found) if isinstance(found, Shut) else found) == (shown or ("role_not_allowed", "security.technical.access"))


SCREENED = "collection.fields"


@pytest.mark.parametrize(
    ("ask", "reader", "totals", "expected"),
    [
        (asked("contact", "analyse", "inquiry", review="special_care"), STAFF, False, ("review_pending", SCREENED)),
        (asked("contact", "analyse", review="special_care"), STAFF, False, ("review_pending", SCREENED)),
        (asked("contact", "analyse", "name", review="special_care"), STAFF, False, None),
        (asked("event", "analyse", review="special_care"), STAFF, False, None),
        (asked("contact", "analyse", "inquiry"), STAFF, False, None),
        (asked("contact", "analyse", "inquiry", review="special_care"), replace(STAFF, reviewer=True), False, None),
        (asked("contact", "analyse", "inquiry", review="special_care"), STAFF, True, None),
        (asked("candidate", "hire_stats"), STAFF, True, None),
    ],
)
def test_a_screened_text_waits_and_figures_pass(ask: Ask, reader: Reader, totals: bool, expected: tuple[str, str] | None) -> None:
    """collection.fields (APPI 20(2)): a text that waits leaves for a reviewer alone; figures tell nothing of it."""
    assert told(may_read(POLICY, TODAY, ask, reader, NOTHING, totals=totals)) == expected


@pytest.mark.parametrize(
    ("standings", "purpose", "fields", "expected"),
    [
        ({"analyse": "objected"}, "analyse", (), ("objected", "basis.purposes.analyse")),
        ({mark_key("restricted"): "set"}, "analyse", (), ("restricted", "rights.restriction")),
        ({mark_key("suppressed"): "set"}, "analyse", (), None),
        ({mark_key("suppressed"): "set", "announce": "given"}, "announce", (), ("suppressed", "retention.proof")),
        ({"announce": "given"}, "announce", (), None),
    ],
)
def test_what_stands_about_the_person_comes_before_the_basis(
    standings: dict[str, str], purpose: str, fields: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    """basis.consent (GDPR 7(3), 18, 21; APPI 35): a stop meets the purpose; a stop to marketing meets mail and nothing else."""
    found = may_read(POLICY, TODAY, asked("event", purpose, *fields), STAFF, Person(Kept(Frozen()), Frozen(standings)))
    assert told(found) == expected
    assert not isinstance(found, Shut) or STEPS[found.step] == "standing"


def test_without_a_basis_the_step_is_told_as_such() -> None:
    """basis.purposes (GDPR 6(1)(b)): a contract that is missing or over is a refusal of the basis, later than any standing."""
    ended = Relation(b"r", b"s", "contract", date(2026, 1, 1), YESTERDAY)
    for contract, code in ((None, "basis_missing"), (ended, "basis_ended")):
        found = may_read(POLICY, TODAY, asked("contract", "provide", origin="EEA"), STAFF, replace(NOTHING, contract=contract))
        assert isinstance(found, Shut)
        assert (found.refused.code, STEPS[found.step]) == (code, "basis")
    open_ = replace(NOTHING, contract=replace(ended, ended=DAY))
    found = may_read(POLICY, TODAY, asked("contract", "provide", origin="EEA"), STAFF, open_)
    assert isinstance(found, Permit)
    assert found.ground.bases == {"eea": "contract", "jp": "stated"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("email",), None),
        (("name",), ("retention_expired", "retention.prospect")),
        (("email", "name"), ("retention_expired", "retention.prospect")),
        (("phone",), None),
        ((), ("retention_expired", "retention.prospect")),
    ],
)
def test_a_field_is_read_through_its_last_day(fields: tuple[str, ...], expected: tuple[str, str] | None) -> None:
    """retention (APPI 22, GDPR 5(1)(e)): the last day counts; where none is named, each field that is over shuts the record."""
    kept = Kept(Frozen({"name": YESTERDAY, "email": DAY, "phone": None}), clause="retention.prospect")
    assert told(may_read(POLICY, TODAY, asked("event", "analyse", *fields), STAFF, Person(kept))) == expected


@pytest.mark.parametrize(
    ("fields", "lock", "reader", "expected"),
    [
        (("name",), BOOKS, STAFF, None),
        (("name", "company"), BOOKS, STAFF, None),
        (("name", "email"), BOOKS, STAFF, ("retention_expired", "retention.customer")),
        (("email",), BOOKS, STAFF, ("purpose_not_declared", "collection.contract.purposes")),
        (("name",), replace(BOOKS, until=YESTERDAY), STAFF, ("retention_expired", "retention.customer")),
        (("name",), replace(BOOKS, purpose="analyse"), STAFF, ("purpose_not_declared", "collection.contract.purposes")),
        (("name",), BOOKS, SALES, ("role_not_allowed", "security.technical.access")),
    ],
)
def test_a_statute_opens_its_own_fields_for_its_own_purpose(
    fields: tuple[str, ...], lock: Lock, reader: Reader, expected: tuple[str, str] | None
) -> None:
    """retention.longer_by_law: the fields that the statute names, through its last day, to who works with that purpose."""
    kept = Kept(Frozen({"name": YESTERDAY, "company": YESTERDAY, "email": None}), (lock,), "retention.customer")
    found = may_read(POLICY, TODAY, asked("contract", "tax_audit", *fields), reader, Person(kept))
    assert told(found) == expected
    if isinstance(found, Permit):
        assert (found.ground.statute, found.clause, found.lock) == ("jp-corporation-tax", "retention.longer_by_law.tax_books", lock)


RESTRICTED = Frozen({mark_key("restricted"): "set"})


@pytest.mark.parametrize(
    ("ask", "standings", "reader", "expected"),
    [
        (asked("event", "legal_claims", "name", approver="staff:2"), RESTRICTED, STAFF, None),
        (asked("event", "legal_claims", approver="staff:2"), RESTRICTED, STAFF, ("retention_expired", "retention.ceiling")),
        (asked("event", "legal_claims", "email", approver="staff:2"), RESTRICTED, STAFF, ("retention_expired", "retention.ceiling")),
        (asked("survey", "legal_claims", approver="staff:2"), RESTRICTED, STAFF, ("situation_unknown", "collection")),
        (asked("event", "legal_claims", "name", "inquiry", approver="staff:2"), RESTRICTED, STAFF,
         ("field_not_declared", "collection.event.collect")),
        (asked("event", "legal_claims", "name", approver="staff:2"), {}, STAFF, ("purpose_not_declared", "collection.event.purposes")),
        (asked("event", "legal_claims", "name", approver="staff:2"), {mark_key("restricted"): "lifted"}, STAFF,
         ("purpose_not_declared", "collection.event.purposes")),
        (asked("event", "legal_claims", "name", approver="staff:2"), {mark_key("use_ceased"): "set"}, STAFF,
         ("purpose_not_declared", "collection.event.purposes")),
        (asked("event", "legal_claims", "name"), RESTRICTED, STAFF, ("approval_missing", "rights.restriction")),
        (asked("event", "legal_claims", "name", approver="staff:1"), RESTRICTED, STAFF, ("approval_missing", "rights.restriction")),
        (asked("event", "legal_claims", "name", approver="staff:2"), RESTRICTED, SALES, None),
        (asked("contract", "legal_claims", "name", approver="staff:2"), RESTRICTED, replace(STAFF, purposes=frozenset({"announce"})),
         ("role_not_allowed", "security.technical.access")),
        (asked("event", "legal_claims", "name", approver="staff:2"), RESTRICTED, PROGRAM, ("role_not_allowed", "security.technical.access")),
        (asked("event", "legal_claims", "name", approver="staff:2"), RESTRICTED, replace(STAFF, trained_until=YESTERDAY),
         ("training_expired", "security.personnel.training")),
    ],
)  # fmt: skip
def test_restricted_data_open_for_legal_claims_with_a_second_person(
    ask: Ask, standings: dict[str, str], reader: Reader, expected: tuple[str, str] | None
) -> None:
    """rights.restriction (GDPR 18(2)): data somebody restricted, to staff of the situation, approved by somebody else, in time."""
    person = Person(Kept(Frozen({"name": DAY, "email": YESTERDAY})), Frozen(standings))
    found = may_read(POLICY, TODAY, ask, reader, person)
    assert told(found) == expected
    if isinstance(found, Permit):
        assert (found.clause, found.ground.claims, found.usable) == ("rights.restriction", True, POLICY.situations["event"].fields)


def later_policy(**changes: Any) -> CompiledPolicy:
    """A later version in which events serve to answer as well, and take one field more."""
    event = POLICY.situations["event"]
    stated = next(one for one in POLICY.situations["contact"].purposes if one.purpose == "marketing")
    event = replace(event, **{"purposes": (*event.purposes, stated), "optional": ("department", *event.optional), **changes})
    return replace(POLICY, version="2", situations=Frozen({**POLICY.situations, "event": event}))


def test_a_later_yes_opens_what_the_record_declares() -> None:
    """basis.consent (APPI 17(2), 18(1); GDPR 6(1)(a), 7): the purpose of the later notice, and fields of the record's own version."""
    later = later_policy()
    person = Person(Kept(Frozen()), Frozen({"marketing": "given"}))
    now = replace(TODAY, policy=later)
    ask = asked("event", "marketing", "email")
    found = may_read_as_told(POLICY, later, now, ask, STAFF, person)
    assert isinstance(found, Permit)
    assert (found.told, set(found.usable or ())) == ("2", set(POLICY.situations["event"].fields))
    names = {name: one for name, one in later.fields.items() if name != "occupation"}
    dropped = replace(later_policy(optional=("phone", "job_title")), fields=Frozen(names))
    fewer = may_read_as_told(POLICY, dropped, replace(now, policy=dropped), ask, STAFF, person)
    assert isinstance(fewer, Permit)
    assert set(fewer.usable or ()) == set(POLICY.situations["event"].fields) - {"occupation"}
    refused = ("purpose_not_declared", "collection.event.purposes")
    assert told(may_read_as_told(POLICY, later, now, ask, STAFF, NOTHING)) == refused
    assert told(may_read_as_told(POLICY, POLICY, now, ask, STAFF, person)) == refused
    gone = replace(later, situations=Frozen({n: one for n, one in later.situations.items() if n != "event"}))
    assert told(may_read_as_told(POLICY, gone, now, asked("event", "marketing"), STAFF, person)) == refused
    assert told(may_read_as_told(POLICY, gone, now, ask, STAFF, person)) == refused
    stranger = replace(STAFF, purposes=frozenset())
    assert told(may_read_as_told(POLICY, later, now, ask, stranger, person)) == ("role_not_allowed", "security.technical.access")
    own = may_read_as_told(POLICY, later, now, asked("event", "analyse", "email"), STAFF, person)
    assert isinstance(own, Permit)
    assert (own.told, own.usable) == ("", None)
    foreign = may_read_as_told(POLICY, later, now, asked("event", "marketing", "inquiry"), STAFF, person)
    assert told(foreign) == ("field_not_declared", "collection.event.collect")
    stopped = Person(Kept(Frozen()), Frozen({"marketing": "given", mark_key("suppressed"): "set"}))
    assert told(may_read_as_told(POLICY, later, now, ask, STAFF, stopped)) == ("suppressed", "retention.proof")
    counted = may_read_as_told(POLICY, aggregate(later), replace(now, policy=aggregate(later)), ask, STAFF, person, totals=True)
    assert isinstance(counted, Permit)
    assert told(may_read_as_told(POLICY, aggregate(later), now, ask, STAFF, person)) == ("aggregate_only", "collection.purposes.marketing")


def aggregate(policy: CompiledPolicy) -> CompiledPolicy:
    figures = replace(policy.purposes["marketing"], output="aggregate")
    return replace(policy, purposes=Frozen({**policy.purposes, "marketing": figures}))


def test_the_act_is_that_of_the_situation() -> None:
    """collection.situations: mail where the form says so, the page itself for visitors, none where nothing is stated."""
    stated = [("event", "announce"), ("browsing", "announce"), ("event", "analyse"), ("event", "provide"), ("survey", "announce")]
    assert [act_of(POLICY, *one) for one in stated] == ["send_marketing", "on_page", "none", "none", "none"]


def test_of_several_refusals_the_furthest_is_told() -> None:
    """Where records of a person differ, the refusal that got furthest is told, of equals the first, of none nothing."""
    early, late = (may_read(POLICY, TODAY, asked(*words), STAFF, NOTHING) for words in (("survey", "analyse", "name"), ("event", "announce")))
    assert isinstance(early, Shut)
    assert isinstance(late, Shut)
    same = replace(late, refused=replace(late.refused, clause="another"))
    assert furthest([early, late, same]) is late
    assert furthest([]) is None
