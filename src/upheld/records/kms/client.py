"""Calls to a key management service: make a version of the key, wrap and unwrap under it, destroy it."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upheld.records.root import RootError

SECONDS = 10.0
_GONE = frozenset({"DESTROY_SCHEDULED", "DESTROYED"})


class KmsUnreachableError(RootError):
    """The key management service did not answer."""

    code = "kms_unreachable"
    next_step = "Try again; when it stays, look at the service's status and the address in keeping.toml."
    permanent = False


class KmsRefusedError(RootError):
    """The key management service refused."""

    code = "kms_refused"
    next_step = "Check the token's variable and its rights on the key: make, use and destroy versions."


@dataclass(frozen=True, slots=True)
class KmsVersion:
    """One version of the key: its number, whether it opens anything, and when it is gone for good (UTC)."""

    number: int
    enabled: bool
    gone_at: datetime | None = None


class KmsClient:
    """The key `projects/…/cryptoKeys/…` of one service. The token is asked for with every call and kept nowhere."""

    def __init__(self, url: str, key: str, token: Callable[[], str]) -> None:
        """Speak to `url`, over https unless it is loopback; raises RootError for another address."""
        if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise RootError("A key management service is reached over https.")
        self._url = url.rstrip("/")
        self._key = key
        self._token = token

    def make(self) -> int:
        """Make a version of the key and give its number."""
        return _version(self._call("POST", f"{self._key}/cryptoKeyVersions", {})).number

    def versions(self) -> list[KmsVersion]:
        """List the versions, oldest first."""
        found: list[KmsVersion] = []
        page = ""
        while True:
            told = self._call("GET", f"{self._key}/cryptoKeyVersions?pageSize=100&pageToken={page}")
            found += [_version(one) for one in told.get("cryptoKeyVersions", [])]
            page = told.get("nextPageToken", "")
            if not page:
                return sorted(found, key=lambda one: one.number)

    def wrap(self, number: int, plain: bytes, aad: bytes) -> bytes:
        """Seal bytes under a version."""
        body = {"plaintext": _b64(plain), "additionalAuthenticatedData": _b64(aad)}
        return _bytes(self._call("POST", f"{self._at(number)}:encrypt", body), "ciphertext")

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """Open bytes sealed by `wrap`; raises KmsRefusedError when their version opens nothing any more."""
        body = {"ciphertext": _b64(wrapped), "additionalAuthenticatedData": _b64(aad)}
        return _bytes(self._call("POST", f"{self._key}:decrypt", body), "plaintext")

    def destroy(self, number: int) -> KmsVersion:
        """Let a version open nothing from now on and be gone for good after the key's window; twice does no harm."""
        now = _version(self._call("GET", self._at(number)))
        if now.gone_at is None:
            now = _version(self._call("POST", f"{self._at(number)}:destroy", {}))
        return now

    def _at(self, number: int) -> str:
        return f"{self._key}/cryptoKeyVersions/{number}"

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked when the client was made
            f"{self._url}/v1/{path}", data=sent, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - same
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 429 or error.code >= 500:
                raise KmsUnreachableError from None
            raise KmsRefusedError(f"The key management service refused with {error.code}.") from None
        except (OSError, ValueError):
            raise KmsUnreachableError from None


def _version(told: Any) -> KmsVersion:
    """Read a version; what is no version is the service's fault."""
    try:
        number = int(str(told["name"]).rpartition("/")[2])
        gone = told.get("destroyEventTime") or told.get("destroyTime")
        if told["state"] in _GONE:
            return KmsVersion(number, False, datetime.fromisoformat(gone))
        return KmsVersion(number, told["state"] == "ENABLED")
    except (KeyError, TypeError, ValueError):
        raise KmsUnreachableError from None


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(told: Any, name: str) -> bytes:
    try:
        return base64.b64decode(told[name], validate=True)
    except (KeyError, TypeError, ValueError):
        raise KmsUnreachableError from None
