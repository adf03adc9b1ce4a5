"""JSON is read strictly: what is acted on is exactly what was sent."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.web.refusals import Refusal
from upheld.web.wire import MAX_DEPTH, Closed, decode, depth_of, parse


class Body(Closed):
    name: str
    amount: int = 0
    on: bool = False
    tags: tuple[str, ...] = ()
    inner: "Inner | None" = None


class Inner(Closed):
    word: str


@pytest.mark.parametrize(
    ("raw", "code", "fields"),
    [
        (b"", "malformed", ()),
        (b"{", "malformed", ()),
        (b"\xff\xfe", "malformed", ()),
        (b'{"name":"a","name":"b"}', "member_twice", ()),
        (b'{"name":"a","inner":{"word":"x","word":"y"}}', "member_twice", ()),
        (b'{"name":"a","nam\\u0065":"b"}', "member_twice", ()),
        (b'{"name":"a","extra":1}', "member_unknown", ()),
        (b'{"name":"a","inner":{"word":"x","more":1}}', "member_unknown", ()),
        (b'{"name":1}', "value_invalid", ("name",)),
        (b'{"name":"a","amount":"1"}', "value_invalid", ("amount",)),
        (b'{"name":"a","amount":true}', "value_invalid", ("amount",)),
        (b'{"name":"a","amount":NaN}', "malformed", ()),
        (b'{"name":"a","amount":1e400}', "value_invalid", ("amount",)),
        (b'{"name":"a","on":"true"}', "value_invalid", ("on",)),
        (b'{"amount":1}', "value_invalid", ("name",)),
        (b'{"name":"a","inner":{}}', "value_invalid", ("inner.word",)),
        (b'{"name":"\\ud800"}', "malformed", ()),
        (b"[" * 20 + b"]" * 20, "too_deep", ()),
        (b"[" * 60_000, "too_deep", ()),
        (b'"' + b"a" * 65_536 + b'"', "too_large", ()),
        (b"null", "value_invalid", ()),
    ],
)
def test_what_is_not_exact_is_refused(raw: bytes, code: str, fields: tuple[str, ...]) -> None:
    """Each way a body can be wrong has a code, and the place is named in the shape's own words."""
    with pytest.raises(Refusal) as caught:
        decode(raw, Body)
    assert (caught.value.code, caught.value.fields) == (code, fields)


def test_a_right_body_is_read() -> None:
    """A body of the right shape arrives as it was sent, also with signs outside the basic plane."""
    body = decode('{"name":"𠮷野 髙","amount":3,"tags":["[[[[[[[[[[[[[[[[[["]}'.encode(), Body)
    assert (body.name, body.amount, body.tags) == ("𠮷野 髙", 3, ("[" * 18,))


def test_nothing_sent_is_repeated() -> None:
    """A refused body leaves no trace of its values or of its unknown names in the error."""
    for raw in (b'{"hanako@example.co.jp":1,"name":"x"}', b'{"name":["hanako@example.co.jp"]}'):
        with pytest.raises(Refusal) as caught:
            decode(raw, Body)
        assert "hanako" not in f"{caught.value} {caught.value.diagnostic} {caught.value.__cause__}"
        assert caught.value.__suppress_context__


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_comes_back_as_it_went(value: object) -> None:
    """Any JSON that is not too deep is read back equal; any deeper one is refused, never a crash."""
    raw = json.dumps(value).encode()
    if depth_of(raw) > MAX_DEPTH:
        with pytest.raises(Refusal, match="too_deep"):
            parse(raw)
    else:
        assert parse(raw) == value


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever bytes come, the answer is a value or a refusal."""
    with suppress(Refusal):
        assert isinstance(decode(raw, Body), Body)


@given(st.integers(1, 40), st.text(alphabet='[]{}"\\', max_size=8))
def test_depth_counts_brackets_outside_strings(depth: int, noise: str) -> None:
    """Brackets inside a text are not depth."""
    value: object = noise
    for _ in range(depth):
        value = [value]
    counted = depth_of(json.dumps(value).encode())
    assert (counted > MAX_DEPTH) == (depth > MAX_DEPTH)
