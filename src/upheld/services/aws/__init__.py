"""Amazon Web Services: finds and erases people in buckets, tables, pools, lists and logs, in every version that is kept."""

from upheld.services.aws.adapter import AwsService, connect
from upheld.services.aws.mapping import AwsMap, MapError

__all__ = ["AwsMap", "AwsService", "MapError", "connect"]
