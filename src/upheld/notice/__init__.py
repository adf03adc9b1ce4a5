"""Notice: what people are told before anything is taken. Promises that one version is in force at a time and that showing it can be proven."""

from upheld.notice.actions import Notices
from upheld.notice.house import House
from upheld.notice.model import Published, Sheet, Shown, Snapshot, Told
from upheld.notice.once import Act, Once
from upheld.notice.store import Shelf

__all__ = ["Act", "House", "Notices", "Once", "Published", "Sheet", "Shelf", "Shown", "Snapshot", "Told"]
