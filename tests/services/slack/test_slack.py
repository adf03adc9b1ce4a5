"""What is special of Slack: who may delete what, channels out of sight, threads, notices that name nobody, and limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.connected import connect_slack
from tests.services.slack.test_contract import Workspace
from tests.support import OFFICER, OLIVER, SATO, Site, copy_policy, edit
from upheld.services.actions import carry_out
from upheld.services.contract import HANAKO
from upheld.services.model import Delivery, Job, Outcome, Ref
from upheld.services.slack.connecting import SettingsError, connect
from upheld.services.slack.fake import BOT, PERSON
from upheld.services.slack.needles import named, patterns_of, plain, replaced


@pytest.fixture
def space() -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.close()


def _erased(space: Workspace) -> dict[Ref, Outcome]:
    service = space.service()
    return dict(service.apply(Job("erase", HANAKO.who, tuple(service.find(HANAKO.who)), "t")))


def test_words_of_others_stay_and_are_named_as_denied(space: Workspace) -> None:
    """The app deletes its own; a colleague's token deletes that colleague's; whatever another wrote is for a person."""
    space.fake.open_channel("C2", "sales", BOT, PERSON, "UOTHER")
    space.fake.say("C2", f"ask {HANAKO.email}", BOT)
    space.fake.say("C2", f"I asked {HANAKO.email}", PERSON)
    space.fake.say("C2", f"me too: {HANAKO.email}", "UOTHER")
    words = sorted((one.word, one.code) for one in _erased(space).values())
    assert words == [("denied", "cant_delete_message"), ("done", ""), ("done", "")]


def test_what_an_export_for_compliance_holds_is_held(space: Workspace) -> None:
    space.fake.say("C1", f"call {HANAKO.email}", BOT)
    space.fake.compliance = True
    assert [(one.word, one.code) for one in _erased(space).values()] == [("held", "compliance_exports_prevent_deletion")]


def test_channels_out_of_sight_make_the_search_partial(space: Workspace) -> None:
    """Nobody found there proves nothing, and the plan says in how many channels the app is."""
    space.fake.open_channel("C9", "board", PERSON)
    space.fake.say("C9", f"about {HANAKO.email}", PERSON)
    service = space.service()
    (can,) = [one for one in service.capabilities() if (one.store, one.op) == ("messages", "find")]
    assert (can.level, can.reason) == ("partial", "the app is in 1 of 2 channels")
    assert not list(service.find(HANAKO.who))


def test_a_member_is_found_with_everything_they_wrote_and_left_to_an_owner(space: Workspace) -> None:
    member = space.fake.join(HANAKO.email, HANAKO.name)
    space.fake.channels["C1"].members.add(member)
    said = space.fake.say("C1", "lunch?", member)
    found = {ref.key for ref in space.service().find(HANAKO.who)}
    assert found == {(member,), ("C1", said)}
    assert {one.code for one in _erased(space).values()} == {"by_an_owner", "cant_delete_message"}


def test_more_than_a_page_of_messages_and_threads_is_searched(space: Workspace) -> None:
    """250 messages, the oldest and an answer in a thread among them."""
    first = space.fake.say("C1", f"first {HANAKO.email}")
    for number in range(250):
        space.fake.say("C1", f"message {number}")
    answer = space.fake.say("C1", f"answer {HANAKO.phone}", thread=first)
    assert {ref.key[1] for ref in space.service().find(HANAKO.who)} == {first, answer}


def test_a_limit_of_the_operator_is_waited_out_in_place(space: Workspace) -> None:
    """Too early is said with the seconds to wait; the same call is made again after them."""
    space.fake.say("C1", f"call {HANAKO.email}", BOT)
    space.fake.per_minute = 4
    assert {one.word for one in _erased(space).values()} == {"done"}


def test_a_notice_is_posted_once_and_names_nobody(space: Workspace) -> None:
    """Whatever a delivery carries, the post has a reference and a purpose; who was cut off posts no second one."""
    service = space.service()
    delivery = Delivery(HANAKO.who, HANAKO.fields, ("respond",), "AaIBMj-AcSK3AD3PQbYhcw", "case-7")
    ref, outcome = service.write(delivery)
    again, told = service.write(delivery)
    assert (again, outcome.word, told.word) == (ref, "done", "already")
    (message,) = space.fake.state()["messages"].values()
    assert "AaIBMj-AcSK3AD3PQbYhcw" in message["text"]
    for value in HANAKO.values:
        assert value not in repr(message)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("write to <mailto:hanako@example.co.jp|hanako@example.co.jp>", True), ("HANAKO@EXAMPLE.CO.JP!", True),
        ("hanako2@example.co.jp", False), ("x.hanako@example.co.jp", False), ("hanako@example.co.jp.example", False),
        ("call 03-1234-5678", True), ("call +81 3 1234 5678 now", True), ("order 90312345678", False), ("+81312345679", False), ("", False),
    ],
)  # fmt: skip
def test_a_person_is_named_by_a_whole_address_or_number(text: str, yes: bool) -> None:
    assert named(text, patterns_of(HANAKO.who)) is yes


def test_words_are_read_as_their_reader_sees_them() -> None:
    assert plain("<https://example.com|page> &amp; &lt;b&gt; <@U1>") == "page & <b> @U1"
    assert replaced("call 03-1234-5678", "+81312345678", "+81398765432") == "call +81398765432"


@pytest.mark.parametrize(
    ("change", "place"),
    [({"bot_token": "xoxb-1"}, "bot_token"), ({"url": "https://slack.example/api/"}, "url"), ({"extra": "x"}, "extra"), ({"post_to": 1}, "post_to")],
)
def test_settings_that_do_not_hold_together_are_named(space: Workspace, change: dict[str, Any], place: str) -> None:
    settings = {"kind": "slack", "bot_token": "secret:bot", "stored_in": "US", "post_to": "C1", "channels": ["C1"], **change}
    if change.get("post_to") == 1:
        settings["post_to"] = {"id": "C1"}
    with pytest.raises(SettingsError, match=place):
        connect("slack", settings, lambda name: name, space._clock)


@pytest.mark.row("M60")
def test_m60_slack_gets_a_reference_instead_of_a_person(tmp_path: Path) -> None:
    """Without the addendum nothing of a British person's case goes; with it a notice with its number, and no data of his."""
    policy = copy_policy(tmp_path / "policy")
    edit(policy, "evidence/services.yaml", "tia-us-slack.md}\n    uk_addendum: {signed: 2026-05-01}\n", "tia-us-slack.md}\n")
    path = policy / "evidence" / "accepted.yaml"
    accepted = path.read_text("utf-8")
    path.write_text(accepted + """  - code: PP405
    at: services.slack.transfer
    reason: {en: for the test, ja: 試験のため}
    who: Head of the Corporate division
    until: 2027-06-30
""", "utf-8")  # fmt: skip
    with Site(policy) as site:
        site.staff(SATO)
        site.staff(OFFICER)
        assert site.folder is not None
        with connect_slack(site.folder, site.clock) as fake:
            site.collect(OLIVER, "contact", "name", "email", "phone", "inquiry")
            site.house.settle()
            carry_out(site.house)
            assert not fake.state()["messages"]
            site.house.settle()
            refused = [site.house.ledger.body(one) for one in site.house.ledger.entries_since(0, 1000, kinds=("service.failed",))]
            assert [body["code"] for body in refused] == ["uk_addendum_missing"]
            path.write_text(accepted, "utf-8")
            edit(policy, "evidence/services.yaml", "tia-us-slack.md}\n", "tia-us-slack.md}\n    uk_addendum: {signed: 2026-05-01}\n")
            site.publish(policy)
            site.collect(OLIVER, "contact", "name", "email", "phone", "inquiry")
            site.house.settle()
            carry_out(site.house)
            (message,) = fake.state()["messages"].values()
            assert "Reference " in message["text"]
            for value in OLIVER.fields.values():
                assert str(value) not in repr(message)
