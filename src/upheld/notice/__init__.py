"""Notice: what people are told before anything is taken. Promises that one version is in force at a time and that showing it can be proven."""

from upheld.notice.model import Published, Snapshot
from upheld.notice.store import Shelf

__all__ = ["Published", "Shelf", "Snapshot"]
