"""The gate of collection one check at a time: what is refused, by which clause, and the last value that passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.support import NOW, REFERENCE
from upheld.collection import Submission, admit, origin_of
from upheld.collection.model import Fault
from upheld.collection.rules import (
    asked_of_source,
    fits,
    has_control,
    identifiers,
    relation_kind,
    starts,
    tell_by,
)
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, End, Field, Frozen, Kind, Stated
from upheld.policy.period import Period

LAW = load_law()
DAY = NOW.date()
POLICY = compile_policy(REFERENCE, LAW, DAY).draft
EVENT = {"name": "Hanae", "email": "a@example.com", "company": "例示"}
CONTACT = {"name": "Hanae", "email": "a@example.com", "inquiry": "見積希望"}
CANDIDATE = {"name": "Hanae", "email": "a@example.com"}


def faults(situation: str, fields: dict[str, Any], policy: CompiledPolicy = POLICY, **more: Any) -> list[Fault]:
    return list(admit(policy, LAW, situation, Submission(fields, **more), DAY).faults)


def invalid(field: str, said: str = "not_accepted") -> list[Fault]:
    return [Fault("value_invalid", f"collection.fields.{field}", field, said)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"name": "x" * 200}, []),
        ({"name": "x" * 201}, invalid("name", "too_long")),
        ({"name": "a\x07b"}, invalid("name")),
        ({"name": "a\nb"}, invalid("name")),
        ({"name": 7}, invalid("name")),
        ({"name": ["Hanae"]}, invalid("name")),
        ({"email": "nobody"}, invalid("email", "not_an_email")),
        ({"email": "a@localhost"}, invalid("email", "not_an_email")),
        ({"phone": "12"}, invalid("phone", "not_a_phone")),
        ({"phone": "03-1234-5678"}, []),
        ({"phone": ""}, []),
        ({"name": " "}, [Fault("field_required", "collection.event.name", "name", "missing")]),
        ({"name": None}, [Fault("field_required", "collection.event.name", "name", "missing")]),
        ({"inquiry": "x"}, [Fault("field_not_declared", "collection.event.collect", "inquiry")]),
        ({"Family name": "x"}, [Fault("field_not_declared", "collection.event.collect")]),
    ],
)  # fmt: skip
def test_each_value_is_refused_for_its_own_reason(fields: dict[str, Any], expected: list[Fault]) -> None:
    """collection.fields (GDPR 5(1)(c)(d)): undeclared, missing, too long, with a control character, not in its form."""
    assert faults("event", {**EVENT, **fields}) == expected


def test_a_number_without_a_plus_is_one_of_where_the_person_lives() -> None:
    """collection.fields: the declared country, a part of it alike, else the company's, reads a telephone number."""
    told = {**EVENT, "phone": "020 7946 0018"}
    for country, expected in (("", []), ("JP", []), ("GB-SCT", []), ("US-CA", invalid("phone", "not_a_phone"))):
        assert faults("event", told, country=country) == expected
    american = replace(POLICY, controller=replace(POLICY.controller, country="US"))
    assert faults("event", told, american) == invalid("phone", "not_a_phone")


def test_a_free_text_keeps_its_lines_and_other_fields_have_none() -> None:
    """collection.fields: line ends are one sign in a free text, whose length is its own; texts are trimmed and composed."""
    found = admit(POLICY, LAW, "contact", Submission({**CONTACT, "inquiry": " one\r\ntwo ", "name": "e\u0301"}), DAY)
    assert (found.values["inquiry"], found.values["name"]) == ("one\ntwo", "é")
    assert faults("contact", {**CONTACT, "inquiry": "x" * 4000}) == []
    assert faults("contact", {**CONTACT, "inquiry": "x" * 4001}) == invalid("inquiry", "too_long")


