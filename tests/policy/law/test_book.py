"""The law as data: what the packs hold, and when a rule decides."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.law import (
    LawError,
    amendment_steps,
    country_name,
    denied_to_ask,
    law_reference_md,
    load_law,
    plain,
)
from upheld.policy.law.clocks import clock_table

LAW = load_law()
DAY = date(2026, 11, 22)
IN_FORCE = ("jp-appi", "jp-telecom", "jp-mail", "jp-employment", "jp-tax", "eu-gdpr", "uk-gdpr")
OFF = ("jp-appi-2026", "eu-omnibus")
JP, EEA, UK = {"jp"}, {"eea"}, {"uk"}
# Every rule that a diagnostic reads, and the regimes whose law asks it.
ASKED = {
    "amendment.steps": JP | EEA | UK,
    "automated": EEA | UK,
    "basis.assessment": EEA | UK,
    "basis.interests": EEA | UK,
    "basis.one": JP | EEA | UK,
    "basis.statute": EEA | UK,
    "complaint.to_us": UK,
    "consent.withdraw": EEA | UK,
    "contact.route": JP | EEA | UK,
    "controller.representative": JP,
    "fee.allowed": JP | EEA | UK,
    "fee.display": JP,
    "hiring.denied": JP,
    "identity.proportionate": JP | EEA | UK,
    "joint_use.items": JP,
    "mail.consent": JP | EEA | UK,
    "minimal": EEA | UK,
    "notice.before_submit": JP | EEA | UK,
    "notice.points": JP | EEA | UK,
    "objection.marketing": EEA | UK,
    "opt_out.filing": JP,
    "processor.contract": JP | EEA | UK,
    "processor.review": JP | EEA,
    "proof.provision": JP,
    "provision": JP | EEA | UK,
    "purpose.specific": JP | EEA | UK,
    "representative.local": EEA | UK,
    "request.target": JP | EEA | UK,
    "rights.kinds": JP | EEA | UK,
    "security.country_sheet": JP,
    "security.measures": JP | EEA,
    "security.responsible": JP,
    "security.training": JP,
    "source.confirm": JP | EEA | UK,
    "special.ground": JP | EEA | UK,
    "tags.consent": EEA | UK,
    "tags.exemption": UK,
    "tags.linking": JP,
    "tags.tell": JP | EEA | UK,
    "transfer.addendum": UK,
    "transfer.dpf": EEA | UK,
    "transfer.mechanism": EEA | UK,
    "transfer.position": JP,
}
RULE_IDS = sorted({rule.id for pack in LAW.packs.values() for rule in pack.rules})
DAYS = st.dates(date(1985, 1, 1), date(2035, 1, 1))


def test_the_packs_that_ship() -> None:
    """Seven packs are in force on 22 November 2026 and two are switched off."""
    assert set(LAW.packs) == {*IN_FORCE, *OFF}
    assert [pack for pack in LAW.packs if LAW.pack_in_force(pack, DAY)] == sorted(IN_FORCE)
    assert all(set(pack.title) == {"en", "ja", "de"} for pack in LAW.packs.values())
    assert LAW.regime_of("eu-gdpr") == "eea"
    assert LAW.regime_of("no-such-pack") is None


@pytest.mark.parametrize("rule_id", sorted(ASKED))
def test_a_rule_stands_where_the_law_asks_for_it(rule_id: str) -> None:
    """Each rule that a finding reads is held that day by exactly the regimes whose law asks it."""
    assert {rule.regime for rule in LAW.rule(LAW.packs, rule_id, DAY)} == ASKED[rule_id]


@given(st.sampled_from(RULE_IDS), DAYS)
def test_a_rule_not_in_force_decides_nothing(rule_id: str, on: date) -> None:
    """Whatever the day, only rules in force in packs in force answer."""
    for rule in LAW.rule(LAW.packs, rule_id, on):
        assert rule.in_force.holds(on)
        assert LAW.packs[rule.pack].in_force.holds(on)


@given(st.lists(st.sampled_from(sorted(LAW.packs)), unique=True), st.sampled_from(RULE_IDS), DAYS)
def test_a_pack_that_is_not_listed_is_silent(packs: list[str], rule_id: str, on: date) -> None:
    """A policy gets rules of the packs that it lists and of no other, in the order listed."""
    found = [rule.pack for rule in LAW.rule(packs, rule_id, on)]
    assert found == [pack for pack in packs if pack in found]


def test_no_japanese_rule_without_a_japanese_pack() -> None:
    """A policy under European law alone meets no rule and no citation of Japan."""
    rules = LAW.rules(["eu-gdpr", "uk-gdpr"], DAY)
    assert rules
    assert not [rule for rule in rules if rule.regime == "jp" or "APPI" in rule.citation]


def test_one_answer_a_day() -> None:
    """No pack holds two rules with one id on one day."""
    for pack in LAW.packs.values():
        starts = {rule.in_force.start for rule in pack.rules if rule.in_force.start}
        for on in starts | {DAY}:
            ids = [rule.id for rule in pack.rules if rule.in_force.holds(on)]
            assert len(ids) == len(set(ids)), (pack.id, on)


def test_announced_law_waits_for_its_day() -> None:
    """An enacted amendment answers from its last possible day on; a proposal never."""
    assert not LAW.rules(OFF, DAY)
    assert not LAW.rules(["jp-appi-2026"], date(2028, 7, 15))
    assert LAW.rules(["jp-appi-2026"], date(2028, 7, 16))
    assert not LAW.rules(["eu-omnibus"], date(2035, 1, 1))


def test_law_that_changed_answers_by_day() -> None:
    """The British notice has a thirteenth point from 19 June 2026, and complaints to us begin that day."""
    before, after = date(2026, 6, 18), date(2026, 6, 19)
    points = [LAW.rule(["uk-gdpr"], "notice.points", on)[0].words("points") for on in (before, after)]
    assert [len(found) for found in points] == [12, 13]
    assert not LAW.rule(["uk-gdpr"], "complaint.to_us", before)
    assert LAW.rule(["uk-gdpr"], "complaint.to_us", after)
    assert not LAW.rule(["uk-gdpr"], "tags.exemption", date(2026, 2, 4))


def test_what_the_rules_say() -> None:
    """The values that gates read are those of the law."""

    def one(pack: str, rule_id: str) -> object:
        return LAW.rule([pack], rule_id, DAY)[0]

    def value(pack: str, rule_id: str) -> dict[str, object]:
        return dict(plain(LAW.rule([pack], rule_id, DAY)[0].value))

    assert value("eu-gdpr", "transfer.mechanism")["modules"] == ["2", "3"]
    assert value("eu-gdpr", "processor.contract")["letters"] == list("abcdefgh")
    assert value("jp-appi", "processor.review") == {"grace_days": 30}
    assert value("jp-appi", "request.target")["days"] == 14
    assert value("jp-appi", "basis.one")["default"] == "stated"
    assert value("eu-gdpr", "basis.one")["default"] is None
    assert len(LAW.rule(["jp-appi"], "joint_use.items", DAY)[0].value["items"]) == 5
    assert len(LAW.rule(["eu-gdpr"], "notice.points", DAY)[0].words("points")) == 12
    assert value("uk-gdpr", "basis.statute")["jurisdictions"] == ["GB"]
    jurisdictions = LAW.rule(["eu-gdpr"], "basis.statute", DAY)[0].words("jurisdictions")
    assert set(jurisdictions) == {"EU"} | {code for code, eea in LAW.countries.items() if eea}
    assert one("jp-appi", "purpose.specific") is one("jp-appi", "purpose.specific")
    assert LAW.citations(["jp-appi", "eu-gdpr"], "purpose.specific", DAY) == ("APPI 17(1)", "GDPR 5(1)(b)")


def test_law_cannot_be_changed_while_it_runs() -> None:
    """Nobody downstream can bend a rule: its value refuses writing, all the way down."""
    rule = LAW.rule(["eu-gdpr"], "rights.kinds", DAY)[0]
    with pytest.raises(TypeError):
        rule.value["kinds"] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        rule.value["kinds"]["access"] = "A99"


def test_every_clock_that_a_rule_names_exists() -> None:
    """No rule points to a clock that is not there."""
    for pack in LAW.packs.values():
        for rule in pack.rules:
            named = [*rule.words("clocks"), *rule.words("clock"), *rule.words("extended")]
            assert set(named) <= set(clock_table().clocks), rule.id


def test_every_rule_says_where_it_is_written() -> None:
    """Each rule and statute has an act, an address unless it is ours, and a mark of how sure we are."""
    for pack in LAW.packs.values():
        for rule in pack.rules:
            assert rule.reference.act
            assert rule.mark in {"seen", "to_check"}
            assert rule.reference.url or rule.reference.act == "house rule", rule.id
            assert re.fullmatch(r"[a-z][a-z_]*(\.[a-z_]+)?", rule.id)


def test_statutes_have_a_jurisdiction_and_three_titles() -> None:
    """A statute can be named in English, Japanese and German, and belongs to the Union or a country."""
    assert {"jp-corporation-tax", "jp-appi", "de-hgb-257", "de-sgb5-301", "de-ifsg", "de-hh-hmbkhg"} <= set(
        LAW.statutes
    )
    for statute in LAW.statutes.values():
        assert statute.jurisdiction == "EU" or LAW.country_exists(statute.jurisdiction)
        assert statute.id.startswith(statute.jurisdiction.lower())
        assert all(statute.title_in(lang) for lang in ("en", "ja", "de"))
    tax = LAW.statute("jp-corporation-tax")
    assert tax is not None
    assert tax.jurisdiction == "JP"
    assert tax.title_in("fr") == tax.title["en"]
    assert LAW.statute("no-such-law") is None


def test_steps_before_a_change_takes_effect() -> None:
    """A new purpose needs consent under Japanese law and an own basis under European law; a typing error nothing."""
    jp, eu = ["jp-appi"], ["eu-gdpr"]
    assert amendment_steps(LAW, [*jp, *eu], "wording", DAY) == ()
    assert amendment_steps(LAW, jp, "beyond", DAY) == ("sign_class", "announce", "ask_consent")
    assert amendment_steps(LAW, eu, "beyond", DAY) == (
        "sign_class",
        "announce",
        "tell_before_use",
        "own_basis",
    )
    assert amendment_steps(LAW, jp, "new_recipient", DAY, ["joint"]) == ("announce", "five_items")
    assert "ask_consent" in amendment_steps(LAW, jp, "new_recipient", DAY, ["third_party"])
    assert "ask_consent" not in amendment_steps(LAW, jp, "new_country", DAY)
    assert "ask_consent" in amendment_steps(LAW, jp, "new_country", DAY, ["position_consent"])
    assert amendment_steps(LAW, [*jp, *eu], "less_protection", DAY, ["role"]) == ("sign_class",)


@pytest.mark.parametrize(
    "field", ["family_origin", "religion", "union_membership", "birthplace", "political_party"]
)
def test_applicants_are_not_asked_for_it(field: str) -> None:
    """What Japanese hiring law forbids to ask is denied for applicants, and for applicants only."""
    rules = LAW.rule(IN_FORCE, "hiring.denied", DAY)
    assert denied_to_ask(rules, "candidate", field) is not None
    assert denied_to_ask(rules, "patient", field) is None
    assert denied_to_ask(LAW.rule(["eu-gdpr"], "hiring.denied", DAY), "candidate", field) is None


def test_applicants_may_be_asked_what_hiring_needs() -> None:
    """Ordinary fields pass; a field marked with a forbidden kind of sensitivity does not, whatever its name."""
    rules = LAW.rule(IN_FORCE, "hiring.denied", DAY)
    for field in ("name", "family_name", "email", "work_history", "nationality", "health", "bank_account"):
        assert denied_to_ask(rules, "candidate", field) is None
    assert denied_to_ask(rules, "candidate", "remarks", ["belief"]) is not None


def test_countries_are_named_in_the_readers_language() -> None:
    """Japan is 日本 to a Japanese reader and Japan to a German; an invented country has no name."""
    assert country_name("JP", "ja") == "日本"
    assert country_name("US", "de") == "Vereinigte Staaten"
    assert all(country_name(code, "en") != code for code in LAW.countries)
    with pytest.raises(LookupError):
        country_name("XX", "en")
    with pytest.raises(LookupError):
        country_name("JP", "xx-not-a-language")


def test_the_reference_page_lists_every_rule() -> None:
    """The page names each pack, rule, statute and mark, and links to the act."""
    page = law_reference_md()
    for pack in LAW.packs.values():
        assert f"## {pack.id}" in page
        assert all(f"| `{rule.id}` |" in page for rule in pack.rules)
    assert all(f"| `{statute}` |" in page for statute in LAW.statutes)
    assert "[APPI 17(1)](https://laws.e-gov.go.jp/law/415AC0000000057)" in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert {row.count(" | ") for row in rows} <= {3, 4}


def _copy(target: Path) -> Path:
    source = Path(__file__).parents[3] / "src" / "upheld" / "policy" / "law"
    for folder in ("data", "packs"):
        (target / folder).mkdir()
        for file in (source / folder).iterdir():
            (target / folder / file.name).write_bytes(file.read_bytes())
    return target


def test_law_is_replaceable_and_known_by_its_hash(tmp_path: Path) -> None:
    """The same files give the same hash anywhere; one changed day gives another law and another answer."""
    base = _copy(tmp_path)
    assert load_law(base).content_hash == LAW.content_hash
    file = base / "packs" / "eu-omnibus.json"
    raw = json.loads(file.read_text("utf-8"))
    raw["in_force"]["from"] = "2026-11-22"
    raw["rules"][0]["in_force"]["from"] = "2026-11-22"
    file.write_text(json.dumps(raw), "utf-8")
    changed = load_law(base)
    assert changed.content_hash != LAW.content_hash
    assert [rule.id for rule in changed.rules(["eu-omnibus"], DAY)] == ["incident.report"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("packs/jp-tax.json", "{"),
        ("packs/jp-tax.json", '{"id": "jp-tax"}'),
        ("packs/twice.json", None),
        ("packs/jp-tax.json", "[]"),
        ("data/statutes.json", '{"statutes": [{"id": "x"}]}'),
        ("data/countries.json", "{}"),
    ],
)
def test_broken_law_names_the_file(tmp_path: Path, name: str, content: str | None) -> None:
    """Law data that cannot be read stop the load with the file's name, never with a traceback of ours."""
    base = _copy(tmp_path)
    text = content if content is not None else (base / "packs" / "jp-tax.json").read_text("utf-8")
    (base / name).write_text(text, "utf-8")
    with pytest.raises(LawError, match=name):
        load_law(base)
