"""G4: one decision against the bare bit mask, and the peers that answer the same question.

Eight roles, twenty purposes, thirty fields, four hundred grants; odd purposes need consent. Ours is the sheet that the
product reads with, compiled from a policy; the floor is a dict of masks, one AND and one test of consent.
"""

from __future__ import annotations

import random
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

from benchmarks import peers
from benchmarks.harness import Taken, clocked, in_pairs
from benchmarks.result import Check, Goal, Part, ratio_part
from upheld.basis.model import mark_key
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import Frozen, PurposeBasis, Role, Stated
from upheld.security.model import Now
from upheld.security.table import Sheet, Stance

ROLES, PURPOSES, FIELDS, GRANTS = 8, 20, 30, 400
REFERENCE = Path(__file__).parent.parent / "policies" / "primenumber"
ON = date(2026, 11, 22)
SITUATION = "everything"


class Request(NamedTuple):
    """A question: role, purpose and field by number, what was said of consent, whether use is restricted."""

    role: int
    purpose: int
    field: int
    consent: str
    restricted: bool


@dataclass(frozen=True, slots=True)
class Grants:
    """Who may see what: fields by (role, purpose), as a mask and as plain triples."""

    masks: dict[tuple[int, int], int]
    triples: frozenset[tuple[int, int, int]]


def draw(seed: int = 1, count: int = 100_000) -> tuple[Grants, list[Request]]:
    """Draw grants and requests: three in five from the grants, consent evenly, one in fifty restricted."""
    dice = random.Random(seed)
    triples: set[tuple[int, int, int]] = set()
    while len(triples) < GRANTS:
        triples.add((dice.randrange(ROLES), dice.randrange(PURPOSES), dice.randrange(FIELDS)))
    listed = sorted(triples)
    masks: dict[tuple[int, int], int] = {}
    for role, purpose, field in listed:
        masks[role, purpose] = masks.get((role, purpose), 0) | 1 << field
    asked = []
    for _ in range(count):
        known = dice.random() < 0.6
        random_one = (dice.randrange(ROLES), dice.randrange(PURPOSES), dice.randrange(FIELDS))
        one = dice.choice(listed) if known else random_one
        asked.append(Request(*one, dice.choice(("granted", "denied", "none")), dice.random() < 0.02))
    return Grants(masks, frozenset(triples)), asked


def plain_rule(grants: Grants, one: Request) -> bool:
    """Answer by the rule as one would say it: the truth all others are compared with."""
    if one.restricted or (one.role, one.purpose, one.field) not in grants.triples:
        return False
    return one.purpose % 2 == 0 or one.consent == "granted"


def compiled(grants: Grants) -> Sheet:
    """Compile the grants as a policy: a purpose for each role and number, whose fields are those granted."""
    policy = compile_policy(REFERENCE, load_law(), ON).policy
    if policy is None:
        raise SystemExit("the reference policy does not compile")
    model_field, model_purpose = policy.fields["name"], policy.purposes["respond"]
    fields = Frozen({f"f{n}": replace(model_field, id=f"f{n}", special=(), screen=None) for n in range(FIELDS)})
    used = {
        purpose_id(role, purpose): tuple(f"f{n}" for n in range(FIELDS) if grants.masks.get((role, purpose), 0) >> n & 1)
        for role in range(ROLES)
        for purpose in range(PURPOSES)
    }
    purposes = Frozen({
        name: replace(model_purpose, id=name, uses=uses, needs=(), output="rows", act="none") for name, uses in used.items()
    })  # fmt: skip
    consent = next(basis.id for basis in policy.bases.values() if basis.proof == "consent_record")
    bases = Frozen({
        name: PurposeBasis(name, Frozen(dict.fromkeys(policy.reach, consent)), None, None, None, Frozen(), ())
        for name in used
        if int(name.partition("_")[0][1:]) % 2
    })  # fmt: skip
    situation = replace(
        next(iter(policy.situations.values())), id=SITUATION, required=tuple(fields), optional=(),
        purposes=tuple(Stated(name, "none") for name in used),
    )  # fmt: skip
    roles = Frozen({
        f"r{role}": Role(f"r{role}", tuple(purpose_id(role, one) for one in range(PURPOSES)), False)
        for role in range(ROLES)
    })  # fmt: skip
    whole = replace(
        policy, fields=fields, purposes=purposes, purpose_bases=bases,
        situations=Frozen({SITUATION: situation}), evidence=replace(policy.evidence, roles=roles),
    )  # fmt: skip
    return Sheet(whole, Now(whole, load_law(), ON, None), SITUATION, "JP")


