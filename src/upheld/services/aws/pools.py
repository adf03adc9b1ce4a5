"""Pools of people who sign in: asked by what the operator lets them be asked by, signed out everywhere, then deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upheld.services.aws.client import Account, Role
from upheld.services.aws.mapping import Pool
from upheld.services.aws.part import NOT_WRITTEN, digest, each, in_arn, lies, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import names, written

_ITS_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "cognito:user_status", "cognito:mfa_enabled", "identities", "updated_at"})
"""Attributes that the operator itself keeps of everybody who signs in."""


class Members:
    """The people of one pool."""

    def __init__(self, account: Account, store: str, told: Pool) -> None:
        """Keep what the map says; nothing is called."""
        self.store, self._told, self._account = store, told, account

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with people who sign in."""
        mail = "a pool sends codes to those who sign in, and no advertising"
        return told(
            self.store, ("find", "fetch", "correct", "restrict", "release", "erase"),
            {"write": ("none", NOT_WRITTEN), "suppress": ("none", mail), "unsuppress": ("none", mail)},
            {
                "find": ("cognito-idp:ListUsers",), "fetch": ("cognito-idp:AdminGetUser",),
                "correct": ("cognito-idp:AdminUpdateUserAttributes",), "restrict": ("cognito-idp:AdminDisableUser",),
                "release": ("cognito-idp:AdminEnableUser",), "erase": ("cognito-idp:AdminUserGlobalSignOut", "cognito-idp:AdminDeleteUser"),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the pool lies, by the operator's own name for it."""
        return lies(self.store, in_arn(self._ask("describe_user_pool")["UserPool"]["Arn"]), self._account.clock)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream the people whom an identifier names, each once."""
        seen = set[str]()
        for kind, attribute in self._told.identity.items():
            for value in _forms(who, kind, attribute):
                for user in self._asked(f'{attribute} = "{escaped(value)}"'):
                    if user["Username"] not in seen:
                        seen.add(user["Username"])
                        yield self._ref(user["Username"], user.get("Attributes", ()))

    def _asked(self, words: str) -> Iterator[dict[str, Any]]:
        for page in self._account.pages("cognito-idp", "list_users", region=self._told.region, UserPoolId=self._told.pool, Filter=words):
            if "Users" not in page:
                raise ServiceError("transient", "answer_unreadable")
            yield from page["Users"]

    def _ask(self, operation: str, *, role: Role = "read", **more: Any) -> dict[str, Any]:
        return self._account.ask("cognito-idp", operation, role=role, region=self._told.region, UserPoolId=self._told.pool, **more)

    def _ref(self, username: str, attributes: Sequence[Mapping[str, str]]) -> Ref:
        """Give the record with a fingerprint of what it holds; whether one may sign in is no part of that."""
        told = sorted((one["Name"], one["Value"]) for one in attributes if one["Name"] != "sub")
        return Ref(self.store, (username,), digest(told))

    def _user(self, ref: Ref) -> dict[str, Any] | None:
        try:
            return self._ask("admin_get_user", Username=ref.key[0])
        except ServiceError as error:
            if error.trouble == "absent":
                return None
            raise

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those who are still in the pool."""
        yield from (ref for ref in refs if self._user(ref) is not None)

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream the attributes of people, and whether they may sign in."""
        for ref in refs:
            user = self._user(ref)
            if user is not None:
                yield Item(ref, {**_attributes(user), "enabled": str(user["Enabled"]).lower(), "created": str(user.get("UserCreateDate", ""))})

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: people sign up themselves."""
        raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Erase, correct, or stop and allow signing in."""
        acts = {"erase": self._erase, "correct": lambda ref: self._correct(job, ref)}
        yield from each(self._account, refs, acts.get(job.op, lambda ref: self._enable(ref, enabled=job.op == "release")))

    def _erase(self, ref: Ref) -> Outcome:
        """Sign out everywhere, then delete: a token that was given out would read on for an hour."""
        user = self._user(ref)
        if user is None:
            return Outcome("already")
        if self._ref(str(ref.key[0]), user.get("UserAttributes", ())).version != ref.version:
            return Outcome("conflict", "changed")
        self._ask("admin_user_global_sign_out", role="delete", Username=ref.key[0])
        return Outcome("done", evidence=request_of(self._ask("admin_delete_user", role="delete", Username=ref.key[0])))

    def _enable(self, ref: Ref, *, enabled: bool) -> Outcome:
        user = self._user(ref)
        if user is None or user["Enabled"] == enabled:
            return Outcome("already")
        operation = "admin_enable_user" if enabled else "admin_disable_user"
        return Outcome("done", evidence=request_of(self._ask(operation, role="write", Username=ref.key[0])))

    def _correct(self, job: Job, ref: Ref) -> Outcome:
        user = self._user(ref)
        if user is None:
            return Outcome("already", "gone")
        now, wanted = _attributes(user), []
        for name, field in self._told.fields.items():
            if field not in job.change or name not in now or now[name] == job.change[field]:
                continue
            if field in job.before and not names({field: (job.before[field],)}, field, now[name]):
                return Outcome("conflict", field)
            wanted.append({"Name": name, "Value": job.change[field]})
        if not wanted:
            return Outcome("already")
        answer = self._ask("admin_update_user_attributes", role="write", Username=ref.key[0], UserAttributes=wanted)
        return Outcome("done", evidence=request_of(answer))

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say which attributes of the company's own, and which of people in a sample, the map does not name."""
        named = {*self._told.fields, *self._told.identity.values(), *self._told.not_personal, *_ITS_OWN}
        schema = self._ask("describe_user_pool")["UserPool"].get("SchemaAttributes", ())
        own = {one["Name"] for one in schema if one["Name"].startswith("custom:")}
        users = self._ask("list_users", Limit=min(sample, 60)).get("Users", [])
        have = [_attributes({"UserAttributes": user.get("Attributes", ())}) for user in users]
        for name in sorted(own.union(*have) - named):
            count = sum(name in one for one in have)
            yield Seen(self.store, name, "field_not_in_policy", share=count / len(have) if have else 0.0, count=count)


def _forms(who: Identities, kind: str, attribute: str) -> tuple[str, ...]:
    """Give what a pool may hold of an identifier: of numbers it takes the international form only, without spaces."""
    values = written(who, kind)
    return tuple(one for one in values if one[:1] == "+" and one[1:].isdigit()) if attribute == "phone_number" else values


def escaped(value: str) -> str:
    """Write a value so that the operator's filter reads it as nothing but itself."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _attributes(user: Mapping[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in user.get("UserAttributes", ())}
