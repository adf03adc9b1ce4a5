"""Refusals: one value that says what was refused, under which clause and what to do next, as RFC 9457 says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from upheld.db import Diagnostic, UpheldError
from upheld.web.words import words

_BY_STATUS: Mapping[int, str] = {
    400: "malformed member_twice too_deep receipt_invalid idempotency_missing",
    401: "not_signed_in",
    403: """purpose_not_declared purpose_gap no_legal_basis basis_missing basis_ended consent_missing consent_withdrawn
        objected restricted use_ceased provision_stopped suppressed review_pending aggregate_only link_needs_consent
        retention_expired role_not_allowed training_expired rules_not_accepted agent_unproven service_unknown
        review_overdue region_mismatch country_unassessed third_party_no_basis foreign_no_position
        transfer_no_safeguard scc_module uk_addendum_missing forbidden cross_site""",
    404: "situation_unknown not_found",
    405: "method_not_allowed",
    409: """notice_not_shown notice_stale statutory_procedure fee_unpaid identity_needed idempotency_running
        person_not_told""",
    410: "gone",
    412: "changed_meanwhile",
    413: "too_large",
    415: "media_type",
    422: """field_not_declared field_required item_not_listed subtype_unknown source_unconfirmed special_care_no_consent
        interest_unknown statute_jurisdiction approval_missing ground_missing objection_absolute right_not_offered member_unknown
        value_invalid idempotency_mismatch search_too_wide""",
    428: "precondition_missing",
    429: "too_many",
    500: "internal",
    503: "busy not_in_force",
}
STATUS: Mapping[str, int] = {code: status for status, codes in _BY_STATUS.items() for code in codes.split()}
"""Each code and its HTTP status. A code never changes its meaning; `approval_missing` is 403 at a transfer."""

_RETRY_SECONDS = {"busy": 1, "idempotency_running": 1, "too_many": 60, "not_in_force": 60}
_HOLE = re.compile(r"\{(\w+)\}")


class Refusal(UpheldError):  # noqa: N818 - the word of the house for what a caller is told
    """Something the policy, the law or the form of a call does not allow.

    `params` fill the sentences and hold ids of the policy only (`situation`, `purpose`, `field`, `service`,
    `country`, `right`, `version` ...), never what a caller sent. `status` differs from the table's only where the
    table says so. `permanent` is false for the codes that a later try may cure.
    """

    def __init__(
        self,
        code: str,
        clause: str = "policy",
        *,
        fields: tuple[str, ...] = (),
        policy_version: str | None = None,
        params: Mapping[str, str] | None = None,
        status: int | None = None,
        next_step: str | None = None,
        after: int | None = None,
    ) -> None:
        """Keep the parts; `after` are the seconds a caller should wait, where that is known better than the table.

        Raises KeyError for a code that the table does not know.
        """
        self._after = after
        self.status = status or STATUS[code]
        self.policy_version = policy_version
        self.params: Mapping[str, str] = dict(params or {})
        self.own_next = next_step
        super().__init__(
            f"{code} ({clause})",
            code=code,
            clause=clause,
            permanent=code not in _RETRY_SECONDS,
            fields=fields,
            next_step=next_step or f"/problems/{code}",
        )
        # The base keeps class-wide values under these names; a refusal answers with its own.
        self.__dict__.update(code=code, clause=clause)

    @property
    def fields(self) -> tuple[str, ...]:
        """Give the fields to blame."""
        return self.diagnostic.fields

    @property
    def retry_after(self) -> int | None:
        """Give the seconds after which a new try makes sense, if it ever does."""
        return self._after or _RETRY_SECONDS.get(self.diagnostic.code)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give the refusal in English sentences, for the command line."""
        said = problem(self, "en")
        own = self.diagnostic
        return (Diagnostic(own.code, own.clause, said["detail"], said["next"], own.permanent, own.fields),)


def as_refusal(error: UpheldError) -> Refusal:
    """Turn any error of the house into a refusal; one whose code has no public words becomes `internal`."""
    if isinstance(error, Refusal):
        return error
    told = error.diagnostic
    if told.code not in STATUS:
        return Refusal("internal", told.clause)
    return Refusal(told.code, told.clause, fields=told.fields, after=getattr(error, "retry_after", None))


def status_of(error: UpheldError) -> int:
    """Give the HTTP status of an error of the house."""
    return as_refusal(error).status


def problem(error: UpheldError, lang: str, policy_version: str | None = None) -> dict[str, Any]:
    """Give the members of an `application/problem+json` answer (RFC 9457) in a language.

    `policy_version` is the version in force, used where the refusal does not name the one it judged by.
    No member repeats anything a caller sent: sentences are filled with ids of the policy only.
    """
    refusal = as_refusal(error)
    told = refusal.diagnostic
    said = words(lang)[f"refusal.{told.code}"]
    version = refusal.policy_version or policy_version
    values = _values(refusal, version)
    out: dict[str, Any] = {
        "type": f"/problems/{told.code}",
        "title": said["title"],
        "status": refusal.status,
        "detail": _filled(said.get("detail", ""), values) or said["about"],
        "code": told.code,
        "clause": told.clause,
        "clause_url": f"/privacy/{lang}#{anchor(told.clause)}",
        "next": refusal.own_next or _filled(said["next"], values) or said["next_plain"],
    }
    if version is not None:
        out["policy_version"] = version
    if refusal.fields:
        out["fields"] = list(refusal.fields)
    return out


def anchor(clause: str) -> str:
    """Give the id of the heading of the published page under which a clause stands: its first two parts."""
    return ".".join(clause.split(".")[:2])


def _values(refusal: Refusal, version: str | None) -> dict[str, str]:
    values = dict(refusal.params)
    if refusal.fields:
        values.setdefault("fields", ", ".join(refusal.fields))
        values.setdefault("field", refusal.fields[0])
    if version is not None:
        values.setdefault("version", version)
    return values


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Fill a sentence; empty when a value it needs is not known, so that no sentence has a hole."""
    if any(name not in values for name in _HOLE.findall(template)):
        return ""
    return _HOLE.sub(lambda hole: values[hole[1]], template)