ROW = {"employer": "例示", "role": "研究"}
NOT_LISTED = [Fault("item_not_listed", "collection.fields.work_history", "work_history")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ROW, []),
        (dict.fromkeys(("employer", "role", "from", "to", "duties"), "x"), []),
        ([ROW], []),
        ([ROW] * 100, []),
        ([ROW] * (101), NOT_LISTED),
        ([{**ROW, "salary": "1"}], NOT_LISTED),
        ([ROW, "free text"], NOT_LISTED),
        ("free text", NOT_LISTED),
        ([{"role": "x" * 200}], []),
        ([{"role": "x" * 201}], invalid("work_history", "too_long")),
        ([{"role": "a\x07"}], invalid("work_history", "too_long")),
        ([{"role": 7}], invalid("work_history", "too_long")),
    ],
)
def test_a_list_of_items_holds_listed_items_only(value: Any, expected: list[Fault]) -> None:
    """collection.fields.work_history: rows of the listed items, each a text of the field's length, and no more than a hundred."""
    assert faults("candidate", {**CANDIDATE, "work_history": value}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a"] * 100, []),
        (["a"] * (101), invalid("cookie")),
        (["a", 7], invalid("cookie")),
        ({"a": "b"}, invalid("cookie")),
        (["x" * 201], invalid("cookie", "too_long")),
    ],
)
def test_a_browser_may_have_several_ids(value: Any, expected: list[Fault]) -> None:
    """collection.fields: identifiers of a browser come alone or as a list of texts, at most a hundred."""
    assert faults("browsing", {"cookie": value}, visitor="v") == expected


def test_empty_parts_are_not_handed_in() -> None:
    """collection.fields: what is empty inside a list or an object counts as not given."""
    found = admit(POLICY, LAW, "candidate", Submission({**CANDIDATE, "work_history": [{"role": " "}, {"role": "a", "from": ""}]}), DAY)
    assert found.values["work_history"] == [{"role": "a"}]
    assert admit(POLICY, LAW, "browsing", Submission({"cookie": ["", "a"]}), DAY).values == {"cookie": ["a"]}


@pytest.mark.parametrize(
    ("situation", "fields", "more", "expected"),
    [
        ("survey", EVENT, {}, Fault("situation_unknown", "collection")),
        ("event", EVENT, {"country": "XX"}, Fault("value_invalid", "policy.law", "country", "not_an_option")),
        ("event", EVENT, {"country": "other"}, None),
        ("event", EVENT, {"country": "US-CA"}, None),
        ("candidate", CANDIDATE, {"subtype": "internship"}, None),
        ("candidate", CANDIDATE, {"subtype": "alumni"},
         Fault("subtype_unknown", "collection.candidate.subtypes", "subtype", "not_an_option")),
        ("event", EVENT, {"visitor": "v"}, Fault("link_needs_consent", "collection.event.purposes", "visitor")),
        ("browsing", {"cookie": "c"}, {"visitor": "v"}, None),
        ("event", EVENT, {"consents": ("announce",)}, None),
        ("event", EVENT, {"consents": ("resale",)}, Fault("purpose_not_declared", "collection.event.purposes", "consents", "not_an_option")),
        ("event", EVENT, {"consents": ("analyse",)}, Fault("value_invalid", "basis.purposes.analyse", "consents", "not_an_option")),
    ],
)  # fmt: skip
def test_what_comes_beside_the_fields_is_asked_for_too(
    situation: str, fields: dict[str, Any], more: dict[str, Any], expected: Fault | None
) -> None:
    """collection.situations (APPI 17, 18, 20): residence, subtype, a browser's id and consents are of the situation or refused."""
    assert faults(situation, fields, **more) == ([expected] if expected else [])


def test_a_browser_is_joined_with_a_person_by_consent_to_the_purpose_that_links() -> None:
    """collection.browsing (APPI 31, GDPR 6(1)(a)): consent to a purpose whose act is to link, and to no other."""
    event = replace(POLICY.situations["event"], purposes=(Stated("analyse", "none"), Stated("announce", "link")))
    policy = replace(POLICY, situations=Frozen({**POLICY.situations, "event": event}))
    refused = [Fault("link_needs_consent", "collection.event.purposes", "visitor")]
    assert faults("event", EVENT, policy, visitor="v", consents=("announce",)) == []
    assert faults("event", EVENT, policy, visitor="v") == refused
    assert faults("event", EVENT, visitor="v", consents=("announce",)) == refused
    unknown = replace(POLICY, channels=Frozen({}))
    assert faults("browsing", {"cookie": "c"}, unknown, visitor="v") == [
        Fault("link_needs_consent", "collection.browsing.purposes", "visitor")
    ]


