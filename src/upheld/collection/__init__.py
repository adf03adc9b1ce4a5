"""Collection: the situations. Promises that only declared fields come in, only in declared situations, and only after the purposes were shown."""

from upheld.collection.actions import collect
from upheld.collection.model import Admission, Collected, Fault, Submission
from upheld.collection.rules import admit, origin_of

__all__ = ["Admission", "Collected", "Fault", "Submission", "admit", "collect", "origin_of"]
