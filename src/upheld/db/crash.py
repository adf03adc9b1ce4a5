"""Crash points: named places where a fault test ends the process as a power cut would."""

from __future__ import annotations

import os


def crash_point(step: str) -> None:
    """End the process at once when `UPHELD_CRASH_AT` names this step; no clean-up, no flush.

    A step is named after what has just become durable, e.g. `erase.journal`.
    """
    if os.environ.get("UPHELD_CRASH_AT") == step:
        os._exit(137)
