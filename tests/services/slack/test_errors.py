"""What an answer of Slack means: by its code, never by its sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from upheld.services.rules import Trouble, outcome_of
from upheld.services.slack.errors import error_of

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "trouble", "word"),
    [
        ("invalid_auth", "token", "retry_at"), ("token_revoked", "token", "retry_at"), ("ratelimited", "throttle", "retry_at"),
        ("fatal_error", "transient", "retry_at"), ("request_timeout", "transient", "retry_at"),
        ("message_not_found", "absent", "already"), ("file_deleted", "absent", "already"),
        ("missing_scope", "permission", "denied"), ("cant_delete_message", "permission", "denied"),
        ("compliance_exports_prevent_deletion", "held", "held"), ("edit_window_closed", "tenant", "denied"),
        ("invalid_arg_name", "bug", "failed"), ("channel_not_found", "permission", "denied"),
    ],
)  # fmt: skip
def test_each_published_code_is_one_class_of_trouble(code: str, trouble: Trouble, word: str) -> None:
    """Each code of the published list decides what comes of a record."""
    error = error_of(code, NOW)
    assert (error.trouble, error.diagnostic.code) == (trouble, code)
    assert outcome_of(error.trouble, error.diagnostic.code, NOW, frozen=True).word == word


def test_a_throttled_call_is_tried_when_the_operator_says() -> None:
    """The header names the time; without one, or with one that is no number, nobody guesses here."""
    assert error_of("ratelimited", NOW, "30").retry_at == NOW + timedelta(seconds=30)
    assert [error_of("ratelimited", NOW, told).retry_at for told in ("", "soon", "-1", "9" * 9)] == [None] * 4
    assert error_of("missing_scope", NOW, "30").retry_at is None


def test_a_sentence_is_never_repeated() -> None:
    """What is on no list may hold values of a person."""
    error = error_of("no user hanako@example.co.jp", NOW)
    assert (error.trouble, error.diagnostic.code) == ("unknown", "unknown")
    assert "hanako" not in f"{error} {error!r}"
