"""Spools: what is written comes back from anywhere, and the disk holds nothing that can be read."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.db import Spool
from upheld.db.spool import BLOCK


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2 * BLOCK), max_size=5), st.integers(0, 9 * BLOCK), st.integers(0, BLOCK))
def test_what_is_written_comes_back_from_anywhere(sizes: list[int], at: int, length: int) -> None:
    """Whatever the pieces, whole and in part, from any place."""
    pieces = [os.urandom(size) for size in sizes]
    whole = b"".join(pieces)
    with Spool() as spool:
        for piece in pieces:
            spool.write(piece)
        assert spool.size == len(whole)
        assert spool.reader().read() == whole
        again = spool.reader()
        again.seek(at)
        assert again.read(length) == whole[at : at + length]


def test_the_disk_tells_nothing(tmp_path: Path) -> None:
    """The file has no name, and its bytes hold nothing of what was written."""
    spool = Spool(tmp_path)
    spool.write(b"hanako@example.co.jp " * BLOCK)
    assert list(tmp_path.iterdir()) == []
    raw = os.pread(spool._file.fileno(), 10 * BLOCK, 0)
    assert len(raw) > BLOCK
    assert b"hanako" not in raw
    spool.close()


def test_a_spool_that_is_read_takes_no_more() -> None:
    with Spool() as spool:
        spool.write(b"a")
        spool.rewind()
        assert not spool.writable()
        with pytest.raises(io.UnsupportedOperation):
            spool.write(b"b")
