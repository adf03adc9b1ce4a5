"""Reading on the command line: the same parts, approvals and refusals as over the API."""

from __future__ import annotations

from tests.cli_rooms.conftest import Desk
from tests.support import HANAKO


def test_a_part_of_a_purpose_is_read_alone(desk: Desk) -> None:
    """After an objection to one part the other is read, the part itself and the whole are not, a wrong part is none."""
    mori, sato = desk.hire("MORI", "support"), desk.hire("SATO", "sales")
    subject = desk.collect("contact", HANAKO.some("name", "email", "inquiry"), country="JP")["subject"]
    line = ("--purpose", "respond_and_market", "--subject", subject)
    desk.run("consent", "say", f"{line[1]}.improve_for_marketing", "object", "--subject", subject, "--by", str(sato))
    read = ("read", *line, "--field", "inquiry", "--by", str(mori))
    assert HANAKO.fields["inquiry"] in desk.run(*read, "--part", "respond").output
    assert desk.refused(*read, "--part", "improve_for_marketing") == "objected"
    assert desk.refused(*read) == "objected"
    assert desk.refused(*read, "--part", "resale") == "purpose_not_declared"


def test_restricted_data_are_read_for_legal_claims_with_somebody_elses_approval(desk: Desk) -> None:
    """Without an approver, or with oneself or somebody unknown as one, it is refused; with another person it is read."""
    sato, clerk = desk.hire("SATO", "sales"), desk.hire("CLERK", "privacy_office")
    subject = desk.collect("event", HANAKO.some("name", "email", "company"), country="JP")["subject"]
    read = ("read", "--purpose", "legal_claims", "--subject", subject, "--field", "name", "--by", str(sato))
    assert desk.refused(*read, "--approver", str(clerk)) == "purpose_not_declared"
    desk.run("basis", "stop", "restricted", "--ground", "unlawful", "--subject", subject, "--by", str(clerk))
    for more in ((), ("--approver", str(sato)), ("--approver", "99")):
        assert desk.refused(*read, *more) == "approval_missing"
    told = desk.json(*read, "--approver", str(clerk))
    assert told["fields"] == {"name": HANAKO.fields["name"]}
