"""Forms: what was sent, what stands in each entry, and what is wrong with it, as values the macros draw."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from litestar import Request

from upheld.policy.model import Field
from upheld.web.refusals import Refusal
from upheld.web.words import words

MAX_MEMBERS = 200
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_AUTOCOMPLETE: Mapping[str, str] = {
    "name": "name",
    "email": "email",
    "phone": "tel",
    "company": "organization",
    "job_title": "organization-title",
    "address": "street-address",
    "country": "country",
    "birth": "bday",
}
_INPUT: Mapping[str | None, tuple[str, str]] = {
    "email": ("email", "email"),
    "phone": ("tel", "tel"),
    "date": ("date", ""),
}
_AREA_FROM = 400


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that can be picked; `foot` is a line of explanation below it."""

    value: str
    label: str
    foot: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a form.

    `kind` is `text`, `email`, `tel`, `date`, `code`, `area`, `select`, `radio`, `check` or `checks`.
    `picked` holds the chosen values of `radio`, `select` and `checks`; of `check` it holds the value when ticked.
    `attrs` become attributes of the whole entry, such as `data-field`.
    """

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    picked: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    hint: str = ""
    error: str = ""
    required: bool = False
    autocomplete: str = ""
    inputmode: str = ""
    max: int = 0
    attrs: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Give the id of the control, the same in every language."""
        return f"f-{self.name}"

    @property
    def target(self) -> str:
        """Give the id that the error summary links to: of the control, or of its first choice."""
        return f"{self.id}-1" if self.kind in {"radio", "checks"} else self.id

    @property
    def described(self) -> str:
        """Give the ids that describe the control, hint before error; empty where there are none."""
        parts = (f"{self.id}-hint" if self.hint else "", f"{self.id}-error" if self.error else "")
        return " ".join(part for part in parts if part)

    def with_error(self, text: str) -> Entry:
        """Give the same entry with what is wrong with it."""
        return replace(self, error=text)


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the error summary: where it leads and what it says, never the value."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """The members of a posted form, trimmed, in the order sent; a name may stand more than once."""

    members: tuple[tuple[str, str], ...] = ()

    def one(self, name: str) -> str:
        """Give the only value of a name, empty where it was not sent; raises Refusal when it was sent twice."""
        found = self.many(name)
        if len(found) > 1:
            raise Refusal("member_twice")
        return found[0] if found else ""

    def many(self, name: str) -> tuple[str, ...]:
        """Give all values of a name that are not empty."""
        return tuple(value for key, value in self.members if key == name and value)

    @property
    def names(self) -> frozenset[str]:
        """Give the names that were sent, filled in or not."""
        return frozenset(key for key, _ in self.members)


def faults_of(entries: Iterable[Entry]) -> tuple[Fault, ...]:
    """Give the lines of the error summary in the order of the form."""
    return tuple(Fault(entry.target, entry.error) for entry in entries if entry.error)


def entry_for(
    datum: Field, lang: str, *, required: bool, value: str = "", error: str = "", hint: str = ""
) -> Entry:
    """Make the entry of a field as the policy declares it: label, kind, length, the browser's help in filling in.

    Free text asks to leave out what needs special care.
    Clause: collection.fields
    """
    said = words(lang)["form"]
    kind, inputmode = _INPUT.get(datum.format, ("text", ""))
    long = datum.kind == "free_text" or datum.max >= _AREA_FROM
    if long and datum.format is None:
        kind = "area"
    return Entry(
        name=datum.id,
        label=_headed(datum.text.get(lang) or next(iter(datum.text.values()))),
        kind=kind,
        value=value,
        hint=hint or (said["leave_out"] if datum.kind == "free_text" else ""),
        error=error,
        required=required,
        autocomplete=_AUTOCOMPLETE.get(datum.id, _AUTOCOMPLETE.get(datum.format or "", "")),
        inputmode=inputmode,
        max=datum.max,
        attrs={"data-field": datum.id},
    )


def _headed(text: str) -> str:
    """Begin a label with a capital where the script has them; inside a sentence the policy's own word stands."""
    return text[:1].upper() + text[1:]


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Read a posted form; raises Refusal for another media type, too many members, a file or a control character."""
    if request.content_type[0] not in _FORM_TYPES:
        raise Refusal("media_type")
    sent = list((await request.form()).multi_items())
    if len(sent) > MAX_MEMBERS:
        raise Refusal("too_large")
    return Form(tuple((name, _clean(value)) for name, value in sent))


def _clean(value: Any) -> str:
    """Trim, join line ends and compose accents, as the same words must give the same index."""
    if not isinstance(value, str):
        raise Refusal("value_invalid")
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if any(ord(sign) < 0x20 and sign not in "\n\t" for sign in text):
        raise Refusal("value_invalid")
    return text
