"""What the operator's codes mean. Nearly all of them come in the body of an answer whose status line is 200."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from upheld.policy.model import Frozen
from upheld.services.port import ServiceError
from upheld.services.rules import Trouble

TROUBLES: Mapping[str, Trouble] = Frozen(
    {
        "600": "token", "601": "token", "602": "token",
        "606": "throttle", "615": "throttle",
        "607": "quota", "1029": "quota",
        "502": "transient", "604": "transient", "608": "transient", "611": "transient", "614": "transient", "713": "transient",
        "719": "transient",
        "1004": "absent", "1013": "absent", "1015": "absent",
        "603": "permission", "1008": "permission",
        "709": "tenant", "1001": "tenant", "1007": "tenant", "1009": "tenant", "1010": "tenant", "1018": "tenant", "1022": "tenant",
        "605": "bug", "609": "bug", "610": "bug", "612": "bug", "701": "bug", "704": "bug", "1002": "bug", "1003": "bug", "1006": "bug",
        "1011": "bug",
    }
)  # fmt: skip
"""Published codes and their class. A code in the six hundreds means that nothing was carried out: it is safe to ask again."""

NOT_CARRIED_OUT = re.compile(r"6[0-9]{2}")
CENTRAL = ZoneInfo("America/Chicago")
"""Where the operator's day begins: quotas are new at its midnight."""
_REQUEST = re.compile(r"[0-9A-Za-z#:_-]{1,64}")


def trouble_of(code: object) -> tuple[Trouble, str]:
    """Give the class of a code and the code itself; what is on no published list is `unknown` and never repeated."""
    text = str(code)
    return (TROUBLES[text], text) if text in TROUBLES else ("unknown", "unknown")


def error_of(code: object, now: datetime) -> ServiceError:
    """Give the error for a call that was refused as a whole."""
    trouble, text = trouble_of(code)
    return ServiceError(trouble, text, retry_at=quota_again(now) if trouble == "quota" else None)


def quota_again(now: datetime) -> datetime:
    """Give the operator's next midnight, when a day's calls and bytes are new."""
    tomorrow = now.astimezone(CENTRAL).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=CENTRAL).astimezone(UTC)


def request_of(told: object) -> str:
    """Give the operator's id of a request where it looks like one; nothing else of an answer becomes evidence."""
    text = str(told or "")
    return text if _REQUEST.fullmatch(text) else ""
