"""Reports: the same findings for people, editors, workflows and scanners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.catalogue import catalogue
from upheld.policy.compile import Compiled, compile_policy
from upheld.policy.findings import Finding, Span
from upheld.policy.law import load_law
from upheld.policy.report import FORMATS, Report, Style, closing, render, summary
from upheld.policy.report.machine import github
from upheld.policy.report.table import table
from upheld.policy.report.verdict import matrix
from upheld.policy.report.width import clip, columns, pad, visible, window, wrap

DAY = date(2026, 11, 22)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_policy(ROOT / "policies" / "primenumber", load_law(), DAY)


@pytest.fixture
def report(compiled: Compiled) -> Report:
    return Report(
        compiled.draft,
        compiled.findings,
        compiled.accepted,
        compiled.texts,
        DAY,
        "policies/primenumber",
        True,
    )


def _one(report: Report, **parts: object) -> Report:
    """A report of a single finding."""
    found = replace(Finding("PP107", ("collection", "situations", "event")), severity="error", **parts)  # type: ignore[arg-type]
    return replace(report, findings=(found,), accepted=())


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_format_tells_every_finding(report: Report, kind: str, lang: str) -> None:
    """Each format names each code as often as it was found, in either language."""
    text = render(kind, report, lang)
    for code in {found.code for found in report.shown()}:
        assert text.count(code) >= sum(found.code == code for found in report.shown())


def test_no_format_of_that_name(report: Report) -> None:
    """A format that does not exist is an error of the caller."""
    with pytest.raises(KeyError):
        render("xml", report)


def test_every_code_can_be_reported(report: Report) -> None:
    """Every code of the catalogue can be shown in every format, even without place and names."""
    found = tuple(Finding(code, (), severity=catalogue()[code].severity) for code in catalogue())
    bare = replace(report, findings=found, accepted=())
    for kind in FORMATS:
        assert all(code in render(kind, bare, "ja") for code in catalogue())


def test_concise_is_one_line_each(report: Report) -> None:
    """concise is `path:line:col: CODE severity text`, one line a finding."""
    lines = render("concise", report).splitlines()
    assert len(lines) == len(list(report.shown()))
    path, line, col, rest = lines[0].split(":", 3)
    assert path == "policies/primenumber/02-collection.yaml"
    assert line.isdigit()
    assert col.isdigit()
    assert rest.startswith(" PP209 note ")


def test_finding_without_place(report: Report) -> None:
    """A finding about the whole folder points at the folder."""
    text = render("full", _one(report, code="PP014", path=("rights",), params={"section": "rights"}))
    assert "\n  --> policies/primenumber\n" in text
    assert " |" not in text


def test_span_over_lines(report: Report) -> None:
    """A finding that spans lines marks the first line to its end."""
    texts = {"a.yaml": "one: {two: 2,\n  three: 3}\n"}
    text = render("full", replace(_one(report, span=Span("a.yaml", 1, 6, 2, 12)), texts=texts))
    assert "\n1 | one: {two: 2,\n  |      ^^^^^^^^" in text


def test_place_outside_the_text(report: Report) -> None:
    """A place that the text does not have costs the source line, not the finding."""
    for span in (Span("a.yaml", 9, 1, 9, 2), Span("gone.yaml", 1, 1, 1, 2), Span("a.yaml", 1, 99, 1, 100)):
        assert "PP107 error" in render("full", replace(_one(report, span=span), texts={"a.yaml": "x: 1"}))


def test_github_escapes() -> None:
    """A workflow command keeps to one line whatever a file is called or a value holds."""
    compiled = compile_policy(ROOT / "policies" / "starter", load_law(), DAY)
    bare = Report(compiled.draft, (), (), {}, DAY, "a,b:c%d")
    found = Finding(
        "PP004", (), Span("x\ny.yaml", 3, 4, 3, 5), {"key": "a%b", "suggestion": ""}, severity="error"
    )
    line = github(replace(bare, findings=(found,)), "en")
    assert line.startswith("::error title=upheld (PP004),file=a%2Cb%3Ac%25d/x%0Ay.yaml,line=3,col=4::")
    assert line.count("\n") == 1
    assert "a%25b" in line


def test_github_levels(report: Report) -> None:
    """Notes and accepted findings are notices, errors are errors."""
    assert all(line.startswith("::notice ") for line in render("github", report).splitlines())
    assert render("github", _one(report)).startswith("::error ")


def test_sarif(report: Report) -> None:
    """SARIF has a rule for each code with help in both languages, a region for each place, and tells what is accepted."""
    log = json.loads(render("sarif", report))
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({found.code for found in report.shown()})
    assert all("Why" in rule["help"]["text"] and "理由" in rule["help"]["text"] for rule in rules)
    assert all("日本語" in rule["help"]["markdown"] for rule in rules)
    assert len(run["results"]) == len(list(report.shown()))
    for result, found in zip(run["results"], report.shown(), strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == found.code
        place = result["locations"][0]["physicalLocation"]
        assert found.span
        assert unquote(place["artifactLocation"]["uri"]).endswith(found.span.file)
        assert place["region"]["startLine"] == found.span.line
        assert ("suppressions" in result) == (found.accepted is not None)
    prints = [result["partialFingerprints"]["upheld/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_fingerprint_survives_an_edit_above(report: Report) -> None:
    """A finding keeps its fingerprint when lines are added above it."""

    def prints(shift: int) -> Iterator[str]:
        moved = [
            replace(f, span=replace(f.span, line=f.span.line + shift))
            for f in report.findings
            if f.span is not None
        ]
        for result in json.loads(render("sarif", replace(report, findings=tuple(moved))))["runs"][0][
            "results"
        ]:
            yield result["partialFingerprints"]["upheld/v1"]

    assert list(prints(0)) == list(prints(7))


def test_summary(report: Report) -> None:
    """The summary counts findings, sizes and text statements."""
    counts = summary(report)
    assert (counts.errors, counts.warnings, counts.notes, counts.accepted) == (0, 0, 12, 4)
    assert (counts.situations, counts.purposes, counts.services, counts.statements) == (12, 16, 5, 0)


def test_closing_line(report: Report) -> None:
    """The closing line counts one thing in the singular, tells what ends soon, statements, and the time if asked."""
    one = _one(report)
    assert closing(one, "en").startswith("1 error, 0 warnings · 12 situations")
    assert closing(one, "en", 0.24).endswith("en+ja · 0.2 s")
    soon = replace(report, accepted=report.accepted[:1], as_of=date(2027, 6, 21))
    assert "1 accepted (1 ends in 9 days)" in closing(soon, "en")
    assert "受容1件（1件は9日後終了）" in closing(soon, "ja")
    pebble = compile_policy(ROOT / "tests/policy/good/pebble/policy", load_law(), DAY)
    told = closing(Report(pebble.draft, pebble.findings, pebble.accepted, pebble.texts, DAY), "en")
    assert f"{len(pebble.draft.statements)} text statement" in told


def test_colour_changes_nothing_else(report: Report) -> None:
    """Colours add escape sequences and nothing else."""
    import re

    plain, coloured = render("full", report), render("full", report, "en", Style(None, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_width_holds(report: Report, width: int, lang: str) -> None:
    """With a width no line but the place is wider."""
    lines = [line for line in render("full", report, lang, Style(width)).splitlines() if "-->" not in line]
    assert max(columns(line) for line in lines) <= width


# --- columns ------------------------------------------------------------------------------------------------


def test_columns() -> None:
    """Full-width characters count two, combining marks none."""
    assert columns("aあ") == 3
    assert columns("がか\u3099") == 4
    assert columns(pad("名", 5)) == 5
    assert clip("名前を書く", 6) == "名前…"


@given(st.text(max_size=80), st.integers(10, 60))
def test_clip_keeps_to_its_width(text: str, width: int) -> None:
    """A clipped text is never wider than asked."""
    assert columns(clip(visible(text), width)) <= width


@given(st.text(alphabet="ab cがあ。、 ", max_size=120), st.integers(24, 60))
def test_wrap_loses_nothing(text: str, width: int) -> None:
    """Wrapping changes spaces only."""
    assert "".join(wrap(text, width, 4).split()) == "".join(text.split())


def test_wrap_does_not_begin_a_line_with_a_full_stop() -> None:
    """Closing punctuation stays with its word."""
    lines = wrap("文を書く。" * 12, 22, 2).split("\n")
    assert len(lines) > 2
    assert not any(line.strip().startswith("。") for line in lines)


@given(st.text(alphabet="ab{}あ名、 ", min_size=1, max_size=200), st.data())
def test_window_keeps_the_marked_part(line: str, data: st.DataObject) -> None:
    """However long a line, the carets begin under the marked word and stay within the width."""
    start = data.draw(st.integers(0, len(line) - 1))
    end = data.draw(st.integers(start + 1, len(line)))
    text, before, marked = window(line, start, end, 40)
    assert columns(text) <= 40
    assert marked >= 1
    assert before + marked <= 40
    place, used = 0, 0
    while used < before:
        used += columns(text[place])
        place += 1
    assert used == before
    assert text[place] in {line[start], "…"}


def test_visible() -> None:
    """Nothing that acts on a terminal is left, tabs keep their one column."""
    assert visible("a\tb\x1b\u202e\u200bc") == "a b\ufffd\ufffd\ufffdc"


# --- tables -------------------------------------------------------------------------------------------------


def test_table() -> None:
    """A table quotes what it must, joins lists, and leaves nothing where nothing is."""
    rows = [["a,b", ("x", "y"), None], ['"', {"k": 1}, True]]
    assert table(("p", "q", "r"), rows, "csv") == 'p,q,r\n"a,b","x, y",\n"""",k: 1,yes\n'
    assert table(("p", "q"), [["a|b", "c\nd"]], "md") == "| p | q |\n| --- | --- |\n| a\\|b | c d |\n"
    assert json.loads(table(("p",), [[["x"]]], "json")) == [{"p": ["x"]}]


def test_matrix_says_what_the_page_states(compiled: Compiled) -> None:
    """What the matrix allows is exactly what situations state of collected fields."""
    policy = compiled.draft
    stated = {(s.id, f, p) for s in policy.situations.values() for f in s.fields for p in s.purpose_ids}
    rows = list(matrix(policy))
    assert len(rows) == 12 * 13 * 16
    assert {row[:3] for row in rows if row[3] == "allow"} == stated
