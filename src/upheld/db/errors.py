"""Errors of the house: one base whose values say code, clause and next step, and never a person's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What went wrong, for people and machines: no personal data in any part.

    `permanent` is false where trying again later can help. `fields` names the fields to blame.
    """

    code: str
    clause: str
    message: str
    next: str
    permanent: bool = True
    fields: tuple[str, ...] = ()


class UpheldError(Exception):
    """Something was refused or could not be done."""

    code: ClassVar[str] = "error"
    clause: ClassVar[str] = "policy"
    next_step: ClassVar[str] = "Ask the operator; the code says where to look."
    permanent: ClassVar[bool] = True

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        clause: str | None = None,
        next_step: str | None = None,
        permanent: bool | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:
        """Keep the parts; what is not given is the class's own, its docstring the message."""
        kind = type(self)
        words = message or (kind.__doc__ or "").partition("\n")[0]
        self.diagnostic = Diagnostic(
            code=code or kind.code,
            clause=clause or kind.clause,
            message=words,
            next=next_step or kind.next_step,
            permanent=kind.permanent if permanent is None else permanent,
            fields=fields,
        )
        super().__init__(words)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give what there is to say, most important first."""
        return (self.diagnostic,)


class StoreTooNewError(UpheldError):
    """The store was written by a newer release, which this one cannot read."""

    code = "store_too_new"
    clause = "security.technical"
    next_step = "Install the release that wrote the store, or restore a backup made before it."


class StoreTooOldError(UpheldError):
    """The store was written by an older release and waits for its migration."""

    code = "store_too_old"
    clause = "security.technical"
    next_step = "Take a backup with the release that wrote it, stop every server, then run `upheld migrate`."


class StoreBusyError(UpheldError):
    """The store is busy and nothing was written."""

    code = "busy"
    clause = "security.technical"
    next_step = "Try again in a second."
    permanent = False


class StoreConflictError(UpheldError):
    """Another transaction was first; nothing was written."""

    code = "busy"
    clause = "security.technical"
    next_step = "Try again in a second."
    permanent = False
