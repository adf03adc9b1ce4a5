"""What the operator's error codes mean: one table, by code and never by the sentence beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from upheld.policy.model import Frozen
from upheld.services.port import ServiceError
from upheld.services.rules import Trouble

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,60}")

TROUBLE: Mapping[str, Trouble] = Frozen(
    {
        "INVALID_SESSION_ID": "token", "INVALID_AUTH_HEADER": "token",
        "REQUEST_LIMIT_EXCEEDED": "throttle", "EXCEEDED_QUOTA": "quota",
        "QUERY_TIMEOUT": "transient", "UNABLE_TO_LOCK_ROW": "transient", "SERVER_UNAVAILABLE": "transient",
        "UNKNOWN_EXCEPTION": "transient", "INVALID_QUERY_LOCATOR": "transient", "OPERATION_TOO_LARGE": "transient",
        "INTERNALSERVERERROR": "transient",
        "ENTITY_IS_DELETED": "absent", "NOT_FOUND": "absent", "INVALID_CROSS_REFERENCE_KEY": "absent",
        "INSUFFICIENT_ACCESS": "permission", "INSUFFICIENT_ACCESS_OR_READONLY": "permission",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "permission", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "tenant",
        "INVALID_FIELD_FOR_INSERT_UPDATE": "permission", "API_DISABLED_FOR_ORG": "permission", "API_CURRENTLY_DISABLED": "permission",
        "FEATURENOTENABLED": "permission", "INVALID_CLIENT": "permission", "INVALID_CLIENT_ID": "permission",
        "INVALID_GRANT": "permission", "UNSUPPORTED_GRANT_TYPE": "permission", "INVALID_LOGIN": "permission",
        "ENTITY_IS_LOCKED": "held",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": "tenant", "DUPLICATES_DETECTED": "tenant", "DUPLICATE_VALUE": "tenant",
        "CANNOT_UPDATE_CONVERTED_LEAD": "tenant", "DELETE_FAILED": "tenant", "STRING_TOO_LONG": "tenant",
        "REQUIRED_FIELD_MISSING": "tenant", "INVALID_EMAIL_ADDRESS": "tenant", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "tenant",
        "DEPENDENCY_EXISTS": "tenant",
        "MALFORMED_QUERY": "bug", "MALFORMED_SEARCH": "bug", "MALFORMED_ID": "bug", "INVALID_FIELD": "bug", "INVALID_TYPE": "bug",
        "JSON_PARSER_ERROR": "bug", "INVALID_QUERY_FILTER_OPERATOR": "bug", "EXCEEDED_ID_LIMIT": "bug", "METHOD_NOT_ALLOWED": "bug",
    }
)  # fmt: skip
"""Codes of the published lists. The same code stands in three places: a body's list, a row of results, and OAuth's `error`."""


def trouble_of(code: str) -> tuple[Trouble, str]:
    """Give the class of a code and the code as it may be kept; what is no code at all becomes `unknown`."""
    known = code.upper() if _CODE.fullmatch(code) else ""
    return TROUBLE.get(known, "unknown"), known if known in TROUBLE else "unknown"


def code_in(content: Any) -> str:
    """Find the code in the body of an answer: a list of errors, one error, or OAuth's own form; empty where there is none."""
    told = content[0] if isinstance(content, list) and content else content
    if not isinstance(told, Mapping):
        return ""
    return str(told.get("errorCode") or told.get("statusCode") or told.get("error") or "")


def error_of(status: int, content: Any, *, spent: bool = False, retry_at: datetime | None = None) -> ServiceError:
    """Make the error for an answer that is none; `spent` says that the calls of the day are used up, `retry_at` until when.

    The status line decides only where the body says nothing: a limit has come as 403 and as 400.
    """
    trouble, code = trouble_of(code_in(content))
    if status == 429:
        return ServiceError("throttle", "HTTP_429", retry_at=retry_at)
    if status >= 500 and trouble == "unknown":
        return ServiceError("transient", f"HTTP_{status}")
    if status == 401 and trouble == "unknown":
        return ServiceError("token", "HTTP_401")
    if code == "REQUEST_LIMIT_EXCEEDED" and spent:
        return ServiceError("quota", code, retry_at=retry_at)
    return ServiceError(trouble, code)
