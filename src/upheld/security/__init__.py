"""Security: who may see what. Promises that a field is read only by someone whose work needs it, for a purpose its record was given for, and that each read can be shown."""

from upheld.security.actions import read
from upheld.security.audience import audience
from upheld.security.judging import keep_by
from upheld.security.model import Account, ApiKey, Kept, Lock, Reader, Reading, Rules
from upheld.security.rules import STEPS, may_read

__all__ = [
    "STEPS",
    "Account",
    "ApiKey",
    "Kept",
    "Lock",
    "Reader",
    "Reading",
    "Rules",
    "audience",
    "keep_by",
    "may_read",
    "read",
]
