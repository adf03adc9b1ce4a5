"""Many records opened with one look: the same answers as one by one, and nothing of whom was erased."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.records import KeyGoneError
from upheld.records.cipher import Binding, BrokenSealError, bound


def sealed_by(house, subject: bytes, number: int) -> tuple[bytes, bytes, bytes]:
    item = b"%d" % number
    aad = bound(house.held.ring.tenant, subject, item, "bench")
    return subject, item, house.held.ring.seal(subject, "identity", aad, b"value %d" % number)


def opened(house, sealed) -> list[bytes]:
    ring = house.held.ring
    return ring.unseal_many("identity", Binding(ring.tenant, "bench"), *zip(*sealed, strict=True))


def test_many_open_as_one_by_one_also_in_a_ring_that_knows_no_key(house):
    """Records of seven people open in order, whether their keys are at hand or must be read together first."""
    people = [house.vault.subject_for({"email": f"p{n}@example.com"}) for n in range(7)]
    sealed = [sealed_by(house, people[n % 7], n) for n in range(40)]
    expected = [b"value %d" % n for n in range(40)]
    assert opened(house, sealed) == expected
    house.close()
    house.open()
    assert opened(house, sealed) == expected


def test_many_do_not_open_when_one_is_changed_moved_or_gone(house):
    """One changed seal, one put in another's place, or one person whose key was destroyed stops the whole look."""
    one, other = (house.vault.subject_for({"email": f"{name}@example.com"}) for name in ("one", "other"))
    sealed = [sealed_by(house, one, 1), sealed_by(house, other, 2)]
    changed = (*sealed[0][:2], sealed[0][2][:-1] + bytes([sealed[0][2][-1] ^ 1]))
    for wrong in (changed, (one, b"2", sealed[0][2]), (other, b"1", sealed[0][2]), (*sealed[0][:2], b"\x02" + sealed[0][2][1:])):
        with pytest.raises(BrokenSealError):
            opened(house, [sealed[1], wrong])
    house.held.ring.destroy(other, None)
    with pytest.raises(KeyGoneError):
        opened(house, sealed)
    assert opened(house, sealed[:1]) == [b"value 1"]


@given(st.text(max_size=9), st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_a_binding_gives_the_bytes_that_bound_gives(tenant, subject, item, place, situation, version):
    """What is spelled once for many items is the same to the byte as what is spelled for one."""
    expected = bound(tenant, subject, item, place, situation, version)
    assert Binding(tenant, place, situation, version).of(subject, item) == expected
