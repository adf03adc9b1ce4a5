"""Marketo keeps the contract that every service keeps, on its double and over HTTP."""

from __future__ import annotations

import pytest

from tests.services.marketo.double import Instance
from upheld.services.contract import Double
from upheld.services.contract.suite import ServiceContract


class TestMarketo(ServiceContract):
    """The fake instance, reached through the proxy that lets calls fail."""

    @pytest.fixture
    def double(self, instance: Instance) -> Double:
        return instance
