"""Lists of addresses that get mail, and the account's own list of addresses that get none.

The second outlives an erasure: it is what keeps mail from being sent to somebody whose contact a later import
brings back. The policy has to say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from upheld.services.aws.client import Account, Role
from upheld.services.aws.mapping import ContactList
from upheld.services.aws.part import NOT_WRITTEN, each, lies, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import written

STAYS = "the address stays on the account's list of those who get no mail, which is what keeps mail from going out"


class Contacts:
    """The contacts of one list."""

    def __init__(self, account: Account, store: str, told: ContactList) -> None:
        """Keep what the map says; nothing is called."""
        self.store, self._told, self._account = store, told, account
        self._region = told.region or account.region

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with contacts; stopping mail is one list for the whole account and region."""
        use = "a contact is for mail alone; suppress it"
        return told(
            self.store, ("find", "fetch", "suppress", "unsuppress"),
            {
                "erase": ("partial", STAYS), "write": ("none", NOT_WRITTEN), "restrict": ("none", use), "release": ("none", use),
                "correct": ("none", "an address is the contact's own key: the corrected one is another contact"),
            },
            {
                "find": ("ses:GetContact", "ses:GetContactList"), "fetch": ("ses:GetContact", "ses:GetSuppressedDestination"),
                "suppress": ("ses:PutSuppressedDestination",), "unsuppress": ("ses:DeleteSuppressedDestination",),
                "erase": ("ses:DeleteContact",),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the list lies: in the region that answers for it."""
        self._ask("get_contact_list")
        return lies(self.store, self._region, self._account.clock)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream the contacts of a person. The operator takes the address in the path of the call only."""
        self._ask("get_contact_list")  # a list that is not there must not look like a list without the person
        for address in written(who, "email"):
            if self._contact(address) is not None:
                yield Ref(self.store, (address,), b"")

    def _ask(self, operation: str, *, role: Role = "read", **more: Any) -> dict[str, Any]:
        return self._account.ask("sesv2", operation, role=role, region=self._region, ContactListName=self._told.list, **more)

    def _contact(self, address: str) -> dict[str, Any] | None:
        try:
            return self._ask("get_contact", EmailAddress=address)
        except ServiceError as error:
            if error.trouble == "absent":
                return None
            raise

    def _suppressed(self, address: str) -> str:
        """Give why an address gets no mail; empty when it does."""
        try:
            told = self._account.ask("sesv2", "get_suppressed_destination", region=self._region, EmailAddress=address)
        except ServiceError as error:
            if error.trouble == "absent":
                return ""
            raise
        return str(told["SuppressedDestination"]["Reason"])

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those contacts that are still on the list."""
        yield from (ref for ref in refs if self._contact(str(ref.key[0])) is not None)

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what the list holds of contacts, and whether their address gets mail at all."""
        for ref in refs:
            address = str(ref.key[0])
            contact = self._contact(address)
            if contact is not None:
                topics = {f"topic.{one['TopicName']}": one["SubscriptionStatus"] for one in contact.get("TopicPreferences", ())}
                told = {"email": address, **topics, "unsubscribed": str(contact.get("UnsubscribeAll", False)).lower()}
                told |= {"attributes": contact["AttributesData"]} if contact.get("AttributesData") else {}
                yield Item(ref, {**told, "suppressed": self._suppressed(address) or "no"})

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: who gets mail is decided where consent is kept."""
        raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Erase contacts, or stop and allow mail to their addresses."""
        acts = {"erase": self._erase, "suppress": self._suppress, "unsuppress": self._unsuppress}
        yield from each(self._account, refs, acts[job.op])

    def _erase(self, ref: Ref) -> Outcome:
        if self._contact(str(ref.key[0])) is None:
            return Outcome("already")
        return Outcome("done", evidence=request_of(self._ask("delete_contact", role="delete", EmailAddress=ref.key[0])))

    def _suppress(self, ref: Ref) -> Outcome:
        address = str(ref.key[0])
        if self._suppressed(address):
            return Outcome("already")
        told = {"EmailAddress": address, "Reason": "COMPLAINT"}  # a bounce would say that the address is dead
        answer = self._account.ask("sesv2", "put_suppressed_destination", role="write", region=self._region, **told)
        return Outcome("done", evidence=request_of(answer))

    def _unsuppress(self, ref: Ref) -> Outcome:
        """Let mail go out again where it was stopped on the person's wish; a dead address stays stopped."""
        address = str(ref.key[0])
        reason = self._suppressed(address)
        if reason != "COMPLAINT":
            return Outcome("already", reason.lower())
        answer = self._account.ask("sesv2", "delete_suppressed_destination", role="write", region=self._region, EmailAddress=address)
        return Outcome("done", evidence=request_of(answer))

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say nothing: a contact has the fields that the operator gives it."""
        yield from ()
