"""What may run where, what a choice covers, and what changes a fingerprint: rules without a store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cookies.conftest import with_counter
from tests.support import REFERENCE, copy_policy, edit
from upheld.cookies.agreed import KINDS, Agreed, Hand, changes
from upheld.cookies.model import GRANTED, NONE, OBJECTED, REFUSED, Browser, Choice, Offer, Offered, Visitor
from upheld.cookies.rules import (
    area_of,
    content_policy,
    decided,
    honours_signal,
    judge,
    matching,
    offered,
    sources,
    when,
)
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy

LAW = load_law()
TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
TAGS = ("marketo_munchkin", "counter")


def compiled(folder: Path) -> CompiledPolicy:
    """Compile a folder; what publication would still ask of it does not matter here."""
    return compile_policy(folder, LAW, TODAY).draft


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> CompiledPolicy:
    """The reference policy with a counter that links nobody."""
    return compiled(with_counter(tmp_path_factory.mktemp("cookies") / "policy"))


def offers(folder: Path, area: str = "EEA") -> Mapping[str, Offer]:
    """Give what a folder offers, by purpose."""
    return offered(compiled(folder), LAW, area, TODAY).offers


def prints(folder: Path, area: str = "EEA") -> dict[str, str]:
    """Give the fingerprint of each purpose of a folder."""
    return {name: offer.print for name, offer in offers(folder, area).items()}


@pytest.mark.parametrize(
    ("code", "area"),
    [("DE", "EEA"), ("no", "EEA"), (" IS ", "EEA"), ("GB", "GB"), ("JP", "JP"), ("CH", "CH"), ("", "unknown"),
     ("XX", "unknown"), ("T1", "unknown"), ("EEA", "unknown"), ("DE,JP", "unknown")],
)  # fmt: skip
def test_an_area_is_what_the_edge_says_or_not_known(code: str, area: str) -> None:
    """Countries of the EEA are one area; anything that is no country is not known."""
    assert area_of(code, LAW) == area


@pytest.mark.parametrize(
    ("area", "marketo", "counter"),
    [("EEA", "after_consent", "after_consent"), ("GB", "after_consent", "notice_and_opt_out"),
     ("JP", "after_consent", "notice_and_opt_out"), ("BR", "after_consent", "notice_and_opt_out"),
     ("unknown", "after_consent", "after_consent")],
)  # fmt: skip
def test_when_a_tag_may_run_follows_the_regimes_that_hold(
    policy: CompiledPolicy, area: str, marketo: str, counter: str
) -> None:
    """The EEA asks for consent, the UK spares statistics, Japan asks only where the recipient may link."""
    assert policy.cookies is not None
    found = {name: when(policy, LAW, policy.cookies.tags[name], area, TODAY) for name in TAGS}
    assert found == {"marketo_munchkin": marketo, "counter": counter}


def test_the_uk_exemption_holds_from_its_day_only(policy: CompiledPolicy) -> None:
    """The day before the exemption came into force the counter waits for consent in the UK; from that day on it does not."""
    assert policy.cookies is not None
    counter = policy.cookies.tags["counter"]
    assert when(policy, LAW, counter, "GB", date(2026, 2, 4)) == "after_consent"
    assert when(policy, LAW, counter, "GB", date(2026, 2, 5)) == "notice_and_opt_out"


def test_an_exemption_without_a_way_to_object_counts_for_nothing(tmp_path: Path) -> None:
    """Statistics that cannot be refused wait for consent in the UK."""
    folder = with_counter(tmp_path / "policy")
    edit(folder, "cookies.yaml", "    opt_out: yes\n", "    opt_out: no\n")
    outcome = compile_policy(folder, LAW, TODAY)
    assert outcome.draft.cookies is not None
    assert when(outcome.draft, LAW, outcome.draft.cookies.tags["counter"], "GB", TODAY) == "after_consent"


def test_a_cosmetic_edit_keeps_every_fingerprint(tmp_path: Path) -> None:
    """Another wording of a purpose, a category, what is sent, another order or host: nobody agreed to anything else."""
    before = prints(with_counter(tmp_path / "a"))
    folder = with_counter(tmp_path / "b")
    edit(folder, "02-collection.yaml", "To tell you about our products, our services and our events.",
         "To tell you about our events, our services and our products.")  # fmt: skip
    edit(folder, "cookies.yaml", "the pages you view and how often, the identifier", "pages you view and how often, the identifier")
    edit(folder, "cookies.yaml", "sends: [cookie, ip, browsing]", "sends: [browsing, ip, cookie]")
    edit(folder, "cookies.yaml", "host: [counter.example.net]", "host: [count.example.net]")
    assert prints(folder) == before


@pytest.mark.parametrize(
    ("old", "new", "changed", "why"),
    [
        ("    recipient: gcp\n", "    recipient: slack\n", {"analyse"}, ["recipient slack", "recipient_gone gcp"]),
        ("    recipient: marketo\n", "    recipient: slack\n", {"analyse", "announce"}, ["recipient slack", "recipient_gone marketo"]),
        ("    sends: [cookie, ip, browsing]", "    sends: [cookie, ip]", {"announce"}, ["field_gone browsing"]),
        ("    lifetime: P30D", "    lifetime: P60D", {"analyse"}, ["lifetime"]),
        ("    recipient_links_to_person: unknown", "    recipient_links_to_person: yes", {"analyse", "announce"}, ["linked"]),
    ],
)
def test_a_material_change_asks_again_for_its_purpose_only_and_can_say_why(
    tmp_path: Path, old: str, new: str, changed: set[str], why: list[str]
) -> None:
    """A recipient, field, life or link that is new is another fingerprint for the purposes it serves, with its name."""
    before = offers(with_counter(tmp_path / "a"))
    folder = with_counter(tmp_path / "b")
    path = folder / "cookies.yaml"
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    after = offers(folder)
    assert {name for name in after if after[name].print != before[name].print} == changed
    for name in after:
        found = changes(before[name].agreed, after[name].agreed)
        assert [" ".join(part for part in (one.kind, one.of, *(one.names if not one.of else ())) if part) for one in found] == (
            why if name in changed else []
        )


def test_a_new_country_of_a_recipient_is_material(tmp_path: Path) -> None:
    """Where the recipient keeps data belongs to what was agreed."""
    before = offers(copy_policy(tmp_path / "a"))
    folder = copy_policy(tmp_path / "b")
    text = (folder / "05-services.yaml").read_text("utf-8")
    head, mark, tail = text.partition("marketo:")
    (folder / "05-services.yaml").write_text(head + mark + tail.replace("storage: [US]", "storage: [US, DE]", 1), "utf-8")
    assert (folder / "05-services.yaml").read_text("utf-8") != text
    after = offers(folder)
    assert [one.told() for one in changes(before["analyse"].agreed, after["analyse"].agreed)] == [
        {"change": "country", "of": "marketo", "names": ["DE"]}
    ]
    assert all(after[name].print != before[name].print for name in before)


def test_fingerprints_are_kept_per_area() -> None:
    """What people in Japan agree to is not what people in the EEA agree to, as other mechanisms protect them."""
    assert prints(REFERENCE, "EEA") != prints(REFERENCE, "JP")


def test_a_purpose_that_changed_beyond_its_aim_is_asked_again() -> None:
    """A new epoch changes the fingerprint of its purpose only."""
    policy = compiled(REFERENCE)
    old, new = (offered(policy, LAW, "EEA", TODAY, {"announce": n}).offers for n in (0, 1))
    assert old["announce"].print != new["announce"].print
    assert old["analyse"].print == new["analyse"].print


def test_the_revision_is_31_bits_and_never_zero(policy: CompiledPolicy) -> None:
    """Widgets keep the revision as a positive number."""
    whole = offered(policy, LAW, "EEA", TODAY)
    assert whole.revision == int(whole.fingerprint[:8], 16) >> 1
    assert Offered("EEA", (), {}, {}, "0" * 64).revision == 1


def test_the_signal_is_promised_only_where_a_tag_obeys(tmp_path: Path, policy: CompiledPolicy) -> None:
    """A policy whose every tag runs in spite of the signal does not honour it."""
    assert honours_signal(policy)
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "cookies.yaml", "    gpc: stops", "    gpc: runs")
    assert not honours_signal(compile_policy(folder, LAW, TODAY).draft)


def test_the_page_may_load_only_from_tags_that_run(policy: CompiledPolicy) -> None:
    """The written policy names exactly the hosts of running tags, in the four directives through which a tag loads."""
    assert policy.cookies is not None
    tags = policy.cookies.tags.values()
    closed, one = content_policy(sources(tags, ())), content_policy(sources(tags, ["counter"]))
    assert "example.net" not in closed
    assert "marketo" not in closed
    assert "marketo" not in one
    assert one.count("counter.example.net") == 4
    assert "script-src 'self' counter.example.net" in one
    assert "style-src 'self';" in one


def test_cookies_are_matched_by_the_patterns_of_their_tag(policy: CompiledPolicy) -> None:
    """`_count*` takes `_count_1` and leaves another's cookie alone."""
    assert policy.cookies is not None
    names = ["_count_1", "_count", "x_count", "_mkto_trk", "session"]
    assert matching([policy.cookies.tags["counter"]], names) == ("_count_1", "_count")


