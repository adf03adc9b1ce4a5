"""The contract of all services, asked of an account that the official client talks to."""

from __future__ import annotations

from upheld.services.contract.suite import ServiceContract


class TestAws(ServiceContract):
    """Amazon Web Services."""
