"""How a person's identifiers are written outside."""

from __future__ import annotations

import pytest

from upheld.services.spelling import names, written

WHO = {"email": ("Hanako@Example.co.jp",), "phone": ("+81312345678",), "user_id": ("42",)}


@pytest.mark.parametrize(
    ("kind", "told", "hers"),
    [
        ("email", "hanako@example.co.jp", True),
        ("email", " HANAKO@example.co.jp", True),
        ("email", "hanako2@example.co.jp", False),
        ("email", None, False),
        ("phone", "03-1234-5678", True),
        ("phone", "+81 3-1234-5678", True),
        ("phone", "03-1234-5679", False),
        ("user_id", 42, True),
        ("user_id", True, False),
        ("member", "42", False),
    ],
)
def test_a_value_outside_is_hers_however_it_is_written(kind: str, told: object, hers: bool) -> None:
    """E-mail without regard to case, numbers in their usual forms, anything else as it is."""
    assert names(WHO, kind, told) is hers


def test_every_form_is_searched_once() -> None:
    """A search for whole values asks for each way of writing one time."""
    assert written(WHO, "email") == ("Hanako@Example.co.jp", "hanako@example.co.jp")
    assert len(set(written(WHO, "phone"))) == len(written(WHO, "phone"))
    assert {"+81312345678", "03-1234-5678", "0312345678"} <= set(written(WHO, "phone"))
    assert written(WHO, "member") == ()
