"""Normal forms: the short way for ordinary addresses gives what the long way gives."""

from __future__ import annotations

from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from upheld.records import index

LOCAL = st.text(st.sampled_from("aZ0.+-_'!#$%&*/=?^`{|}~ @é"), min_size=0, max_size=8)
LABEL = st.text(st.sampled_from("aZ09-é"), min_size=0, max_size=6)


@settings(max_examples=300)
@given(LOCAL, st.lists(LABEL, min_size=1, max_size=4))
@example("A.b+c", ["EXAMPLE", "co", "JP"])
@example("a", ["xn--example", "jp"])
@example("a", ["ab--cd", "jp"])
@example("a", ["a" * 64, "jp"])
@example("a", ["example", "jp", ""])
@example("a", ["example", "1"])
def test_the_short_way_gives_what_the_long_way_gives(local: str, labels: list[str]) -> None:
    """Whatever the short way takes has the same normal form by the rules of internationalised names."""
    address = f"{local}@{'.'.join(labels)}"
    short = index.normal_form("email", address)
    with mock.patch.object(index, "_PLAIN", index.re.compile(r"(?!)")):
        assert short == index.normal_form("email", address)