MARKS = st.sampled_from([None, (GRANTED, False), (GRANTED, True), (REFUSED, False), (REFUSED, True)])


@settings(max_examples=60, deadline=None)
@given(area=st.sampled_from(["EEA", "GB", "JP", "unknown"]), signal=st.booleans(), said=st.tuples(MARKS, MARKS), old=st.booleans())
def test_nothing_runs_that_was_not_allowed(
    policy: CompiledPolicy, area: str, signal: bool, said: tuple[tuple[str, bool] | None, ...], old: bool
) -> None:
    """For every area, signal and choice: a refused, objected or outdated purpose runs nothing; consent is asked where it is due."""
    whole = offered(policy, LAW, area, TODAY)
    names = list(whole.offers)
    choices = {
        name: Choice(mark[0], "0" * 16 if old else whole.offers[name].print, mark[1])
        for name, mark in zip(names, said, strict=True)
        if mark
    }
    browser = Browser(area, signal, Visitor("v", choices, NOW) if choices else None)
    judged = judge(whole, browser)
    assert policy.cookies is not None
    for tag in judged.running:
        states = {judged.states[name] for name in policy.cookies.tags[tag].purposes}
        assert states <= {GRANTED, NONE}
        assert states == {GRANTED} or whole.when[tag] != "after_consent"
    if signal:
        later = {name for name, one in choices.items() if one.state == GRANTED and one.signal and not old}
        assert all(judged.states[name] != GRANTED for name in names if name not in later)
        assert all((judged.states[name] == OBJECTED) <= (name not in later) for name in names)
    if old:
        assert set(judged.reasked) == {name for name in choices if judged.states[name] != OBJECTED}


