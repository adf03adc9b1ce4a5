"""Whether data may go to somebody outside who uses them for ends of their own, or jointly with us; pure.

A service works for us and is judged in `rules`. Everybody else must be named by the version the record was taken
under and by the one in force, for this purpose and these fields, with a ground in every regime that holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from upheld.basis.model import Standings
from upheld.policy.law import Law, area_contains, regimes
from upheld.policy.law.adequacy import adequate
from upheld.policy.model import CompiledPolicy, Frozen, Recipient
from upheld.transfers.model import Route, Stop
from upheld.transfers.rules import AREAS, asking, assessed

STATED, OPT_OUT = "stated", "opt_out"


def recipient_of(policy: CompiledPolicy, named: str) -> Recipient | None:
    """Find a recipient by id, or by its name in any language of the policy."""
    found = policy.recipients.get(named)
    if found is not None:
        return found
    said = named.strip().casefold()
    for one in policy.recipients.values():
        if one.name and any(said == text.strip().casefold() for text in one.name.values()):
            return one
    return None


def may_hand_over(
    own: CompiledPolicy,
    today: CompiledPolicy,
    law: Law,
    recipient: str,
    situation: str,
    origin: str,
    purpose: str,
    fields: Iterable[str],
    on: date,
    standings: Standings,
) -> Route | Stop:
    """Say on what a hand-over to a recipient rests, or the first step that stops it.

    `own` is the version of the record: a recipient it does not name in this situation gets nothing, whatever was
    published later.
    Clause: recipients (APPI 27, 28; GDPR 6, 13(1)(e), 44)
    """
    known = today.recipients.get(recipient)
    stop = Stop("third_party_no_basis", f"recipients.{recipient}" if known else "recipients")
    if known is None or not all(_names(policy, known, situation, purpose) for policy in (own, today)):
        return stop
    beyond = next((name for name in fields if known.fields is not None and name not in known.fields), None)
    if beyond is not None:
        return Stop(stop.code, stop.clause, field=beyond)
    held = regimes(today.reach, today.packs, origin, on, law)
    if not all(_ground(today, known, regime, purpose, standings) for regime in held):
        return stop
    unassessed = assessed(today, law, known.country, held, on)
    if unassessed is not None:
        return unassessed
    return _carried(today, law, known, origin, purpose, on, held)


def _names(policy: CompiledPolicy, recipient: Recipient, situation: str, purpose: str) -> bool:
    """Say whether a version names the recipient in the same role, in this situation and for this purpose."""
    told, said = policy.recipients.get(recipient.id), policy.situations.get(situation)
    if told is None or said is None or told.role != recipient.role:
        return False
    return recipient.id in (said.recipients or ()) and purpose in told.purposes


def _ground(policy: CompiledPolicy, recipient: Recipient, regime: str, purpose: str, standings: Standings) -> bool:
    """Ask for the ground of a regime: joint use that was stated, a filing, consent that stands, or a basis.

    Clause: recipients (APPI 27(1)(2)(5), GDPR 6)
    """
    ground = recipient.ground.get(regime)
    if ground == STATED:
        return recipient.role == "joint"
    if ground == OPT_OUT:
        return bool(recipient.filing)
    basis = policy.bases.get(ground or "")
    if basis is None:
        return False
    return basis.proof != "consent_record" or standings.get(purpose) == "given"


def _carried(
    policy: CompiledPolicy,
    law: Law,
    recipient: Recipient,
    origin: str,
    purpose: str,
    on: date,
    held: Iterable[str],
) -> Route | Stop:
    """Give position and mechanism of each country; a recipient abroad stands in a designated or adequate one.

    Clause: transfers (APPI 28, GDPR 45, UK GDPR 45A)
    """
    clause, positions = f"recipients.{recipient.id}", dict[str, str]()
    if asking(policy, law, held, "transfer.position", on):
        for country in recipient.country:
            home = country == policy.controller.country
            if not home and not adequate("JP", country, on):
                return Stop("foreign_no_position", clause, country=country)
            positions[country] = "domestic" if home else "designated"
    mechanisms: dict[str, Mapping[str, str]] = {}
    for regime in asking(policy, law, held, "transfer.mechanism", on):
        area = AREAS.get(regime, regime)
        start = origin if area_contains(area, origin, law) else area
        carried = {country: adequate(start, country, on) for country in recipient.country}
        bare = next((country for country, word in carried.items() if word is None), None)
        if bare is not None:
            return Stop("transfer_no_safeguard", clause, country=bare)
        mechanisms[regime] = Frozen({country: str(word) for country, word in carried.items()})
    return Route(recipient.id, purpose, on, Frozen(positions), Frozen(mechanisms))