def special(**uses: tuple[str, ...]) -> CompiledPolicy:
    """Make telephone numbers special-care data, of which purposes use the fields named."""
    phone = replace(POLICY.fields["phone"], special=("health",))
    purposes = {name: replace(one, uses=uses.get(name, ("name",))) for name, one in POLICY.purposes.items()}
    return replace(POLICY, fields=Frozen({**POLICY.fields, "phone": phone}), purposes=Frozen(purposes))


PHONE = {**EVENT, "phone": "03-1234-5678"}
REFUSED = Fault("special_care_no_consent", "collection.event.phone", "phone")


@pytest.mark.parametrize(
    ("policy", "fields", "more", "expected"),
    [
        (special(announce=("phone",)), PHONE, {"country": "JP"}, [REFUSED]),
        (special(announce=("phone",)), PHONE, {"country": "JP", "consents": ("announce",)}, []),
        (special(announce=("phone",)), EVENT, {"country": "JP"}, []),
        (special(), PHONE, {"country": "JP"}, [REFUSED]),
        (special(announce=("phone",)), PHONE, {}, [REFUSED]),
        (replace(special(announce=("phone",)), packs=()), PHONE, {"country": "JP"}, []),
        (replace(special(announce=("phone",)), packs=("jp-appi",)), PHONE, {"country": "JP"}, [REFUSED]),
        (replace(special(announce=("phone",)), packs=("jp-tax", "eu-gdpr")), PHONE, {"country": "JP"}, []),
    ],
)
def test_special_care_data_need_a_ground_or_a_yes(
    policy: CompiledPolicy, fields: dict[str, Any], more: dict[str, Any], expected: list[Fault]
) -> None:
    """collection.fields (APPI 20(2), GDPR 9): refused where a law that holds asks for a ground and nobody said yes to a use."""
    assert faults("event", fields, policy, **more) == expected


def test_one_purpose_with_a_ground_of_its_own_is_enough() -> None:
    """collection.fields: where a purpose may use a special-care field on another ground than consent, it comes in."""
    policy = special(announce=("phone",), analyse=("phone",))
    line = replace(policy.purpose_bases["analyse"], special=Frozen({"jp": "law", "eea": "A9-2-b", "uk": "A9-2-b"}))
    granted = replace(policy, purpose_bases=Frozen({**policy.purpose_bases, "analyse": line}))
    assert faults("event", PHONE, policy, country="JP") == [REFUSED]
    assert faults("event", PHONE, granted, country="JP") == []


def test_what_passes_says_where_it_belongs_and_whether_somebody_must_look() -> None:
    """collection.situations: area of the residence, consents once each, and a review of a text that hints at special care."""
    found = admit(POLICY, LAW, "contact", Submission(CONTACT, country="DE", consents=("marketing", "marketing")), DAY)
    assert (found.faults, found.origin, found.consents, found.review) == ((), "EEA", ("marketing",), "")
    told = Submission({**CONTACT, "inquiry": "がん治療中です"}, country="JP")
    assert admit(POLICY, LAW, "contact", told, DAY).review == "special_care"
    assert admit(POLICY, LAW, "event", Submission({**EVENT, "company": "がんセンター"}), DAY).review == ""
    declared = replace(POLICY.fields["inquiry"], special=("health",))
    policy = replace(POLICY, fields=Frozen({**POLICY.fields, "inquiry": declared}), packs=())
    assert admit(policy, LAW, "contact", told, DAY).review == ""


def test_the_area_is_what_the_policy_reaches_for() -> None:
    """policy.law (GDPR 3): an area that a regime names, the company's own country with its parts, else another."""
    assert [origin_of(POLICY, LAW, one) for one in ("JP-13", "GB-SCT", "FR", "JE")] == ["JP", "GB", "EEA", "other"]
    everyone = replace(POLICY, reach=Frozen({"jp": "everyone"}))
    assert [origin_of(everyone, LAW, one) for one in ("JP", "DE", "")] == ["JP", "other", "unknown"]


