"""JSON Schema for editors: good folders pass, bad shapes fail, every key can be looked up."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from upheld.policy import keys
from upheld.policy.schema_json import name_schema, schemas, write_schemas

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "primenumber": ROOT / "policies/primenumber",
    "starter": ROOT / "policies/starter",
    "klinikum": ROOT / "tests/policy/good/klinikum/policy",
    "pebble": ROOT / "tests/policy/good/pebble/policy",
}
LANGUAGES = {
    "primenumber": ("en", "ja"),
    "starter": ("en", "ja"),
    "klinikum": ("de", "en"),
    "pebble": ("en",),
}


class EditorLoader(yaml.SafeLoader):
    """Reads scalars as the core schema of YAML 1.2 does, which editors follow: `yes` is a word, 200 a number."""


EditorLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?[0-9]+\.[0-9]+$", "-+0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
]:
    EditorLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _files(name: str, loader: Any) -> Iterator[tuple[str, Any]]:
    for path in sorted(FOLDERS[name].rglob("*.yaml")):
        yield path.name, yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def _errors(value: Any, languages: tuple[str, ...] = ()) -> list[str]:
    schema = schemas(languages)[value["section"]]
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("section", keys.SECTIONS)
def test_each_schema_is_one(section: str) -> None:
    """Each section has a schema that is sound draft-07 and says so."""
    for languages, regimes in (((), ()), (("en", "ja"), ("jp", "eea"))):
        schema = schemas(languages, regimes)[section]
        Draft7Validator.check_schema(schema)
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
        assert schema["additionalProperties"] is False
        assert schema["properties"]["section"] == {"const": section}


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("loader", [yaml.BaseLoader, EditorLoader])
def test_good_folders_pass(name: str, loader: Any) -> None:
    """All four policies pass, whether scalars are read as strings or as editors read them."""
    for languages in ((), LANGUAGES[name]):
        wrong = {file: _errors(value, languages) for file, value in _files(name, loader)}
        assert not {file: errors for file, errors in wrong.items() if errors}


EVENT = {
    "section": "collection",
    "situations": {
        "event": {
            "text": {"en": "When you sign up"},
            "channel": "form",
            "subject": "prospect",
            "collect": {"required": ["name"], "optional": []},
            "purposes": ["analyse", {"announce": {"act": "on_page"}}],
        }
    },
}
BAD: list[tuple[str, tuple[str, ...], Any]] = [
    ("unknown key", ("situations", "event", "purpose"), ["analyse"]),
    ("a word where a list is asked", ("situations", "event", "purposes"), "analyse"),
    ("an act that is none", ("situations", "event", "purposes"), [{"announce": {"act": "shout"}}]),
    ("a second key beside a purpose", ("situations", "event", "purposes"), [{"announce": {}, "analyse": {}}]),
    ("text that is no mapping", ("situations", "event", "text"), "When you sign up"),
    ("a language that is none", ("situations", "event", "text"), {"english": "When you sign up"}),
    ("an id with a hyphen", ("fields", "job-title"), {"text": {"en": "job"}, "kind": "personal"}),
    ("a kind that is none", ("fields", "email"), {"text": {"en": "e-mail"}, "kind": "secret"}),
    ("a required key left out", ("fields", "email"), {"text": {"en": "e-mail"}}),
    ("a length in words", ("fields", "email"), {"text": {"en": "e"}, "kind": "personal", "max": "many"}),
    ("yes spelt true", ("purposes", "p"), {"text": {"en": "To do it."}, "outside": True}),
    ("a list item without its id", ("never",), [{"text": {"en": "We sell nothing."}}]),
    ("another section's key", ("measures",), {}),
]


@pytest.mark.parametrize(("place", "value"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_shapes_fail(place: tuple[str, ...], value: Any) -> None:
    """A folder that passes fails once one place has the wrong shape."""
    assert not _errors(EVENT)
    spoilt: dict[str, Any] = copy.deepcopy(EVENT)
    node = spoilt
    for step in place[:-1]:
        node = node.setdefault(step, {})
    node[place[-1]] = value
    assert _errors(spoilt)


@pytest.mark.parametrize(
    "value",
    [
        {"section": "retention", "ceiling": {"after": "relationship_end", "period": "3 years"}},
        {"section": "country", "country": "USA", "sheet": "1", "system": {"en": "x"}},
        {"section": "country", "country": "US", "sheet": "1"},
        {"section": "services", "services": {"a": {"service": "A", "operator": "B", "storage": "US"}}},
        {
            "section": "evidence",
            "accept": [{"code": "PP107", "at": "x", "reason": {"en": "y"}, "who": "z", "until": "soon"}],
        },
        {"section": "rights", "complaints": {"authorities": "none"}},
        {"section": "collections"},
    ],
)
def test_bad_shapes_of_other_sections(value: dict[str, Any]) -> None:
    """Periods, countries, lists, dates and words are held to their shape in every section."""
    name = value["section"] if value["section"] in keys.SECTIONS else "collection"
    assert list(Draft7Validator(schemas()[name]).iter_errors(value))


def test_missing_language() -> None:
    """With the languages of a policy a text must have each of them and no other."""
    assert _errors(EVENT, ("en",)) == []
    assert any("'ja' is a required property" in error for error in _errors(EVENT, ("en", "ja")))
    assert _errors(EVENT, ("ja",))


def test_regimes_of_a_policy() -> None:
    """With the regimes of a policy a basis may be named for these only."""
    value = {"section": "basis", "purposes": {"analyse": {"eea": "consent", "us_ca": "consent"}}}
    assert not list(Draft7Validator(schemas()["basis"]).iter_errors(value))
    assert list(Draft7Validator(schemas((), ("eea", "jp"))["basis"]).iter_errors(value))


def test_hover_texts() -> None:
    """Every row of the key table is in its schema with a description in English and Japanese."""
    told = {section: _descriptions(schema) for section, schema in schemas().items()}
    for key in keys.table():
        mine = [text for text in told[key.section] if text.startswith(f"{key.path}: ")]
        assert mine, key
        assert all(re.search("[ぁ-ん一-龥]", text) for text in mine), key


def _descriptions(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["description"]] if isinstance(node.get("description"), str) else []
        return own + [text for child in node.values() for text in _descriptions(child)]
    return [text for child in node for text in _descriptions(child)] if isinstance(node, list) else []


def test_files(tmp_path: Path) -> None:
    """One file a section is written, and a policy file names its own from wherever it lies, once."""
    assert write_schemas(tmp_path / ".schema") == keys.SECTIONS
    assert {path.stem for path in (tmp_path / ".schema").iterdir()} == set(keys.SECTIONS)
    (tmp_path / "countries").mkdir()
    sheet = tmp_path / "countries" / "US.yaml"
    sheet.write_text("# United States\nsection: country   # one of these\n", encoding="utf-8")
    for _ in range(2):
        name_schema(tmp_path, sheet)
    assert sheet.read_text(encoding="utf-8").splitlines() == [
        "# yaml-language-server: $schema=../.schema/country.json",
        "# United States",
        "section: country   # one of these",
    ]
