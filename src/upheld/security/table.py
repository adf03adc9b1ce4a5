"""The gate as tables: everything that depends on no person is decided once a day, so that one answer is a look-up and a mask.

`rules.may_read` is the law of the house and tells reasons; a sheet answers the same question yes or no, for whole
records at once. It never opens what the gate shuts, and where `sure` it opens all that the gate opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from upheld.basis.model import EVERY, Standings, mark_key
from upheld.basis.rules import check_standing, consents, keys_of
from upheld.policy.decide import bases_for
from upheld.policy.model import CompiledPolicy
from upheld.records import Relation
from upheld.security.model import Now
from upheld.security.rules import act_of

_STOPPED = frozenset({"objected", "upheld", "withdrawn"})
_MARKS = ("restricted", "use_ceased", "suppressed")


class Row(NamedTuple):
    """One stated purpose: fields that may be read, the purpose's own bit, what must stand, whether that is all."""

    mask: int
    bit: int
    asks: int
    sure: bool


_SHUT = Row(0, 0, 0, True)


@dataclass(frozen=True, slots=True)
class Stance:
    """How a person stands to the purposes of a sheet, as bits: what is given, and what stops."""

    given: int = 0
    stopped: int = 0


NOTHING_SAID = Stance()


class Sheet:
    """Who may read which fields for what, of records of one situation and origin area on one day.

    Periods of retention, locks by statute and reviews are a record's own and are asked beside it. Training and
    acceptance of the rules are the reader's own, too (`rules.check_reader`).
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b), 6)
    """

    def __init__(self, policy: CompiledPolicy, now: Now, situation: str, origin: str) -> None:
        """Compile the sheet of a record's own version under the law and evidence of the day."""
        self.day: date = now.on
        self.fields = policy.field_bits
        self._policy = policy
        self._now = now
        self._situation = situation
        self._places = {purpose: place for place, purpose in enumerate(policy.use_masks.get(situation, {}))}
        self._keys = {purpose: keys_of(policy, purpose) for purpose in self._places}
        self._rows = {purpose: self._row(purpose, origin) for purpose in self._places}
        self._direct = sum(
            self._rows[one].bit for one in self._places if act_of(policy, situation, one) == "send_marketing"
        )

    @cached_property
    def _by_role(self) -> dict[tuple[str, str], Row]:
        """Join the rows with today's roles; a purpose that a role does not cover has no row."""
        roles = self._now.policy.evidence.roles.values()
        return {
            (role.id, purpose): row
            for role in roles
            for purpose, row in self._rows.items()
            if role.purposes is None or purpose in role.purposes
        }

    def allows(self, role: str, purpose: str, field: int, stance: Stance = NOTHING_SAID) -> bool:
        """Say whether a role may read a field, named by its bit, for a purpose."""
        mask, bit, asks, _ = self._by_role.get((role, purpose), _SHUT)
        return bool(mask & field) and not stance.stopped & bit and stance.given & asks == asks

    def mask(self, role: str, purpose: str, stance: Stance = NOTHING_SAID) -> int:
        """Give the bits of all fields that a role may read for a purpose."""
        mask, bit, asks, _ = self._by_role.get((role, purpose), _SHUT)
        return 0 if stance.stopped & bit or stance.given & asks != asks else mask

    def open_mask(self, purpose: str, stance: Stance = NOTHING_SAID) -> int:
        """Give the bits of all fields that may be read for a purpose by a reader who may read for it."""
        mask, bit, asks, _ = self._rows.get(purpose, _SHUT)
        return 0 if stance.stopped & bit or stance.given & asks != asks else mask

    def sure(self, purpose: str) -> bool:
        """Say whether nothing of a person but the stance decides: no case hangs on an open relationship."""
        return self._rows.get(purpose, _SHUT).sure

    def stance(self, standings: Standings, contract: Relation | None = None) -> Stance:
        """Turn what stands about a person into bits; `contract` is the relationship the use is for."""
        live = contract is not None and (contract.ended is None or self.day <= contract.ended)
        given = ((1 << len(self._places)) - 1) << len(self._places) if live else 0
        if not standings:
            return Stance(given) if given else NOTHING_SAID
        stopped = 0
        every = [mark for mark in _MARKS if standings.get(mark_key(mark, EVERY)) == "set"]
        for purpose, place in self._places.items():
            keys = self._keys[purpose]
            if consents(standings, keys):
                given |= 1 << place
            if every or any(_shuts(standings, key) for key in keys):
                marketing = bool(self._direct >> place & 1)
                stop = check_standing(purpose, standings, direct_marketing=marketing, keys=keys)
                stopped |= (stop is not None) << place
        return Stance(given, stopped)

    def _row(self, purpose: str, origin: str) -> Row:
        """Decide once what no person changes: statement, gap, totals only, the basis of every regime."""
        policy, now = self._policy, self._now
        place = self._places[purpose]
        bit, width = 1 << place, len(self._places)
        stated = policy.purposes.get(purpose)
        if stated is None or stated.output == "aggregate" or (self._situation, purpose) in policy.gaps:
            return Row(0, bit, 0, True)
        line = policy.purpose_bases.get(purpose)
        if line is not None and any(case.standing is not None for case in line.when):
            return Row(0, bit, 0, False)
        bases = bases_for(policy, now.law, purpose, self._situation, origin, now.on)
        proofs = {basis: policy.bases[basis].proof if basis in policy.bases else "nothing" for basis in bases.values()}
        assessed = now.policy.evidence.of(f"basis.purposes.{purpose}").get("assessment")
        lacking = {
            "assessment": not (isinstance(assessed, str) and assessed),
            "statute": not (line and line.statute),
        }
        if any(not basis or lacking.get(proof, False) for basis, proof in proofs.items()):
            return Row(0, bit, 0, True)
        consent = ("consent_record" in proofs.values()) << place
        contract = ("contract_or_request" in proofs.values()) << (width + place)
        return Row(policy.use_masks[self._situation][purpose], bit, consent | contract, True)


def _shuts(standings: Standings, key: str) -> bool:
    """Say whether a standing key may stop something, so that the rule is worth asking."""
    return standings.get(key) in _STOPPED or any(standings.get(mark_key(mark, key)) == "set" for mark in _MARKS)
