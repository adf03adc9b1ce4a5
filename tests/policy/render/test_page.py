"""The page view: what is stated is printed, in every language, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.policy import render
from upheld.policy.decide import state
from upheld.policy.model import Evidence, Frozen, Stated
from upheld.policy.render.view import text_of
from upheld.policy.render.wording import own_book

NAMES = ("reference", "starter", "klinikum", "pebble")


def stated(policy):
    return {triple for triple in policy.triples() if state(policy, *triple).stated}


def test_the_reference_page_carries_the_facts_in_their_numbers(reference, law, reading) -> None:
    """Both languages print 12 situations, 60 fields, 30 purposes (16 distinct) and all that follows from them."""
    for lang in reference.languages:
        view = render.page(reference, lang, law, reading.today)
        marks = Counter(kind for kind, _ in reading.marks(view.sections))
        assert {kind: marks[kind] for kind in ("situation", "field", "purpose", "basis", "interest", "measure")} == {
            "situation": 12, "field": 60, "purpose": 30, "basis": 4, "interest": 4, "measure": 5,
        }  # fmt: skip
        assert (marks["service"], marks["country"], marks["right"], marks["tag"]) == (5, 6, 13, 1)
        found = list(reading.marks(view.sections))
        assert len({name for kind, name in found if kind == "purpose"}) == 16
        assert len({name for kind, name in found if kind == "field"}) == 13
        assert [name for kind, name in found if kind == "service"] == [
            "aws",
            "salesforce",
            "gcp",
            "marketo",
            "slack",
        ]
        assert [name for kind, name in found if kind == "situation"] == list(reference.situations)


@pytest.mark.parametrize("name", NAMES)
def test_all_languages_of_a_policy_say_the_same_structure(policies, law, reading, name) -> None:
    """Ids and marks follow one another in the same order in each language; only texts differ."""
    policy = policies[name]
    shapes = [
        (list(reading.marks(view.sections)), [len(card.parts) for card in view.cards])
        for view in (render.page(policy, lang, law, reading.today) for lang in policy.languages)
    ]
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("name", NAMES)
def test_every_stated_triple_is_printed_and_no_other(policies, law, reading, name) -> None:
    """A reader of the table finds exactly the triples that `decide` says are stated, in each language."""
    policy = policies[name]
    for lang in policy.languages:
        assert reading.triples(render.page(policy, lang, law, reading.today)) == stated(policy)


def test_the_closed_world_of_the_reference_policy_is_148_of_2496(reference, law, reading) -> None:
    """The page states 148 of the 2,496 triples that could be asked about."""
    assert len(list(reference.triples())) == 2496
    assert len(reading.triples(render.page(reference, "ja", law, reading.today))) == 148


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_page_and_decision_agree_for_any_policy(reference, law, reading, data) -> None:
    """Whatever situations collect, state and whatever purposes may use, page and decision say the same."""
    fields, purposes = list(reference.fields), list(reference.purposes)
    some = st.lists(st.sampled_from(fields), unique=True, max_size=5).map(tuple)
    situations = {}
    for name, situation in list(reference.situations.items())[:3]:
        required = data.draw(some)
        optional = tuple(field for field in data.draw(some) if field not in required)
        wanted = data.draw(st.lists(st.sampled_from(purposes), unique=True, max_size=4))
        situations[name] = replace(
            situation, required=required, optional=optional, obvious=(),
            purposes=tuple(Stated(purpose, reference.purposes[purpose].act) for purpose in wanted),
        )  # fmt: skip
    limited = {
        name: replace(item, uses=data.draw(st.none() | some)) for name, item in reference.purposes.items()
    }
    policy = replace(
        reference, situations=Frozen(situations), purposes=Frozen(limited), purpose_bases=Frozen()
    )
    for lang in policy.languages:
        assert reading.triples(render.page(policy, lang, law, reading.today)) == stated(policy)


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_empty_and_no_placeholder_is_left(policies, law, reading, name) -> None:
    """Every purpose, field and right has words in each language, and no brace survives."""
    policy = policies[name]
    for lang in policy.languages:
        view = render.page(policy, lang, law, reading.today)
        assert not [text for text in reading.texts(view) if re.search(r"\{\w*\}", text)]
        for part in reading.parts(view):
            assert text_of(part.runs).strip()
        for section in view.sections:
            assert section.title.strip()


def test_a_policy_without_japanese_law_says_nothing_of_japan(policies, law, reading) -> None:
    """The page of a German hospital names neither Japan nor its statutes, in neither language."""
    for lang in ("de", "en"):
        said = " ".join(reading.texts(render.page(policies["klinikum"], lang, law, reading.today)))
        assert "Japan" not in said
        assert "APPI" not in said
        assert "yen" not in said


def test_a_policy_in_one_language_is_printed_whole(policies, law, reading) -> None:
    """A policy in English only has one page, with its own kinds of right and its recipients."""
    view = render.page(policies["pebble"], "en", law, reading.today)
    assert [section.id for section in view.sections][-1] == "statements"
    kinds = Counter(kind for kind, _ in reading.marks(view.sections))
    assert kinds["recipient"] == 3
    with pytest.raises(KeyError):
        render.page(policies["pebble"], "ja", law, reading.today)


def test_a_purpose_that_may_use_only_some_details_names_them(policies, law, reading) -> None:
    """In the hospital the chaplain's purpose names name and religion, not the whole file."""
    view = render.page(policies["klinikum"], "en", law, reading.today)
    row = next(row for row in view.sections[2].blocks[0].rows if row.mark == ("situation", "admission"))
    chaplain = next(part for part in row.cells[2].parts if part.mark == ("purpose", "chaplain"))
    assert chaplain.uses == ("name", "religion")
    assert chaplain.notes == ("Uses only: full name, religion",)


