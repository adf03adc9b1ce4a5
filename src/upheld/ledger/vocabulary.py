"""The words of the ledger: each kind of event has one number for ever, one dotted name and one area of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event; `about_person` says whether an entry of it may name a subject in its sealed body."""

    number: int
    name: str
    area: str
    about_person: bool

    @property
    def class_name(self) -> str:
        """The name in CamelCase, `collect.accepted` as `CollectAccepted`."""
        return "".join(part.capitalize() for part in self.name.replace(".", "_").split("_"))


# A number is given once: never change or reuse one. Each area starts at its own number and has room to grow.
# A star marks kinds that may be about a person.
_AREAS: dict[str, tuple[int, str]] = {
    "notice": (1, "notice.published notice.shown*"),
    "collection": (20, "collect.accepted* collect.refused* record.imported* record.corrected* source.confirmed"),
    "cookies": (40, "cookie.chosen* cookie.signal* cookie.drift"),
    "basis": (
        60,
        ("consent.given* consent.refused* consent.withdrawn* objection.raised* objection.decided* interest.assessed "
        "consent.requested* consent.deferred* consent.renewed* consent.expired* consent.revoked* "
        "consent.invalidated* obligation.named*"),
    ),
    "security": (
        80,
        ("access.read* access.bulk access.refused* access.granted access.revoked training.done rules.accepted "
        "country.assessed incident.opened incident.closed"),
    ),
    "transfers": (110, "transfer.made* transfer.refused* safeguard.recorded safeguard.asked*"),
    "services": (
        130,
        ("service.sent* service.found* service.corrected* service.restricted* service.erased* service.verified* "
        "service.failed* service.resurrected* service.exception* service.suppressed* service.released*"),
    ),
    "retention": (
        150,
        "relation.opened* relation.ended* retention.due* retention.swept* hold.placed* hold.lifted*",
    ),
    "rights": (
        170,
        ("request.received* request.identified* request.fee* request.extended* request.decided* request.answered* "
        "request.closed* restriction.set* restriction.lifted* export.made* export.sent* erase.fenced* erase.live* "
        "erase.sealed*"),
    ),
    "contact": (200, "contact.received* contact.answered*"),
    "amendment": (220, "policy.published policy.effective policy.notified* record.moved*"),
    "records": (260, "subject.proposed* subject.declined* subject.merged* subject.split*"),
    "keeping": (
        240,
        ("keys.rotated keys.backup_verified backup.made restore.replayed ledger.key_added ledger.restored "
        "ledger.heartbeat schema.migrated"),
    ),
}


def _all_kinds() -> Mapping[str, Kind]:
    kinds: dict[str, Kind] = {}
    for area, (first, words) in _AREAS.items():
        for number, word in enumerate(words.split(), first):
            name = word.rstrip("*")
            kinds[name] = Kind(number, name, area, word.endswith("*"))
    return MappingProxyType(kinds)


KINDS: Mapping[str, Kind] = _all_kinds()
"""Every kind by its dotted name."""

def kind_of(name: str) -> Kind:
    """Give the kind of a dotted name; raises ValueError for a word the ledger does not know."""
    try:
        return KINDS[name]
    except KeyError:
        raise ValueError(f"`{name}` is no kind of the ledger") from None
