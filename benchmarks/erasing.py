"""V3: erase a thousand people at once, and one alone, each with the change of the root behind it."""

from __future__ import annotations

from benchmarks import bulk
from benchmarks.engines import Engine, engines
from benchmarks.harness import clocked
from benchmarks.result import Check, Goal, Part

AT_ONCE = 1000
ALONE = 20
_WORDS = {"reason": "request", "clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}


def measure(*, quick: bool) -> Goal:
    """Measure V3: CPU seconds, for the goal is one of the vault and has no floor."""
    people = 5_000 if quick else 50_000
    with engines() as both:
        return Goal("V3", tuple(_part(engine, people) for engine in both))


def _part(engine: Engine, people: int) -> Part:
    house, _ = bulk.loaded(engine, bulk.people_of(people, 2))
    vault, rotations = house.vault, house.holdings.rotations
    found = [vault.find("email", f"p{n}@example.com") for n in range(AT_ONCE + ALONE)]
    subjects = [one for one in found if one is not None]

    def together() -> None:
        vault.erase_all(subjects[:AT_ONCE], **_WORDS)
        rotations.rotate()

    def alone() -> None:
        for subject in subjects[AT_ONCE:]:
            vault.erase(subject, **_WORDS)
            rotations.rotate()

    many, one = clocked(together, engine.servers), clocked(alone, engine.servers)
    house.close()
    checks = (Check("1,000 at once, CPU s", many.cpu, 5.0), Check("one, CPU ms", one.cpu / ALONE * 1000, 100.0))
    note = f"wall {many.wall:.1f} s, and {one.wall / ALONE * 1000:,.0f} ms; with journal, keys, rows, entries and the change of the root"
    return Part(f"of {people:,} people with two records", engine.name, checks, note=note)