def purpose_id(role: int, purpose: int) -> str:
    """Name the purpose of a number as one role follows it."""
    return f"p{purpose}_{role}"


STATES = {"granted": "given", "denied": "refused", "none": ""}


def bound(sheet: Sheet, asked: Sequence[Request]) -> list[tuple[str, str, int, Stance]]:
    """Turn requests into the arguments of the sheet, before the clock, as the floor's are."""
    bits = {n: sheet.fields[f"f{n}"] for n in range(FIELDS)}
    stances: dict[tuple[str, bool, str], Stance] = {}
    said = []
    for one in asked:
        purpose = purpose_id(one.role, one.purpose)
        at = (purpose, one.restricted, one.consent)
        if at not in stances:
            standings = {purpose: STATES[one.consent]} if STATES[one.consent] else {}
            standings |= {mark_key("restricted"): "set"} if one.restricted else {}
            stances[at] = sheet.stance(standings)
        said.append((f"r{one.role}", purpose, bits[one.field], stances[at]))
    return said


def measure(*, quick: bool) -> Goal:
    """Compare floor, ours and peers; any disagreement voids the timing."""
    grants, asked = draw()
    sheet = compiled(grants)
    truth = [plain_rule(grants, one) for one in asked]
    ours_asked = bound(sheet, asked)
    floor_asked = [(one.role, one.purpose, one.field, one.consent, one.restricted) for one in asked]
    wrong = sum(sheet.allows(*one) != right for one, right in zip(ours_asked, truth, strict=True))
    wrong += sum(bitset(grants.masks, *one) != right for one, right in zip(floor_asked, truth, strict=True))
    if wrong:
        raise SystemExit(f"G4: {wrong} wrong answers void the timing")
    masks, allows, mask = grants.masks, sheet.allows, sheet.mask

    def floor() -> Taken:
        return clocked(lambda: _drain(bitset(masks, *one) for one in floor_asked))

    def ours() -> Taken:
        return clocked(lambda: _drain(allows(*one) for one in ours_asked))

    def record() -> Taken:
        return clocked(lambda: _drain(mask(role, purpose, stance) for role, purpose, _, stance in ours_asked))

    paired = in_pairs(floor, ours, 5 if quick else 9)
    cost = statistics.median(pair[1].cpu for pair in paired.pairs) / len(asked)
    whole = statistics.median(record().cpu for _ in range(5)) / len(asked)
    parts = [
        ratio_part(
            "one field, consent and restriction", "-", paired, cpu=3.0,
            more=(Check("M/s of a core", 1e-6 / cost, 0.9, least=True), Check("wrong of 100,000", 0, 0)),
        ),
        Part("whole record, 30 fields", "-", (Check("M answers/s", FIELDS * 1e-6 / whole, 20, least=True),)),
    ]  # fmt: skip
    parts += [_beside(peer, grants, asked, truth, cost) for peer in peers.gates(quick=quick)]
    left_out = ", ".join(peers.missing_gates())
    return Goal("G4", tuple(parts), f"left out, for they are not installed: {left_out}" if left_out else "")


def bitset(
    masks: dict[tuple[int, int], int], role: int, purpose: int, field: int, consent: str, restricted: bool
) -> bool:
    """Answer with one look-up, one AND and one test: the floor."""
    return bool(masks.get((role, purpose), 0) >> field & 1) and not restricted and (not purpose & 1 or consent == "granted")


def _drain(answers: Iterable[object]) -> None:
    deque(answers, maxlen=0)


def _beside(peer: peers.Gate, grants: Grants, asked: Sequence[Request], truth: Sequence[bool], cost: float) -> Part:
    """Put a peer's price beside ours, on as many requests as it answers in reasonable time, each one checked."""
    answer = peer.build(grants)
    some = asked[: peer.requests]
    answers: list[bool] = []
    taken = clocked(lambda: answers.extend(answer(some)))
    wrong = sum(told != right for told, right in zip(answers, truth, strict=False))
    theirs = taken.cpu / len(some)
    checks = (Check("times dearer than ours", theirs / cost, 100, least=True), Check("disagreements", wrong, 0))
    return Part(f"beside {peer.name}", "-", checks, note=f"{theirs * 1e6:,.1f} µs a decision over {len(some):,} requests")
