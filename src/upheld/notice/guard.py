"""The guard: who a program or a member of staff is, as far as the rooms below need to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from upheld.web.refusals import Refusal


class Guard(Protocol):
    """Tells who calls, from the headers of a request; a room above, which knows keys and staff, implements it."""

    def caller(self, headers: Mapping[str, str], scope: str) -> str | None:
        """Give the actor (`staff:7`, `key:ab12`) or None where no key came; raises Refusal for a key that may not do `scope`."""
        ...

    def permit(self, headers: Mapping[str, str], scope: str) -> str:
        """Give the actor if they may do `scope` (`consents:write`); raises Refusal `not_signed_in` or `forbidden`."""
        ...


class ClosedGuard:
    """Knows nobody: whatever needs a caller is refused."""

    def caller(self, headers: Mapping[str, str], scope: str) -> str | None:
        """Give None."""
        return None

    def permit(self, headers: Mapping[str, str], scope: str) -> str:
        """Refuse."""
        raise Refusal("not_signed_in", "security.technical")
