"""The contract of all services, kept by Salesforce as our fake has it."""

from upheld.services.contract.suite import ServiceContract


class TestSalesforce(ServiceContract):
    pass
