"""In which country a cloud region lies; a name that is not known here lies nowhere the policy states."""

from __future__ import annotations

import re

_COUNTRY = re.compile(r"[A-Z]{2}")
# Prefixes of region names as operators publish them; the longest that fits decides.
_REGIONS: dict[str, str] = {
    "ap-northeast-1": "JP", "ap-northeast-2": "KR", "ap-northeast-3": "JP", "ap-south-": "IN", "ap-southeast-1": "SG",
    "ap-southeast-2": "AU", "ca-central-": "CA", "eu-central-1": "DE", "eu-central-2": "CH", "eu-north-1": "SE",
    "eu-south-1": "IT", "eu-south-2": "ES", "eu-west-1": "IE", "eu-west-2": "GB", "eu-west-3": "FR", "sa-east-1": "BR",
    "us-east-": "US", "us-west-": "US", "us-gov-": "US",
    "asia-northeast1": "JP", "asia-northeast2": "JP", "asia-northeast3": "KR", "asia-south": "IN",
    "asia-southeast1": "SG", "australia-southeast": "AU", "europe-north1": "FI", "europe-southwest1": "ES",
    "europe-west1": "BE", "europe-west2": "GB", "europe-west3": "DE", "europe-west4": "NL", "europe-west6": "CH",
    "europe-west8": "IT", "europe-west9": "FR", "europe-west10": "DE", "europe-west12": "IT",
    "northamerica-northeast": "CA", "southamerica-east1": "BR", "us-central": "US", "us-east1": "US", "us-east4": "US",
    "us-south1": "US", "us-west1": "US", "us-west2": "US", "us-west3": "US", "us-west4": "US",
}  # fmt: skip


def country_of(region: str) -> str | None:
    """Give the country of a region name or of a country code; None for a name that is not known."""
    if _COUNTRY.fullmatch(region):
        return region
    fitting = [prefix for prefix in _REGIONS if region == prefix or (prefix[-1] == "-" and region.startswith(prefix))]
    fitting += [prefix for prefix in _REGIONS if prefix[-1].isalpha() and re.fullmatch(f"{prefix}\\d+", region)]
    return _REGIONS[max(fitting, key=len)] if fitting else None
