"""What the operator's codes mean. All of them but the throttle come in the body of an answer whose status line is 200."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from upheld.policy.model import Frozen
from upheld.services.port import ServiceError
from upheld.services.rules import Trouble

TROUBLES: Mapping[str, Trouble] = Frozen(
    {
        "invalid_auth": "token", "token_revoked": "token", "token_expired": "token", "not_authed": "token", "account_inactive": "token",
        "ratelimited": "throttle",
        "fatal_error": "transient", "internal_error": "transient", "request_timeout": "transient", "service_unavailable": "transient",
        "message_not_found": "absent", "file_deleted": "absent", "file_not_found": "absent", "users_not_found": "absent", "user_not_found": "absent", "thread_not_found": "absent",
        "missing_scope": "permission", "not_allowed_token_type": "permission", "no_permission": "permission",
        "access_denied": "permission", "not_in_channel": "permission", "channel_not_found": "permission",
        "cant_delete_message": "permission", "cant_update_message": "permission", "cant_delete_file": "permission",
        "compliance_exports_prevent_deletion": "held",
        "edit_window_closed": "tenant", "restricted_action": "tenant", "is_archived": "tenant",
        "invalid_arg_name": "bug", "invalid_arguments": "bug", "invalid_cursor": "bug",
    }
)  # fmt: skip
"""Published codes and their class. `channel_not_found` is also said of channels out of sight, so it never counts as gone."""
_SECONDS = re.compile(r"[0-9]{1,5}")


def error_of(code: object, now: datetime, retry_after: str = "") -> ServiceError:
    """Give the error for a refused call; what is on no published list is `unknown` and never repeated.

    `retry_after` is the header of a throttled answer, in whole seconds.
    """
    text = str(code)
    if text not in TROUBLES:
        return ServiceError("unknown", "unknown")
    trouble = TROUBLES[text]
    named = trouble == "throttle" and _SECONDS.fullmatch(retry_after)
    return ServiceError(trouble, text, retry_at=now + timedelta(seconds=int(retry_after)) if named else None)
