"""Salesforce: finds, corrects, restricts, stops mail to and erases people there, and says what its bin still holds."""

from upheld.services.salesforce.adapter import SalesforceService
from upheld.services.salesforce.connecting import connect
from upheld.services.salesforce.mapping import MapError, OrgMap, shipped, with_own

__all__ = ["MapError", "OrgMap", "SalesforceService", "connect", "shipped", "with_own"]
