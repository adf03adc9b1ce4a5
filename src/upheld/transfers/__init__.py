"""Transfers: where data may go. Promises that nothing reaches a country without the position and the mechanism that the law asks for that day."""

from upheld.transfers.model import Route, Stop
from upheld.transfers.rules import permitted

__all__ = ["Route", "Stop", "permitted"]
