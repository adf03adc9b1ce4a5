"""How systems outside write what names a person: e-mail without regard to case, phone numbers in their usual forms."""

from __future__ import annotations

import phonenumbers

from upheld.services.model import Identities


def spellings(number: str) -> list[str]:
    """Give the ways in which tables write a phone number that was given in international form."""
    try:
        told = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return [number]
    forms = phonenumbers.PhoneNumberFormat
    written = [phonenumbers.format_number(told, form) for form in (forms.E164, forms.NATIONAL, forms.INTERNATIONAL)]
    bare = ["".join(char for char in one if char.isdigit()) for one in written]
    return list(dict.fromkeys([number, *written, *bare]))


def written(who: Identities, kind: str) -> tuple[str, ...]:
    """Give every way in which one kind of identifier of a person may be written, for a search that takes whole values."""
    values = [value.strip() for value in who.get(kind, ()) if value.strip()]
    if kind == "email":
        return tuple(dict.fromkeys(form for value in values for form in (value, value.lower())))
    if kind == "phone":
        return tuple(dict.fromkeys(form for value in values for form in spellings(value)))
    return tuple(dict.fromkeys(values))


def names(who: Identities, kind: str, told: object) -> bool:
    """Say whether a value of a system outside is this person's identifier of that kind, however it is written there."""
    if not isinstance(told, str | int) or isinstance(told, bool):
        return False
    text = str(told).strip()
    if kind == "email":
        return text.casefold() in {value.strip().casefold() for value in who.get(kind, ())}
    return text in written(who, kind)
