"""Weigh one changed value: towards less protection of people, or towards more.

Where nothing tells, it counts as less, so that a person looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upheld.policy.findings import KeyPath
from upheld.policy.keys import Key
from upheld.policy.period import Period

ACTS = ("none", "on_page", "link", "send_marketing")
_ORDER: Mapping[str, tuple[str, ...]] = {
    "act": ACTS,
    "output": ("aggregate", "pseudonymised", "records"),
    "fires": ("after_consent", "notice_and_opt_out", "at_once"),
    "gpc": ("stops", "honoured", "runs", "ignored"),
    "recipient_links_to_person": ("yes", "unknown", "no"),
    "proof": ("statute", "consent_record", "contract_or_request", "assessment", "nothing"),
    "notice": ("before_submit", "first_open", "script", "handout", "sign", "tags", "source"),
    "receipt": ("required", "source_confirmation"),
    "count": ("from_event", "from_year_end"),
    "human_review": ("always", "on_request"),
    "marketing": ("at_once", "review"),
    "tax": ("included", "excluded"),
    "show": ("total", "net"),
}
"""Words of a key from the more protective to the less protective."""

_WORSE_WHEN_NO = frozenset({
    "as_easy_as_giving", "named", "opt_out", "approval", "details_on_request", "direct", "offered", "keep_verdict",
    "mail", "form", "automatic_answer",
})  # fmt: skip
_WORSE_WHEN_FEWER = frozenset({"languages", "packs", "parts", "ask", "applies_to", "covers"})
_WORSE_WHEN_SMALLER = frozenset({"min_cell"})
_WORSE_WHEN_SET = frozenset({"uk_exemption"})
_BETTER_WHEN_LONGER = frozenset({"notice_period", "effective"})
_BETTER_WHEN_GONE = frozenset({"interests", "subtypes"})
_FOREVER = 10.0**6


def default(key: Key) -> Any:
    """Give what a key means where it is not written, or None where that is no single value."""
    if key.type.endswith(" or none"):
        return ()
    if key.type == "yn":
        return {"yes": True, "no": False}.get(key.absent)
    if key.type == "int":
        return int(key.absent) if key.absent.isdecimal() else None
    words = key.type.replace(" or ", "/").split("/")
    return key.absent if key.absent in words else None


def worse_when_fewer(path: KeyPath) -> bool:
    """Tell whether a list protects people: then less of it is worse, and more of it better."""
    house_steps = path[:2] == ("amendment", "classes")
    return house_steps or path[:2] == ("collection", "never") or str(path[-1]) in _WORSE_WHEN_FEWER


def only_dropping_counts(path: KeyPath, key: Key) -> bool:
    """Tell whether a value is worse only when it goes: an officer's telephone number may change at any time."""
    if "subtypes" in path:
        return True
    texts = key.type in {"T", "str", "T or same_as_controller"}
    return texts and key.worse == "p" and "transfer" not in path and "fee" not in path


def is_worse(path: KeyPath, old: Any, new: Any, letter: str) -> bool:
    """Tell whether a change of one value goes towards less protection; `letter` is its row's column `worse`."""
    name = "fires" if "fires" in path else str(path[-1])
    if isinstance(old, Period) or isinstance(new, Period):
        return _longer(path, old, new)
    if isinstance(old, bool) or isinstance(new, bool):
        return (new is not True) if name in _WORSE_WHEN_NO else new is True
    if isinstance(old, int) or isinstance(new, int):
        smaller = (new or 0) < (old or 0)
        return smaller if name in _WORSE_WHEN_SMALLER else not smaller
    order = _ORDER.get(name)
    if order is not None and (old in order or new in order):
        unsaid = len(order) if letter == "p" else -1
        first, second = (order.index(word) if word in order else unsaid for word in (old, new))
        return second > first
    if name in _WORSE_WHEN_SET:
        return new is not None
    if _BETTER_WHEN_GONE & set(path) and new is None:
        return False
    return letter != "p" if old is None else True


def _longer(path: KeyPath, old: Any, new: Any) -> bool:
    """Compare two periods; none is for ever, except for a time given to people, where none is no time."""
    given = bool(_BETTER_WHEN_LONGER & set(path))
    before, after = (
        value.rough_days() if isinstance(value, Period) else 0.0 if given else _FOREVER for value in (old, new)
    )
    return after < before if given else after > before
