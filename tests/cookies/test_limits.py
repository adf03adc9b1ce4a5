"""One browser at a time: when a tag may run, what a choice makes of it, what a page may load, what a report names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.cookies.conftest import with_counter
from upheld.cookies.agreed import Agreed
from upheld.cookies.model import (
    AT_ONCE,
    CONSENT,
    GRANTED,
    NONE,
    NOTICE,
    OBJECTED,
    REFUSED,
    VALID,
    Browser,
    Choice,
    Judged,
    Offer,
    Offered,
    Visitor,
)
from upheld.cookies.rules import (
    browsing,
    content_policy,
    decided,
    ended,
    holds,
    honours_signal,
    judge,
    may_measure,
    offered,
    reported,
    sources,
    undeclared,
    when,
)
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, Frozen, Tag

LAW = load_law()
TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> CompiledPolicy:
    """The reference policy with a counter that links nobody."""
    return compile_policy(with_counter(tmp_path_factory.mktemp("cookies") / "policy"), LAW, TODAY).draft


def tags_of(policy: CompiledPolicy) -> dict[str, Tag]:
    assert policy.cookies is not None
    return dict(policy.cookies.tags)


def with_tags(policy: CompiledPolicy, **tags: Tag) -> CompiledPolicy:
    assert policy.cookies is not None
    return replace(policy, cookies=replace(policy.cookies, tags=Frozen(tags)))


@pytest.mark.parametrize(
    ("changes", "area", "on", "expected"),
    [
        ({"category": "necessary"}, "EEA", TODAY, AT_ONCE),
        ({"category": "unheard_of"}, "GB", TODAY, NOTICE),
        ({}, "GB", TODAY, NOTICE),
        ({"fires": {"uk": AT_ONCE, "jp": AT_ONCE}}, "GB", TODAY, NOTICE),
        ({"fires": {"uk": CONSENT}}, "GB", TODAY, CONSENT),
        ({"fires": {"eea": AT_ONCE, "jp": AT_ONCE}}, "EEA", TODAY, CONSENT),
        ({"uk_exemption": None}, "GB", TODAY, CONSENT),
        ({"uk_exemption": "moon"}, "GB", TODAY, CONSENT),
        ({"opt_out": False}, "GB", TODAY, CONSENT),
        ({"content": None}, "GB", TODAY, CONSENT),
        ({"fires": {"jp": AT_ONCE}}, "JP", TODAY, AT_ONCE),
        ({"fires": {}}, "JP", TODAY, CONSENT),
        ({"fires": {"jp": AT_ONCE}, "links_to_person": "yes"}, "JP", TODAY, CONSENT),
        ({"fires": {"jp": AT_ONCE}, "links_to_person": "unknown"}, "JP", TODAY, CONSENT),
        ({"fires": {"jp": NOTICE}, "links_to_person": "no"}, "JP", TODAY, NOTICE),
        ({"fires": {"jp": AT_ONCE}, "links_to_person": "yes"}, "JP", date(2022, 3, 31), AT_ONCE),
    ],
)
def test_a_tag_waits_as_the_strictest_word_of_policy_and_law_says(
    policy: CompiledPolicy, changes: dict[str, Any], area: str, on: date, expected: str
) -> None:
    """cookies.tags (ePrivacy 5(3), PECR 6 and Sch. A1, APPI 31): the mildest that policy, exemption and linking leave."""
    parts = {name: Frozen(value) if isinstance(value, dict) else value for name, value in changes.items()}
    assert when(policy, LAW, replace(tags_of(policy)["counter"], **parts), area, on) == expected


def test_without_law_or_tags_there_is_nothing_to_ask(policy: CompiledPolicy) -> None:
    """cookies.categories: a policy without tags offers nothing; a tag of an area where no regime holds waits for consent."""
    bare = replace(policy, cookies=None)
    none = offered(bare, LAW, "JP", TODAY)
    assert (none.always, none.offers, none.when) == ((), {}, {})
    assert not honours_signal(bare)
    assert undeclared(bare, ["a.example"]) == ("a.example",)
    assert when(bare, LAW, tags_of(policy)["counter"], "JP", TODAY) == NOTICE
    assert when(replace(policy, packs=()), LAW, tags_of(policy)["counter"], "JP", TODAY) == CONSENT


def test_what_is_offered_names_tags_and_the_strictest_of_them(policy: CompiledPolicy) -> None:
    """cookies.categories: each purpose with its tags; of two tags the stricter wait counts; what is always on is not chosen."""
    found = offered(policy, LAW, "JP", TODAY)
    assert {name: [tag.id for tag in one.tags] for name, one in found.offers.items()} == {
        "analyse": ["marketo_munchkin", "counter"], "announce": ["marketo_munchkin"],
    }  # fmt: skip
    assert found.when == {"marketo_munchkin": CONSENT, "counter": NOTICE}
    assert {one.when for one in found.offers.values()} == {CONSENT}
    assert {len(one.print) for one in found.offers.values()} == {16}
    assert (found.always, all(one.signal for one in found.offers.values())) == ((), True)
    assert offered(policy, LAW, "JP", TODAY, {"analyse": 0}) == found
    tags = tags_of(policy)
    needed = with_tags(policy, counter=replace(tags["counter"], category="necessary"), marketo=tags["marketo_munchkin"])
    told = offered(needed, LAW, "JP", TODAY)
    assert [tag.id for tag in told.always] == ["counter"]
    assert [tag.id for tag in told.offers["analyse"].tags] == ["marketo_munchkin"]


@pytest.mark.parametrize(
    ("gpc", "promise", "honoured", "signals"),
    [
        (("stops", "stops"), "honoured", True, {"analyse": True, "announce": True}),
        (("runs", "stops"), "honoured", True, {"analyse": True, "announce": False}),
        (("stops", "runs"), "honoured", True, {"analyse": True, "announce": True}),
        (("runs", "runs"), "honoured", False, {"analyse": False, "announce": False}),
        (("stops", "stops"), "ignored", False, {"analyse": False, "announce": False}),
    ],
)
def test_the_signal_acts_where_it_is_promised_and_a_tag_obeys(
    policy: CompiledPolicy, gpc: tuple[str, str], promise: str, honoured: bool, signals: dict[str, bool]
) -> None:
    """cookies.gpc: a purpose heeds the signal where one of its tags does and the policy promised it."""
    tags = {name: replace(tag, gpc=said) for (name, tag), said in zip(tags_of(policy).items(), gpc, strict=True)}
    changed = with_tags(policy, **tags)
    assert changed.cookies is not None
    changed = replace(changed, cookies=replace(changed.cookies, gpc=promise))
    assert honours_signal(changed) is honoured
    assert {name: one.signal for name, one in offered(changed, LAW, "EEA", TODAY).offers.items()} == signals
    assert honours_signal(with_tags(policy))


def test_what_one_agrees_to_hangs_on_recipient_transfer_period_and_basis(policy: CompiledPolicy) -> None:
    """amendment.default (GDPR 7, APPI 17(2)): another role, transfer, clock or basis is another thing to agree to; wording is not."""
    def prints(changed: CompiledPolicy) -> dict[str, str]:
        return {name: one.print for name, one in offered(changed, LAW, "EEA", TODAY).offers.items()}

    def of(name: str, **changes: Any) -> CompiledPolicy:
        return replace(policy, services=Frozen({**policy.services, name: replace(policy.services[name], **changes)}))

    before = prints(policy)
    both = {"analyse", "announce"}

    def changed(other: CompiledPolicy) -> set[str]:
        after = prints(other)
        return {name for name in before if before[name] != after[name]}

    assert changed(of("gcp", service="Another word", policy_url=None)) == set()
    assert changed(of("gcp", operator="Somebody else")) == {"analyse"}
    assert changed(of("marketo", transfer=Frozen({"eea": "idta"}))) == both
    assert changed(of("marketo", transfer=Frozen({**policy.services["marketo"].transfer, "uk": "idta"}))) == set()
    gone = {name: one for name, one in policy.services.items() if name != "gcp"}
    assert changed(replace(policy, services=Frozen(gone))) == {"analyse"}
    kinds = Frozen({**policy.retention.kinds, "visitor": policy.retention.kinds["prospect"]})
    assert changed(replace(policy, retention=replace(policy.retention, kinds=kinds))) == both
    assert changed(replace(policy, retention=replace(policy.retention, kinds=Frozen({})))) == both
    bare = {name: one for name, one in policy.situations.items() if name != "browsing"}
    assert browsing(replace(policy, situations=Frozen(bare))) is None
    assert changed(replace(policy, situations=Frozen(bare))) == both
    assert browsing(replace(policy, channels=Frozen({}))) is None
    line = replace(policy.purpose_bases["announce"], bases=Frozen({"eea": "contract"}))
    assert changed(replace(policy, purpose_bases=Frozen({**policy.purpose_bases, "announce": line}))) == {"announce"}


TAG = Tag("t", "marketing", ("t.example",), "r", (), ("p", "q"), None, None, Frozen(), "no", None, "stops", None, False, (), ())


def bare(purpose: str) -> Agreed:
    return Agreed(purpose, 0, (), (), (), (), (), ())


def whole(*, wait: str = CONSENT, gpc: str = "stops", signal: bool = True, purposes: tuple[str, ...] = ("p",)) -> Offered:
    tag = replace(TAG, gpc=gpc, purposes=purposes)
    offers = {name: Offer(name, (tag,), wait, bare(name), signal) for name in purposes}
    return Offered("EEA", (), Frozen(offers), Frozen({"t": wait}), "0" * 64)


def said(signal: bool, **choices: Choice) -> Browser:
    return Browser("EEA", signal, Visitor("v", choices, NOW) if choices else None)


YES, LATER_YES, NO = Choice(GRANTED, bare("p").print), Choice(GRANTED, bare("p").print, signal=True), Choice(REFUSED, bare("p").print)
OLD, OLD_NO = Choice(GRANTED, "old"), Choice(REFUSED, "old")
Q = Choice(GRANTED, bare("q").print)


@pytest.mark.parametrize(
    ("choice", "signal", "state", "asked", "runs"),
    [
        (None, False, NONE, True, False),
        (YES, False, GRANTED, False, True),
        (NO, False, REFUSED, False, False),
        (OLD, False, NONE, True, False),
        (OLD_NO, False, REFUSED, True, False),
        (None, True, OBJECTED, False, False),
        (YES, True, OBJECTED, False, False),
        (LATER_YES, True, GRANTED, False, True),
        (NO, True, REFUSED, False, False),
        (replace(OLD, signal=True), True, OBJECTED, False, False),
    ],
)
def test_a_later_choice_beats_the_signal_and_the_signal_an_earlier_yes(
    choice: Choice | None, signal: bool, state: str, asked: bool, runs: bool
) -> None:
    """cookies.gpc (ePrivacy 5(3), GDPR 7(3), 21): a yes counts for what was agreed; a no stands; an objection is not asked about."""
    browser = said(signal, **({"p": choice} if choice else {}))
    found = judge(whole(), browser)
    assert (found.states["p"], found.ask, found.running) == (state, ("p",) if asked else (), ("t",) if runs else ())
    assert found.reasked == (("p",) if asked and choice else ())
    deaf = judge(whole(signal=False), browser)
    assert deaf.states["p"] == judge(whole(), replace(browser, signal=False)).states["p"]


@pytest.mark.parametrize(
    ("wait", "gpc", "told", "runs"),
    [
        (NOTICE, "stops", said(False), True),
        (AT_ONCE, "stops", said(False), True),
        (CONSENT, "stops", said(False), False),
        (NOTICE, "stops", said(False, p=YES), True),
        (CONSENT, "stops", said(False, p=YES), False),
        (CONSENT, "stops", said(False, p=YES, q=Q), True),
        (NOTICE, "stops", said(False, p=NO), False),
        (NOTICE, "stops", said(True), False),
        (NOTICE, "runs", said(True), True),
        (CONSENT, "runs", said(True, p=YES, q=Q), True),
    ],
)
def test_a_tag_runs_when_every_purpose_it_serves_stands(wait: str, gpc: str, told: Browser, runs: bool) -> None:
    """cookies.tags: one refused purpose stops it; without a choice it runs only where the law asks for none."""
    found = judge(whole(wait=wait, gpc=gpc, purposes=("p", "q")), told)
    assert found.running == (("t",) if runs else ())


@pytest.mark.parametrize(
    ("action", "wanted", "before", "after"),
    [
        ("accept_all", {}, {"p": NO}, {"p": GRANTED, "q": GRANTED}),
        ("reject_all", {}, {"p": YES}, {"p": REFUSED, "q": REFUSED}),
        ("choose", {"p": True}, {}, {"p": GRANTED}),
        ("choose", {"q": False}, {"p": YES, "gone": YES}, {"p": GRANTED, "q": REFUSED}),
        ("withdraw", {}, {"p": YES, "q": NO}, {"p": REFUSED, "q": REFUSED}),
        ("withdraw", {"p": True, "q": True}, {"p": YES}, {"p": REFUSED}),
        ("withdraw", {"q": True}, {"p": YES, "q": YES}, {"p": GRANTED, "q": REFUSED}),
    ],
)
def test_a_choice_says_what_each_purpose_is_from_then_on(
    action: str, wanted: dict[str, bool], before: dict[str, Choice], after: dict[str, str]
) -> None:
    """GDPR 7(3): all, none, some, or yeses taken back; what was not spoken of stays, what is offered no more goes."""
    found = decided(whole(purposes=("p", "q")), action, wanted, said(True, **before), True)
    assert {name: choice.state for name, choice in found.items()} == after
    assert all(choice == before.get(name) or (choice.print, choice.signal) == (bare(name).print, True) for name, choice in found.items())


def test_a_choice_lasts_half_a_year_less_nothing() -> None:
    """A choice counts until just before 182 days are over; who never chose has none."""
    visitor = Visitor("v", {}, NOW)
    assert [holds(visitor, NOW + VALID - timedelta(milliseconds=1)), holds(visitor, NOW + VALID), holds(None, NOW)] == [True, False, False]


def test_tags_that_may_no_longer_run_are_named_once(policy: CompiledPolicy) -> None:
    """cookies.tags: after a no, the tags that ran and run no more; hosts only of those that run, each once."""
    every = offered(policy, LAW, "EEA", TODAY)
    running = Judged(Frozen(), ("marketo_munchkin", "counter"), (), ())
    assert [tag.id for tag in ended(every, running, replace(running, running=("counter",)))] == ["marketo_munchkin"]
    assert ended(every, replace(running, running=()), running) == ()
    twin = replace(TAG, id="u", hosts=("t.example", "u.example"))
    assert sources([TAG, twin], ["t", "u"]) == ("t.example", "u.example")
    assert sources([TAG, twin], ["u"]) == ("t.example", "u.example")
    assert sources([TAG], []) == ()


def test_a_page_view_is_kept_when_every_purpose_of_visits_was_allowed(policy: CompiledPolicy) -> None:
    """cookies.categories (ePrivacy 5(3)): all purposes of the visit granted, none only not refused; without visits nothing is kept."""
    def may(**states: str) -> bool:
        return may_measure(policy, Judged(Frozen(states), (), (), ()))

    assert may(analyse=GRANTED, announce=GRANTED)
    assert not may(analyse=GRANTED, announce=NONE)
    assert not may(analyse=GRANTED)
    bare = {name: one for name, one in policy.situations.items() if name != "browsing"}
    assert not may_measure(replace(policy, situations=Frozen(bare)), Judged(Frozen(), (), (), ()))


def test_the_header_widens_four_directives_and_no_other() -> None:
    """A tag's hosts stand beside the page's own sources; a base without a directive of theirs gets it, and says no more than self."""
    base = {"default-src": "'none'", "style-src": "'self'", "img-src": "data:"}
    assert content_policy(["a.example", "b.example"], base) == (
        "default-src 'none'; style-src 'self'; img-src data: a.example b.example; script-src 'self' a.example b.example; "
        "frame-src 'self' a.example b.example; connect-src 'self' a.example b.example"
    )
    assert content_policy([], base) == (
        "default-src 'none'; style-src 'self'; img-src data:; script-src 'self'; frame-src 'self'; connect-src 'self'"
    )


LONGEST, LONGER = (".".join(["a" * 63, "b" * 63, "c" * 63, "d" * count, "abc"]) for count in (57, 58))


@pytest.mark.parametrize(
    ("told", "hosts"),
    [
        ({"csp-report": {"blocked-uri": "https://a.example/x?y#z"}}, ("a.example",)),
        ({"body": {"blockedURL": "wss://A.example:8443/"}}, ("a.example",)),
        ([{"body": {"blockedURL": "http://a.example"}}, {"body": {"blockedURL": "ws://a.example"}}], ("a.example",)),
        ({"csp-report": {"blocked-uri": "https://own.example/x"}}, ()),
        ({"csp-report": {"blocked-uri": "inline"}}, ()),
        ({"csp-report": {"blocked-uri": "data:text/html"}}, ()),
        ({"csp-report": {"blocked-uri": "ftp://a.example"}}, ()),
        ({"csp-report": {"blocked-uri": "https://localhost"}}, ()),
        ({"csp-report": {"blocked-uri": "https://[::1"}}, ()),
        ({"csp-report": {}}, ()),
        ({"csp-report": "https://a.example"}, ()),
        (["https://a.example"], ()),
        ({"csp-report": {"blocked-uri": f"https://{LONGEST}"}}, (LONGEST,)),
        ({"csp-report": {"blocked-uri": f"https://{LONGER}"}}, ()),
        ([{"body": {"blockedURL": f"https://n{n}.example"}} for n in range(21)], tuple(f"n{n}.example" for n in range(20))),
    ],
)
def test_of_a_report_only_names_of_hosts_are_read(told: Any, hosts: tuple[str, ...]) -> None:
    """Both shapes, twenty a report, each host once; our own, what has no host, and names longer than the net allows stay out."""
    assert reported(told, "own.example") == hosts


def test_hosts_that_the_policy_declares_are_not_told(policy: CompiledPolicy) -> None:
    """cookies.tags (Telecommunications Business Act 27-12): what no tag declares, in the order it was seen."""
    assert undeclared(policy, ["x.example", "counter.example.net", "munchkin.marketo.net", "a.example"]) == ("x.example", "a.example")
