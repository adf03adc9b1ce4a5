"""The contract every service keeps, as tests: for ours, and for those who write a service of their own.

A subclass of `ServiceContract` names a double, a system with the service's real interface that may be looked at from
behind; `pytest` then asks of it what every service promises.
"""

from upheld.services.contract.double import Double
from upheld.services.contract.people import CANARY, HANAKO, LENA, LOOK_ALIKE, ODD, OLIVER, Planted
from upheld.services.contract.proxy import FaultProxy
from upheld.services.contract.serving import Running, serving

__all__ = ["CANARY", "HANAKO", "LENA", "LOOK_ALIKE", "ODD", "OLIVER", "Double", "FaultProxy", "Planted", "Running", "serving"]