def test_periods_narrower_than_the_kind_are_told_in_the_situation(policies, law, reading) -> None:
    """The in-patient file is told with its 30 years, the images with their 10."""
    view = render.page(policies["klinikum"], "de", law, reading.today)
    row = next(row for row in view.sections[2].blocks[0].rows if row.mark == ("situation", "admission"))
    told = " ".join(text_of(part.runs) for part in row.cells[3].parts)
    assert "30 Jahre" in told
    assert "medizinische Aufnahmen: aufbewahrt 10 Jahre" in told


def test_the_fee_is_shown_as_people_pay_it(reference, law, reading) -> None:
    """1,100 yen with tax and 1,000 before, where Japanese law asks; people in the EEA see no amount."""
    for lang, total, net in (
        ("en", "1,100 yen (tax included)", "1,000 yen before tax"),
        ("ja", "1,100円（税込）", "税抜1,000円"),
    ):
        view = render.page(reference, lang, law, reading.today)
        rights = next(section for section in view.sections if section.id == "rights")
        assert any(total in text_of(run) for block in rights.prose for run in block.items)
        fee = next(
            item
            for block in rights.blocks
            if block.kind == "facts"
            for item in block.items
            if item.id == "rights.fee"
        )
        assert text_of(fee.parts[0].runs) == total
        assert net in fee.parts[0].notes
        access = next(row for row in rights.blocks[0].rows if row.mark == ("right", "access"))
        assert [bool(cell.parts[0].notes) for cell in access.cells[1:]] == [True, False, False]


def test_the_fee_follows_the_tax_of_the_day(reference, law) -> None:
    """On a day with 8 per cent the same promise reads 1,080 yen."""
    said = json.dumps(asdict(render.page(reference, "en", law, date(2018, 1, 1))))
    assert "1,080 yen" in said
    assert "1,100 yen" not in said


def test_nothing_of_the_evidence_is_printed(reference, law, reading) -> None:
    """Drafts, accepted findings and contracts change no word of the page."""
    bare = replace(reference, evidence=Evidence(Frozen(), (), (), (), Frozen()), accepted=())
    for lang in reference.languages:
        assert render.page(bare, lang, law, reading.today) == render.page(reference, lang, law, reading.today)


def test_numbers_come_from_one_value_in_every_language(reference, law, reading) -> None:
    """The ceiling in the running text is the compiled period in words."""
    for lang, said in (("en", "at most 3 years after our business"), ("ja", "終了から3年で消去")):
        view = render.page(reference, lang, law, reading.today)
        section = next(section for section in view.sections if section.id == "retention")
        assert said in text_of(section.prose[0].items[0])


def test_regimes_that_ask_for_the_same_bases_share_a_column(reference, law, reading) -> None:
    """The EEA and the UK stand together, Japan alone; marketing names its case in Japan."""
    section = next(s for s in render.page(reference, "en", law, reading.today).sections if s.id == "basis")
    table = section.blocks[1]
    assert table.heads == ("Purpose", "Japan", "European Economic Area, United Kingdom")
    announce = next(row for row in table.rows if row.id == "basis.purposes.announce")
    assert text_of(announce.cells[1].parts[0].runs) == "Consent"
    assert any("exchange business cards" in note for note in announce.cells[1].parts[0].notes)


def test_each_service_names_what_protects_data_in_each_regime(reference, law, reading) -> None:
    """Google Cloud reaches Japan and the US: adequacy for one, clauses for the other, the addendum in the UK."""
    section = next(s for s in render.page(reference, "en", law, reading.today).sections if s.id == "services")
    gcp = next(row for row in section.blocks[0].rows if row.mark == ("service", "gcp"))
    assert [(part.badge, text_of(part.runs)) for part in gcp.cells[-1].parts] == [
        ("Japan", "equal protection agreed and checked"),
        (
            "European Economic Area",
            "United States: standard contractual clauses; Japan: adequate by decision",
        ),
        (
            "United Kingdom",
            "United States: standard clauses with the UK addendum; Japan: adequate by decision",
        ),
    ]


def test_one_situation_is_told_with_its_bases_and_services(reference, law, reading) -> None:
    """The page of a situation shows its own purposes only, and only services that work for them."""
    row, bases, services = render.situation(reference, "en", law, reading.today, "registration")
    assert [part.mark[1] for part in row.rows[0].cells[2].parts] == ["user_id"]
    assert [line.id for line in bases.rows] == ["basis.purposes.user_id"]
    assert [line.mark[1] for line in services.rows] == ["aws"]


def test_the_words_of_every_language_have_the_same_keys() -> None:
    """English, Japanese and German have words for the same things, with the same holes."""
    base = {
        (part, key): text
        for part, keys in own_book("en").items()
        for key, text in keys.items()
        if part != "place"
    }
    for lang in ("ja", "de"):
        own = {
            (part, key): text
            for part, keys in own_book(lang).items()
            for key, text in keys.items()
            if part != "place"
        }
        assert set(own) == set(base)
        for key, text in own.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", base[key])), key
