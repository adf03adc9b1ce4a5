"""Throw broken policy folders at the compiler for some minutes: no traceback, nothing slower than two seconds.

Usage: python scripts/fuzz.py [MINUTES] [SEED]
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from upheld.policy.catalogue import catalogue
from upheld.policy.compile import compile_policy
from upheld.policy.findings import Finding
from upheld.policy.law import load_law

ROOT = Path(__file__).parent.parent
FOLDERS = [
    ROOT / "policies/primenumber", ROOT / "policies/starter",
    ROOT / "tests/policy/good/klinikum/policy", ROOT / "tests/policy/good/pebble/policy",
]  # fmt: skip
BITS = [b"{", b"}", b"[", b"]", b":", b"- ", b"\n", b"\t", b'"', b"'", b"&a", b"*a", b"<<: ", b"!!x ", b"---\n",
        b"\xff", b"\x00", b"\xef\xbb\xbf", "\u202e".encode(), b"P3Y", b"no", b"2026-13-01", b"x" * 300, b"? ", b"|\n"]  # fmt: skip


def broken(raw: bytes, rng: random.Random, other: bytes) -> bytes:
    """Break bytes in one to six places: cut, double, swap in a bit of syntax or a line of another file."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at : at + rng.randint(1, 60)]
        elif kind == 1:
            data[at:at] = rng.choice(BITS)
        elif kind == 2:
            data[at:at] = data[at : at + rng.randint(1, 200)]
        elif kind == 3 and data:
            data[at % len(data)] = rng.randrange(256)
        else:
            data[at:at] = rng.choice(other.splitlines(keepends=True) or [b"\n"])
    return bytes(data)


def unsaid(finding: Finding) -> str:
    """Name the placeholder of a finding's sentence that stays empty, in either language; empty when none does."""
    code = catalogue()[finding.code]
    try:
        for lang in ("en", "ja"):
            code.message_in(lang, {"clause": finding.clause, **finding.params}, strict=True)
    except KeyError as missing:
        return str(missing.args[0])
    return ""


def main() -> int:
    """Run and print how many folders were tried, the slowest, and how many findings there were."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    open_sentences: set[tuple[str, str]] = set()
    law, until, tried, slowest, found = load_law(), time.monotonic() + minutes * 60, 0, 0.0, 0
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "policy"
            shutil.copytree(rng.choice(FOLDERS), folder)
            files = sorted(folder.rglob("*.yaml"))
            for file in rng.sample(files, rng.randint(1, 3)):
                file.write_bytes(broken(file.read_bytes(), rng, rng.choice(files).read_bytes()))
            start = time.monotonic()
            outcome = compile_policy(folder, law, date(2026, 11, 22))
            for finding in outcome.findings:
                if gap := unsaid(finding):
                    print(f"{finding.code} leaves {gap} open at {finding.clause}: {dict(finding.params)}", file=sys.stderr)
                    open_sentences.add((finding.code, gap))
            slowest = max(slowest, time.monotonic() - start)
            found += len(outcome.findings)
        tried += 1
        if slowest > 2:
            print(f"slower than two seconds: try {tried}", file=sys.stderr)
            return 1
    print(f"{tried} folders, {found} findings, slowest {slowest:.2f} s, no traceback, {len(open_sentences)} sentences open")
    return 1 if open_sentences else 0


if __name__ == "__main__":
    sys.exit(main())
