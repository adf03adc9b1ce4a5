"""People who exist only in tests: everyday names, look-alikes, and names that break what is not quoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from upheld.policy.model import Frozen
from upheld.services.model import Identities


@dataclass(frozen=True, slots=True)
class Planted:
    """Somebody to be put into a system; `note` is free text about them."""

    key: str
    name: str
    email: str
    phone: str
    company: str = "Example"
    note: str = "asked for a quotation"

    @property
    def who(self) -> Identities:
        """Give how they are known outside."""
        return Frozen({"email": (self.email,), "phone": (self.phone,)})

    @property
    def fields(self) -> Mapping[str, str]:
        """Give what a form may have taken of them, by field of the policy."""
        return Frozen(
            {"name": self.name, "email": self.email, "phone": self.phone, "company": self.company, "inquiry": self.note}
        )

    @property
    def values(self) -> tuple[str, ...]:
        """Give what must never be seen in a log, an error or a URL."""
        return (self.name, self.email, self.phone)


HANAKO = Planted("hanako", "田中 花子", "hanako@example.co.jp", "+81312345678", "例示株式会社", "見積希望")
LENA = Planted("lena", "Lena Fischer", "lena@example.de", "+49301234567", "Beispiel GmbH")
OLIVER = Planted("oliver", "Oliver Hughes", "oliver@example.co.uk", "+442071234567", "Example Ltd")
LOOK_ALIKE = Planted("look_alike", "田中 花", "hanako2@example.co.jp", "+81312345679", "例示株式会社")
"""Not HANAKO, whatever a search by prefix says."""
ODD = Planted(
    "odd", "髙橋 O'Brien \"%_\\ '; -- 🙂" + "長" * 250, "o'brien+odd@example.com", "+81300000027", 'A "quoted" & <tagged> company'
)
"""Quotes, wildcards, a variant character, an emoji and 300 characters."""
CANARY = Planted("canary", "Canary Control", "canary@example.com", "+81300000001")
"""The control: always there, never anybody's."""

EVERYBODY = (HANAKO, LENA, OLIVER, LOOK_ALIKE, ODD, CANARY)