@pytest.mark.parametrize(
    ("form", "text", "fitting"),
    [
        ("date", "2026-11-22", True), ("date", "20261122", False), ("date", "2026-02-30", False), ("date", "2026-W47-7", False),
        ("email", "a@example.com", True), ("email", "a.b@localhost", False), ("email", "a@b@", False),
        ("phone", "03-1234-5678", True), ("phone", "no", False), ("text", "anything", True),
    ],
)  # fmt: skip
def test_a_form_is_met_or_not(form: str, text: str, fitting: bool) -> None:
    """collection.fields: a whole date, an address whose domain has a dot, a number that is dialled in the region."""
    assert fits(form, text, "JP") is fitting


@pytest.mark.parametrize(
    ("text", "found"), [("\x00", True), ("\x1f", True), (" ", False), ("~", False), ("\x7f", True), ("\x9f", True), ("\xa0", False)]
)
def test_control_characters_are_those_of_unicode(text: str, found: bool) -> None:
    """Unicode Cc: the first thirty-two, delete, and the second row."""
    assert has_control(f"a{text}b") is found


def test_a_browser_may_be_known_by_a_field_or_by_itself() -> None:
    """Identifiers: the browser's own id goes before a field of that form; two addresses count the first."""
    fields: dict[str, Field] = {
        **POLICY.fields,
        "client": replace(POLICY.fields["cookie"], id="client", format="visitor"),
        "second": replace(POLICY.fields["email"], id="second"),
    }
    policy = replace(POLICY, fields=Frozen(fields))
    handed = {"client": "c", "email": "a@example.com", "second": "b@example.com", "name": "Hanae"}
    assert identifiers(policy, handed) == {"email": "a@example.com", "visitor": "c"}
    assert identifiers(policy, handed, "v") == {"email": "a@example.com", "visitor": "v"}
    assert identifiers(policy, {}) == {}


def test_the_folder_names_further_clocks() -> None:
    """retention.starts: a word whose event is a taking starts with it, one whose event is an end belongs to a contract."""
    declared = Frozen({
        "order": Frozen({"event": "collect.accepted"}),
        "lease_end": Frozen({"event": "relation.ended"}),
        "last_contact": Frozen({"event": "collect.accepted"}),
    })  # fmt: skip
    tenant = Kind("prospect", None, (End("order", Period(1, "Y"), "from_event"), End("lease_end", Period(1, "Y"), "from_event")))
    retention = replace(POLICY.retention, starts=declared, kinds=Frozen({"prospect": tenant}))
    policy = replace(POLICY, retention=retention)
    assert starts(policy, policy.situations["event"]) == ("last_contact", "order")
    assert relation_kind(policy, policy.situations["event"]) == "contract"
    assert relation_kind(policy, policy.situations["candidate"]) == ""
    bare = replace(POLICY, channels=Frozen({}))
    assert starts(bare, bare.situations["browsing"]) == ("last_contact",)


def test_who_gives_data_about_others_confirms_what_situation_or_law_asks() -> None:
    """notice.channels.import (APPI 30(1), GDPR 14): the situation's own words, else those of each law in force, each once."""
    event = POLICY.situations["event"]
    assert asked_of_source(POLICY, LAW, replace(event, source_ask=("how_obtained",)), DAY) == ("how_obtained",)
    told = asked_of_source(POLICY, LAW, event, DAY)
    assert told
    assert len(told) == len(set(told))
    assert asked_of_source(replace(POLICY, packs=()), LAW, event, DAY) == ()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [("EEA", ("eea", date(2026, 12, 22))), ("GB", ("uk", date(2026, 12, 22))), ("JP", None), ("unknown", ("eea", date(2026, 12, 22)))],
)
def test_people_learn_within_a_month_that_data_about_them_came_in(origin: str, expected: tuple[str, date] | None) -> None:
    """notice.channels.import (GDPR 14(3)): one month at the latest in the EEA and the United Kingdom; Japan's law names no day."""
    assert tell_by(POLICY, LAW, origin, DAY) == expected
