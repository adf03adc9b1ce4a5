"""Credentials by reference: a map names a secret, and only the step that needs it looks it up."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from upheld.db import UpheldError

PREFIX = "secret:"


class SecretError(UpheldError):
    """A secret that a map names is not there, or others may read it."""

    code = "secret_missing"
    clause = "security.technical"
    next_step = "Put it into `secrets/NAME` of the data folder, readable for its owner alone, or into UPHELD_SECRET_NAME."


def resolve(reference: str, data: Path) -> str:
    """Give the secret that `secret:NAME` means: from the environment, else from a file of the data folder.

    Raises SecretError for a credential written out, for a name that leads elsewhere, and for a file that others
    can read.
    Clause: security.technical (APPI 23; GDPR 32)
    """
    name = reference.removeprefix(PREFIX)
    if name == reference or not name.replace("_", "").replace("-", "").isalnum():
        raise SecretError("a map names a secret as `secret:NAME`; it never holds one")
    found = os.environ.get(f"UPHELD_SECRET_{name.upper().replace('-', '_')}")
    if found:
        return found
    file = data / "secrets" / name
    try:
        open_to_others = file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        text = file.read_text("utf-8").strip()
    except OSError:
        raise SecretError(f"there is no secret {name}") from None
    if open_to_others:
        raise SecretError(f"others than its owner may read the secret {name}", code="secret_open")
    return text
