"""The erasure journal: two copies, one chain, nothing lost and nothing changed unnoticed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from upheld.records import Journal, JournalGapError
from upheld.records.journal import Journaled

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def copies(tmp_path):
    return [tmp_path / "a" / "erasure.jsonl", tmp_path / "b" / "erasure.jsonl"]


def write(journal, number):
    return journal.append(
        erasure=bytes([number]) * 16, subject=bytes([100 + number]) * 16, classes=[], tags=[b"t" * 16], time=NOW
    )


def test_lines_are_chained_and_written_once(copies):
    """Each line names the one before; the same erasure written twice is one line; both copies are equal."""
    journal = Journal(copies)
    first, second = write(journal, 1), write(journal, 2)
    assert write(journal, 1) == first
    assert (first.seq, second.seq, second.previous) == (1, 2, first.hash())
    assert Journal(copies).lines() == journal.lines() == [first, second]
    assert copies[0].read_bytes() == copies[1].read_bytes()
    assert copies[0].stat().st_mode & 0o077 == 0


def test_two_processes_write_one_chain(copies):
    """Journals opened twice go on from each other's lines."""
    one, two = Journal(copies), Journal(copies)
    for number in range(6):
        write((one, two)[number % 2], number)
    assert [line.seq for line in one.lines()] == [1, 2, 3, 4, 5, 6]
    assert one.lines() == two.lines()


@pytest.mark.parametrize("cut", [1, 30])
def test_what_a_crash_tore_is_mended(copies, cut):
    """A torn last line is taken from the other copy, where it is whole."""
    journal = Journal(copies)
    lines = [write(journal, number) for number in (1, 2)]
    whole = copies[0].read_bytes()
    copies[1].write_bytes(whole[:-cut])
    assert Journal(copies).lines() == lines
    assert copies[1].read_bytes() == whole


def test_a_line_torn_in_every_copy_was_never_written(copies):
    """A line that is whole nowhere is dropped, and its erasure writes it again."""
    journal = Journal(copies)
    first = write(journal, 1)
    for path in copies:
        with path.open("ab") as file:
            file.write(b'{"seq":2,')
    assert Journal(copies).lines() == [first]
    assert write(Journal(copies), 2).seq == 2


@pytest.mark.parametrize("damage", ["shorter", "changed", "swapped", "garbage"])
def test_a_journal_that_was_tampered_with_stops_everything(copies, damage):
    """A copy that lost several lines, or lines changed, swapped or foreign, are refused."""
    journal = Journal(copies)
    for number in range(4):
        write(journal, number)
    lines = copies[0].read_bytes().splitlines(keepends=True)
    if damage == "shorter":
        copies[1].write_bytes(b"".join(lines[:1]))
    elif damage == "changed":
        for path in copies:
            path.write_bytes(b"".join(lines).replace(b'"seq":2', b'"seq":9'))
    elif damage == "swapped":
        for path in copies:
            path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    else:
        for path in copies:
            path.write_bytes(b"".join(lines) + b"[]\n")
    with pytest.raises(JournalGapError):
        Journal(copies)


def together(journal, *numbers):
    told = [Journaled(bytes([n]) * 16, bytes([100 + n]) * 16, [], [b"t" * 16]) for n in numbers]
    return journal.append_all(told, NOW)


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_copy_that_lacks_lines_written_together_is_mended(copies, kept):
    """A crash while many lines go to the second copy leaves it any number of them behind; the other one has them."""
    journal = Journal(copies)
    write(journal, 1)
    lines = together(journal, 2, 1, 3, 4, 5)
    assert [line.seq for line in lines] == [2, 1, 3, 4, 5]
    whole = copies[0].read_bytes()
    copies[1].write_bytes(b"".join(whole.splitlines(keepends=True)[: 1 + kept]) + b'{"seq":')
    assert len(Journal(copies).lines()) == 5
    assert copies[1].read_bytes() == whole


@pytest.mark.parametrize("later", [True, False])
def test_a_copy_that_lacks_more_than_was_written_together_stops_everything(copies, later):
    """Lines from before the last ones written together, or those once others followed, are lost by no crash."""
    journal = Journal(copies)
    for number in (1, 2):
        write(journal, number)
    together(journal, 3, 4, 5)
    if later:
        write(journal, 6)
    copies[1].write_bytes(b"".join(copies[0].read_bytes().splitlines(keepends=True)[: 2 if later else 1]))
    with pytest.raises(JournalGapError):
        Journal(copies)


def test_one_copy_is_not_enough(copies):
    """The journal insists on two places."""
    with pytest.raises(ValueError):
        Journal(copies[:1])
