"""The guard of the rooms below: who calls, by API key, and whether they may take in data or write consents."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.notice import House
from upheld.security import keys
from upheld.security.model import Reader
from upheld.web.refusals import Refusal

_CLAUSE = "security.technical.access"


class KeyGuard:
    """Knows callers by their API key.

    Clause: security.technical.access (APPI 23)
    """

    def __init__(self, house: House) -> None:
        """Look keys up in the house's store."""
        self._house = house

    def reader(self, headers: Mapping[str, str]) -> Reader:
        """Give the caller as a reader; raises Refusal `not_signed_in`."""
        return keys.authenticate(self._house, headers.get("authorization"))

    def caller(self, headers: Mapping[str, str], scope: str) -> str | None:
        """Give the actor, or None where no key came: who brings one is judged by it. Raises Refusal as `permit` does."""
        return self.permit(headers, scope) if headers.get("authorization") else None

    def permit(self, headers: Mapping[str, str], scope: str) -> str:
        """Give the actor if they may do `scope`: a program by its scopes, staff while they hold any role.

        `consents:write` covers every purpose, `requests:write` every right; all other scopes cover what they name.
        """
        reader = self.reader(headers)
        kind = scope.partition(":")[0]
        wide = {f"{kind}:write"} if kind in {"consents", "requests"} else set()
        allowed = reader.purposes != frozenset() if reader.staff else reader.scopes & {scope, *wide}
        if not allowed:
            raise Refusal("forbidden", _CLAUSE)
        return reader.actor
