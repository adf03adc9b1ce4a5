"""Amendment: how the text changes. Promises that a change takes effect at one instant, and never before the steps a law asks for are done."""

from upheld.amendment.actions import note_effective, publish
from upheld.amendment.model import Publication, PublicationStoppedError, StatutoryProcedureError

__all__ = ["Publication", "PublicationStoppedError", "StatutoryProcedureError", "note_effective", "publish"]
