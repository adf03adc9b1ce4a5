"""Hostile files: each is told in a finding with its place, in bounded time, and never ends in a traceback."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import copy_policy
from upheld.policy.catalogue import catalogue
from upheld.policy.compile import Compiled, compile_policy
from upheld.policy.law import load_law

STARTER = Path(__file__).parents[2] / "policies" / "starter"
BOMB = "section: statements\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
HOSTILE = {
    "duplicate": (b"section: statements\nstatements: {}\nstatements: {}\n", "PP002"),
    "unknown": (b"section: statements\nstatement: {}\n", "PP004"),
    "tab": (b"section: statements\nstatements:\n\ta: b\n", "PP001"),
    "anchor": (b"section: statements\nstatements: &loop {a: *loop}\n", "PP013"),
    "bomb": (BOMB.encode(), "PP013"),
    "merge": (b"section: statements\nstatements: {<<: {a: b}}\n", "PP013"),
    "tag": (b"section: statements\nstatements: !!python/object:os.system {}\n", "PP013"),
    "documents": (b"section: statements\n---\nsection: statements\n", "PP013"),
    "latin1": ("section: statements\ntext: {en: café}\n".encode("latin-1"), "PP001"),
    "utf16": ("section: statements\n".encode("utf-16"), "PP001"),
    "nul": (b"section: statements\x00\n", "PP015"),
    "direction": ("section: statements\ntext: {en: \"a\u202eb\"}\n".encode(), "PP015"),
    "quote": (b'section: statements\ntext: {en: "a\n', "PP001"),
    "huge": (b"section: statements\n" + b"# filler\n" * 1_200_000, "PP001"),
    "deep": (b"section: statements\nstatements: " + b"[" * 1_000_000, "PP001"),
    "deep_maps": (b"section: statements\nstatements: " + b"{a: " * 250_000, "PP001"),
    "wide": (b"section: statements\nstatements: [" + b"a," * 60_000 + b"a]\n", "PP001"),
    "list": (b"- section\n- statements\n", "PP001"),
    "wrong": (b"section: statments\n", "PP004"),
    "none": (b"statements: {}\n", "PP006"),
}


def compiled(folder: Path) -> Compiled:
    """Compile on a fixed day; two seconds are the bound of the promise."""
    start = time.perf_counter()
    outcome = compile_policy(folder, load_law(), date(2026, 11, 22))
    assert time.perf_counter() - start < 10  # the promise is two; a noisy machine gets five times that
    return outcome


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    """A file that cannot be taken as it is gives its own code and the line and column to look at."""
    raw, code = HOSTILE[name]
    folder = copy_policy(tmp_path / "policy", STARTER)
    (folder / "statements.yaml").write_bytes(raw)
    found = [f for f in compiled(folder).findings if f.span and f.span.file == "statements.yaml"]
    assert code in {finding.code for finding in found}
    assert all(finding.span and finding.span.line >= 1 and finding.span.col >= 1 for finding in found)


def test_a_byte_order_mark_and_foreign_line_ends_change_nothing(tmp_path: Path) -> None:
    """A file saved by another editor, with BOM and CRLF, is read as the same promise."""
    folder = copy_policy(tmp_path / "policy", STARTER)
    before = compiled(folder).draft.promise_hash
    for file in folder.glob("*.yaml"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert compiled(folder).draft.promise_hash == before


@given(raw=st.binary(max_size=300))
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_findings(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Whatever a file holds, compiling ends with findings that can be said in both languages."""
    folder = copy_policy(tmp_path_factory.mktemp("any") / "policy", STARTER)
    (folder / "statements.yaml").write_bytes(b"section: statements\n" + raw)
    for finding in compiled(folder).findings:
        for lang in ("en", "ja"):
            names = {"clause": finding.clause, **finding.params}
            assert catalogue()[finding.code].message_in(lang, names, strict=True)
