"""The ledger's doors: what anyone may fetch to check it, and the receipt that its holder keeps."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from upheld.basis import receipts
from upheld.cookies import receipts as cookie_receipts
from upheld.db import b64
from upheld.ledger import NotIntegratedError
from upheld.ledger.model import EntryUnknownError
from upheld.ledger.reading import leaf_of
from upheld.notice import House
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal

_FRESH = {"Cache-Control": "no-store"}


def routes(house: House) -> list[Any]:
    """Give the handlers; leaves, checkpoints and proofs name nobody and need no key.

    Clause: security.technical
    """
    return [*_checkpoint(house), _proof(house), *_consistency(house), _receipt(house)]


def heartbeat(house: House) -> bool:
    """Write today's heartbeat of the ledger if it has none yet and a policy is in force; gives whether it did.

    Clause: security.technical
    """
    published = house.shelf.in_force()
    return published is not None and house.ledger.heartbeat(policy_version=published.policy.version) is not None


def _checkpoint(house: House) -> list[Any]:
    @get("/api/v1/ledger/checkpoint", media_type="text/plain", sync_to_thread=True)
    def checkpoint() -> Response[str]:
        """Give the newest signed checkpoint of the ledger; the header `Upheld-Ledger-Key` names the key."""
        return answer(house.ledger.noted(house.ledger.checkpoint()).note)

    @get("/api/v1/ledger/checkpoint/cosigned", media_type="text/plain", sync_to_thread=True)
    def cosigned() -> Response[str]:
        """Give the newest checkpoint that a witness cosigned, with the lines of all that did; 404 while there is none."""
        signed = house.ledger.cosigned()
        if signed is None:
            raise Refusal("not_found")
        return answer(signed.note)

    def answer(note: str) -> Response[str]:
        headers = {**_FRESH, "Upheld-Ledger-Key": house.ledger.vkey}
        return Response(note, media_type="text/plain", headers=headers)

    return [checkpoint, cosigned]


def _proof(house: House) -> Any:
    @get("/api/v1/ledger/proof/{n:int}", sync_to_thread=True)
    def proof(n: FromPath[int]) -> Response[dict[str, Any]]:
        """Give entry `n` as its leaf, with the proof that the newest signed checkpoint holds it."""
        signed = house.ledger.checkpoint()
        if not 0 <= n < signed.size:
            raise Refusal("not_found")
        (entry,) = house.ledger.entries_since(n, 1)
        steps = house.ledger.prove_inclusion(n, signed.size)
        told = {"n": n, "leaf": leaf_of(entry).decode(), "proof": [b64(step) for step in steps]}
        return Response({**told, "checkpoint": signed.note}, headers=_FRESH)

    return proof


def _consistency(house: House) -> list[Any]:
    def answer(old: int, new: int, note: str | None) -> Response[dict[str, Any]]:
        try:
            steps = house.ledger.prove_consistency(old, new)
        except EntryUnknownError:
            raise Refusal("not_found") from None
        told: dict[str, Any] = {"old": old, "new": new, "proof": [b64(step) for step in steps]}
        return Response(told | ({"checkpoint": note} if note else {}), headers=_FRESH)

    @get("/api/v1/ledger/consistency/{old:int}", sync_to_thread=True)
    def to_newest(old: FromPath[int]) -> Response[dict[str, Any]]:
        """Give the proof that the newest signed checkpoint holds the first `old` entries unchanged, with that checkpoint."""
        signed = house.ledger.checkpoint()
        return answer(old, signed.size, signed.note)

    @get("/api/v1/ledger/consistency/{old:int}/{new:int}", sync_to_thread=True)
    def between(old: FromPath[int], new: FromPath[int]) -> Response[dict[str, Any]]:
        """Give the proof that the first `old` entries stand unchanged in the first `new`, with its checkpoint if one was signed."""
        signed = house.ledger.checkpoint_of(new)
        return answer(old, new, signed.note if signed else None)

    return [to_newest, between]


def _receipt(house: House) -> Any:
    @get("/api/v1/ledger/receipts/{number:str}", sync_to_thread=True)
    def receipt(request: AnyRequest, number: FromPath[str]) -> Response[dict[str, Any]]:
        """Give whoever holds a receipt number the receipt to check offline; 202 until the entry has its place.

        It holds leaf, position, body, salt, proof and signed checkpoint, and stays good after an erasure. Unknown
        numbers and those of erased people are 404.
        """
        keep_private(request.scope)
        in_browser = cookie_receipts.known(house, number)
        entry = (cookie_receipts.find(house, number) if in_browser else receipts.find(house, number, "en")).entry
        try:
            told: dict[str, Any] = dict(house.ledger.receipt(entry.id))
        except NotIntegratedError:
            house.stirred.set()
            waiting = {**_FRESH, "Retry-After": "1"}
            return Response({"entry": entry.ref, "state": "pending"}, status_code=202, headers=waiting)
        name = f'attachment; filename="ledger-receipt-{told["n"]}.json"'
        return Response(told, headers={**_FRESH, "Content-Disposition": name})

    return receipt
