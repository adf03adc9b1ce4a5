"""Refusals: the code decides the status, and the words say what to do without repeating what was sent."""

from pathlib import Path

import pytest

from upheld.db import StoreBusyError, UpheldError
from upheld.web.refusals import STATUS, Refusal, anchor, problem, status_of

TABLE = {
    404: "situation_unknown",
    409: "notice_not_shown notice_stale statutory_procedure fee_unpaid identity_needed",
    422: """field_not_declared field_required item_not_listed subtype_unknown source_unconfirmed
        special_care_no_consent interest_unknown statute_jurisdiction approval_missing ground_missing
        right_not_offered""",
    403: """purpose_not_declared purpose_gap no_legal_basis basis_missing basis_ended consent_missing
        consent_withdrawn objected restricted use_ceased provision_stopped suppressed review_pending aggregate_only
        link_needs_consent retention_expired role_not_allowed training_expired rules_not_accepted agent_unproven
        service_unknown review_overdue region_mismatch country_unassessed third_party_no_basis foreign_no_position
        transfer_no_safeguard scc_module uk_addendum_missing""",
    503: "busy",
}


@pytest.mark.parametrize(("code", "status"), [(c, s) for s, codes in TABLE.items() for c in codes.split()])
def test_a_code_has_its_status(code: str, status: int) -> None:
    """Each refusal that the policy knows answers with the HTTP status promised for it."""
    assert STATUS[code] == status
    assert problem(Refusal(code, "collection"), "en")["status"] == status


def test_a_problem_has_the_members_of_the_contract() -> None:
    """A refused purpose is told with code, clause, link to the clause, next step and version."""
    refusal = Refusal(
        "purpose_not_declared",
        "collection.event.purposes",
        policy_version="7",
        params={"purpose": "provide", "situation": "event", "purposes": "analyse or announce"},
    )
    assert problem(refusal, "en") == {
        "type": "/problems/purpose_not_declared",
        "title": "Purpose not declared",
        "status": 403,
        "detail": "`provide` is not a purpose of `event` in version 7.",
        "code": "purpose_not_declared",
        "clause": "collection.event.purposes",
        "clause_url": "/privacy/en#collection.event",
        "next": "Ask under analyse or announce.",
        "policy_version": "7",
    }


def test_a_problem_without_ids_still_reads_as_a_sentence() -> None:
    """A refusal whose case is not known uses the general sentences; none has a hole."""
    for code in STATUS:
        for lang in ("en", "ja", "de"):
            said = problem(Refusal(code, "policy"), lang)
            assert "{" not in said["detail"] + said["next"] + said["title"]
            assert said["detail"]
            assert said["next"]


def test_fields_to_blame_are_named() -> None:
    """The field that is not declared is named in `fields` and in the sentence."""
    said = problem(Refusal("field_not_declared", "collection.event.collect", fields=("department",),
                           policy_version="1", params={"situation": "event"}), "ja")  # fmt: skip
    assert said["fields"] == ["department"]
    assert "department" in said["detail"]
    assert said["clause_url"] == "/privacy/ja#collection.event"


def test_a_transfer_without_approval_is_403() -> None:
    """The one code with two statuses takes the one its caller names."""
    assert status_of(Refusal("approval_missing", "transfers.other_contract", status=403)) == 403
    assert status_of(Refusal("approval_missing", "retention.holds")) == 422


def test_errors_of_lower_rooms_become_problems() -> None:
    """A busy store is `busy`; an error without public words is `internal` and its text stays inside."""
    assert problem(StoreBusyError(), "en")["code"] == "busy"
    said = problem(UpheldError("hanako@example.co.jp was here", code="odd_thing"), "en")
    assert said["code"] == "internal"
    assert "hanako" not in str(said)


def test_a_refusal_tells_the_command_line_the_same() -> None:
    """On the command line a refusal gives its English sentence, its clause and its next step."""
    refusal = Refusal("notice_stale", "notice.receipt", policy_version="2")
    (told,) = refusal.diagnostics()
    assert (refusal.code, told.clause, told.permanent) == ("notice_stale", "notice.receipt", True)
    assert told.message == "The notice that was shown is not the one in force, version 2."
    assert not Refusal("busy").diagnostic.permanent


def test_an_unknown_code_cannot_be_raised() -> None:
    """A code that the table does not know is a programming error at once."""
    with pytest.raises(KeyError):
        Refusal("no_such_code", "policy")


def test_anchor_is_the_heading_of_the_page() -> None:
    """A clause leads to the heading it stands under."""
    assert anchor("collection.event.purposes") == "collection.event"
    assert anchor("contact") == "contact"


def test_rules_can_refuse_without_a_web_server() -> None:
    """Importing the refusal loads no web framework, so that rules and the command line stay light."""
    import subprocess
    import sys

    code = "import sys; import upheld.web.refusals; print('litestar' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"
