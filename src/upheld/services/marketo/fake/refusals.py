"""How the instance says no: by a code in the body of an answer that is otherwise a success."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.policy.model import Frozen

WORDS: Mapping[str, str] = Frozen(
    {
        "502": "Bad Gateway", "600": "Empty access token", "601": "Access token invalid", "602": "Access token expired",
        "603": "Access denied", "604": "Request timed out", "605": "HTTP Method not supported", "606": "Max rate limit exceeded",
        "607": "Daily quota reached", "608": "API Temporarily Unavailable", "609": "Invalid JSON",
        "610": "Requested resource not found", "611": "System error", "612": "Invalid Content Type",
        "614": "Invalid Subscription", "615": "Concurrent access limit reached", "701": "cannot be blank",
        "702": "No data found for a given search scenario", "709": "Business Rule Violation", "713": "Transient Error",
        "1001": "Invalid value", "1002": "Missing value for the required parameter", "1003": "Invalid data",
        "1004": "Lead not found", "1005": "Lead already exists", "1006": "Field not found",
        "1007": "Multiple lead match lookup criteria", "1008": "Access denied to partition", "1013": "Object not found",
        "1015": "Lead not in list", "1018": "CRM Enabled", "1022": "Object in use", "1029": "Too many jobs in queue",
        "1999": "A code that no list has",
    }
)  # fmt: skip
"""The codes that this instance says, with the operator's words; the last stands for one that nobody has published."""


class RefusedError(Exception):
    """A whole call was refused: nothing of it was carried out."""

    def __init__(self, code: str) -> None:
        """Keep the code, a key of WORDS."""
        super().__init__(code)
        self.code = code


def reason(code: str) -> dict[str, str]:
    """Give a code with its words, as answers carry it."""
    return {"code": code, "message": WORDS[code]}
