"""Records: what is held about whom. Promises that a record opens only for what it was taken for, and that erased is gone.

Two stores: `data` has sealed records under random subject numbers; `keys` has the keys and the blind index.
"""

from upheld.records.assembly import (
    Holdings,
    Places,
    PlacesError,
    is_begun,
    migrate_stores,
    open_holdings,
    places_of,
)
from upheld.records.backup import BackupThereError, Manifest, make_backup
from upheld.records.dump import BackupUnreadableError
from upheld.records.erase import Erasing
from upheld.records.index import identifier_kinds, normal_form
from upheld.records.journal import Journal, JournalGapError, JournalLine
from upheld.records.keyring import KeyGoneError, KeyRing
from upheld.records.model import (
    CLASS_IDENTITY,
    Due,
    Erasure,
    Gone,
    IdentifierSharedError,
    MergeError,
    Proposal,
    Put,
    Record,
    RecordChangedError,
    RecordsError,
    RecordUnknownError,
    Relation,
    Standing,
    Subject,
    SubjectErasedError,
    SubjectErasingError,
)
from upheld.records.people import Wanted
from upheld.records.restore import (
    Restored,
    RestoreThereError,
    RestoreUnfinishedError,
    RootGoneError,
    fill,
    finish,
)
from upheld.records.root import Destroyed, FileRoot, RootError, RootProvider
from upheld.records.rotation import KeysBackupError, KeysStatus, Rotation, RotationRunningError, Rotations
from upheld.records.vault import Vault

__all__ = [
    "CLASS_IDENTITY",
    "BackupThereError",
    "BackupUnreadableError",
    "Destroyed",
    "Due",
    "Erasing",
    "Erasure",
    "FileRoot",
    "Gone",
    "Holdings",
    "IdentifierSharedError",
    "Journal",
    "JournalGapError",
    "JournalLine",
    "KeyGoneError",
    "KeyRing",
    "KeysBackupError",
    "KeysStatus",
    "Manifest",
    "MergeError",
    "Places",
    "PlacesError",
    "Proposal",
    "Put",
    "Record",
    "RecordChangedError",
    "RecordUnknownError",
    "RecordsError",
    "Relation",
    "RestoreThereError",
    "RestoreUnfinishedError",
    "Restored",
    "RootError",
    "RootGoneError",
    "RootProvider",
    "Rotation",
    "RotationRunningError",
    "Rotations",
    "Standing",
    "Subject",
    "SubjectErasedError",
    "SubjectErasingError",
    "Vault",
    "Wanted",
    "fill",
    "finish",
    "identifier_kinds",
    "is_begun",
    "make_backup",
    "migrate_stores",
    "normal_form",
    "open_holdings",
    "places_of",
]
