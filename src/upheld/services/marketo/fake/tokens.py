"""Tokens of pages: opaque to whoever calls, of one method, and worthless once the instance says so."""

from __future__ import annotations

import base64
import json

from upheld.services.marketo.fake.refusals import RefusedError


class Pages:
    """Gives and reads tokens."""

    def __init__(self) -> None:
        """Begin with the first round."""
        self._round = 0

    def expire(self) -> None:
        """Make every token given so far worthless."""
        self._round += 1

    def token(self, kind: str, place: str) -> str:
        """Give a token for a place in the answers of one method."""
        return base64.urlsafe_b64encode(json.dumps([self._round, kind, place]).encode()).decode()

    def place(self, text: str, kind: str) -> str:
        """Read a token, nothing from none; raises RefusedError 1003 for one that is not of this method or too old."""
        if not text:
            return ""
        try:
            number, found, place = json.loads(base64.urlsafe_b64decode(text))
        except ValueError:
            raise RefusedError("1003") from None
        if (number, found) != (self._round, kind):
            raise RefusedError("1003")
        return str(place)
