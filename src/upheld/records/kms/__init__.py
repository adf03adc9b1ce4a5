"""A root that a key management service wraps: one version of its key per root, so that destroying it is theirs to prove.

`client` speaks the REST interface of Google Cloud KMS; `fake` is a server of our own with the same states, for tests and trials.
"""

from upheld.records.kms.client import KmsClient, KmsVersion
from upheld.records.kms.root import KmsRoot

__all__ = ["KmsClient", "KmsRoot", "KmsVersion"]
