"""What an account has besides the stores of its map: buckets, tables, pools and groups of logs that nobody declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from upheld.services.aws.client import Account
from upheld.services.aws.mapping import AwsMap
from upheld.services.model import Seen


def undeclared(account: Account, told: AwsMap, regions: Sequence[str]) -> Iterator[Seen]:
    """Say which stores the map neither holds nor calls free of people: buckets everywhere, the rest in some regions."""
    buckets = {one["Name"] for page in account.pages("s3", "list_buckets") for one in page.get("Buckets", ())}
    yield from _beyond("s3", buckets, {one.bucket for one in told.buckets.values()}, told)
    for region in regions:
        tables = {name for page in account.pages("dynamodb", "list_tables", region=region) for name in page.get("TableNames", ())}
        yield from _beyond("dynamodb", tables, {one.table for one in told.tables.values()}, told)
        pools = {
            one["Id"] for page in account.pages("cognito-idp", "list_user_pools", region=region, MaxResults=60)
            for one in page.get("UserPools", ())
        }  # fmt: skip
        yield from _beyond("cognito", pools, {one.pool for one in told.pools.values()}, told)
        lists = {one["ContactListName"] for one in account.ask("sesv2", "list_contact_lists", region=region).get("ContactLists", ())}
        yield from _beyond("ses", lists, {one.list for one in told.contact_lists.values()}, told)
        groups = {
            one["logGroupName"] for page in account.pages("logs", "describe_log_groups", region=region) for one in page.get("logGroups", ())
        }
        yield from _beyond("logs", groups, {one.group for one in told.log_groups.values()}, told)


def _beyond(kind: str, live: set[str], declared: set[str], told: AwsMap) -> Iterator[Seen]:
    free = declared | {one.removeprefix(f"{kind}:") for one in told.not_personal if one.startswith(f"{kind}:")}
    for name in sorted(live - free):
        yield Seen(f"{kind}:{name}", "", "store_undeclared", kind)
