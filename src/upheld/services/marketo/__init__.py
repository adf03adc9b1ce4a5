"""Adobe Marketo Engage: finds, reads, writes, corrects, stops and erases people there, and says how long it still names them."""

from upheld.services.marketo.adapter import MarketoService
from upheld.services.marketo.connecting import connect
from upheld.services.marketo.mapping import MarketoMap, read_map

__all__ = ["MarketoMap", "MarketoService", "connect", "read_map"]