@settings(max_examples=40, deadline=None)
@given(first=st.sampled_from(["accept_all", "reject_all"]), area=st.sampled_from(["EEA", "GB", "JP"]))
def test_what_was_chosen_last_holds(policy: CompiledPolicy, first: str, area: str) -> None:
    """Refusing after allowing leaves nothing running; allowing after refusing lets everything run."""
    whole = offered(policy, LAW, area, TODAY)
    browser = Browser(area)
    for action in (first, {"accept_all": "reject_all", "reject_all": "accept_all"}[first]):
        browser = Browser(area, False, Visitor("v", decided(whole, action, {}, browser, False), NOW))
    running = judge(whole, browser).running
    assert set(running) == (set(TAGS) if first == "reject_all" else set())
    assert judge(whole, browser).ask == ()


# what changed


HANDS = st.one_of(
    st.builds(Hand, st.sampled_from(["a", "b"])),
    st.builds(Hand, st.sampled_from(["a", "b"]), st.sampled_from(["A Inc.", "B Inc."]),
              st.sets(st.sampled_from(["US", "JP"])).map(sorted).map(tuple), st.sampled_from([("eea:scc",), ("eea:adequacy",)])),
)  # fmt: skip
AGREED = st.builds(
    Agreed,
    purpose=st.just("analyse"),
    epoch=st.integers(0, 1),
    fields=st.sets(st.sampled_from(["cookie", "ip"])).map(sorted).map(tuple),
    hands=st.lists(HANDS, max_size=2, unique_by=lambda hand: hand.id).map(lambda found: tuple(sorted(found, key=lambda hand: hand.id))),
    linked=st.sampled_from([("no",), ("yes",)]),
    lifetimes=st.sampled_from([("P30D",), ("P395D",)]),
    periods=st.sampled_from([(), ("visit P13M None",)]),
    bases=st.sampled_from([(("eea", "consent"),), (("eea", "interests"),)]),
)  # fmt: skip


@given(old=AGREED, new=AGREED)
@settings(max_examples=150, deadline=None)
def test_whoever_is_asked_again_is_told_why_and_nobody_else_is(old: Agreed, new: Agreed) -> None:
    """What is the same has no change to tell and the same fingerprint; what is another fingerprint has at least one."""
    assert (changes(old, new) == ()) == (old == new)
    assert (old.print == new.print) == (old == new)
    assert {one.kind for one in changes(old, new)} <= set(KINDS)


@given(old=AGREED, new=AGREED)
@settings(max_examples=50, deadline=None)
def test_what_came_is_what_went_looked_at_the_other_way(old: Agreed, new: Agreed) -> None:
    """A recipient, country or field that came is one that went when the two are compared the other way round."""
    gone = {(one.kind.removesuffix("_gone"), one.of) for one in changes(new, old) if one.kind.endswith("_gone")}
    came = {(one.kind, one.of) for one in changes(old, new) if one.kind in {"recipient", "country", "field"}}
    behind = {hand.id: hand.behind for hand in old.hands}
    assert gone == {(kind, of) for kind, of in came if kind != "recipient" or of not in behind}
