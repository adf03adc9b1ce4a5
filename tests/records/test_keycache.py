"""Keys at hand: never older than a minute, never more than a bound, and the same as were put."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upheld.records import keycache
from upheld.records.cipher import DataKey
from upheld.records.keycache import KeyCache

STEPS = st.lists(st.tuples(st.integers(0, 8), st.floats(-5, 70)), max_size=40)


@given(STEPS)
def test_a_key_at_hand_is_the_newest_of_its_person_and_not_a_minute_old(steps):
    """Whatever the order of putting, looking and time, also when the clock goes back."""
    cache, now, put = KeyCache(), 1000.0, {}
    for number, step in steps:
        now += step
        subject = b"%d" % number
        (found,) = cache.find("identity", [subject], now)
        if found is not None:
            key, at = put[subject]
            assert found is key
            assert 0 <= now - at < keycache.SECONDS or now < at
        else:
            put[subject] = DataKey(bytes(32)), now
            cache.put("identity", subject, put[subject][0], now)
        assert cache.find("marketing", [subject], now) == [None]


def test_no_more_keys_are_at_hand_than_the_bound():
    """The young half makes room by letting the older one go."""
    cache = KeyCache()
    people = [b"%d" % number for number in range(keycache.SIZE * 2)]
    for subject in people:
        cache.put("identity", subject, DataKey(bytes(32)), 0.0)
    there = [key for key in cache.find("identity", people, 1.0) if key is not None]
    assert len(there) == keycache.SIZE
    cache.put("identity", b"one more", DataKey(bytes(32)), 1.0)
    assert None not in cache.find("identity", [*people[-keycache.SIZE // 2 :], b"one more"], 1.0)


def test_a_key_is_at_hand_for_half_a_minute_at_least():
    """So that a page of many records does not open a key twice."""
    cache = KeyCache()
    cache.put("identity", b"1", DataKey(bytes(32)), 0.0)
    cache.put("identity", b"2", DataKey(bytes(32)), 29.0)
    assert None not in cache.find("identity", [b"1", b"2"], 59.0)
    assert cache.find("identity", [b"1", b"2"], 60.0) == [None, None]
