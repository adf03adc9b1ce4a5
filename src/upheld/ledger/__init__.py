"""Ledger: what happened, in order. Promises that every change has one entry, provable offline, with no personal data in clear."""

from upheld.ledger.actions import Ledger
from upheld.ledger.kept import KeptCheckpoint
from upheld.ledger.model import (
    Body,
    BodyErasedError,
    BodySealer,
    Entry,
    EntryId,
    Event,
    LedgerError,
    LedgerFinding,
    LedgerHealth,
    NewEntry,
    NotIntegratedError,
    Receipt,
    ReceiptInvalidError,
    SigningStoppedError,
    VerifiedReceipt,
)
from upheld.ledger.note import Checkpoint, Signer, note_key, open_note
from upheld.ledger.rules import verify_receipt
from upheld.ledger.vocabulary import KINDS, Kind, kind_of

__all__ = [
    "KINDS",
    "Body",
    "BodyErasedError",
    "BodySealer",
    "Checkpoint",
    "Entry",
    "EntryId",
    "Event",
    "KeptCheckpoint",
    "Kind",
    "Ledger",
    "LedgerError",
    "LedgerFinding",
    "LedgerHealth",
    "NewEntry",
    "NotIntegratedError",
    "Receipt",
    "ReceiptInvalidError",
    "Signer",
    "SigningStoppedError",
    "VerifiedReceipt",
    "kind_of",
    "note_key",
    "open_note",
    "verify_receipt",
]
