"""The erasure journal: hash-chained lines outside both stores, so that no restored backup brings an erased person back."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from upheld.db import b64, canonical, unb64
from upheld.records.model import RecordsError
from upheld.records.root import sync_folder

_BEGIN = "0" * 64


class JournalGapError(RecordsError):
    """The erasure journal is missing, shorter or changed in one of its copies."""

    code = "journal_gap"
    clause = "rights.erasure"
    next_step = "Put the whole journal back from its other copy before anything is served."


@dataclass(frozen=True, slots=True)
class _Chained:
    """What every line has: its number, its time in UTC, and the hash of the line before."""

    seq: int
    time: datetime
    previous: str

    def parts(self) -> dict[str, Any]:
        """Give what the line says besides."""
        raise TypeError

    def text(self) -> bytes:
        """Give the line as canonical JSON with its end of line."""
        chained = {
            "seq": self.seq,
            "time": self.time.isoformat(timespec="milliseconds"),
            "previous": self.previous,
        }
        return canonical({**chained, **self.parts()}) + b"\n"

    def hash(self) -> str:
        """Give the hash the next line names."""
        return hashlib.sha256(self.text()).hexdigest()


@dataclass(frozen=True, slots=True)
class JournalLine(_Chained):
    """One erasure: subject number, classes (empty: all), suppression tags."""

    erasure: bytes
    subject: bytes
    classes: tuple[str, ...]
    tags: tuple[bytes, ...]

    def parts(self) -> dict[str, Any]:
        """Give what the line says besides."""
        return {
            "kind": "erase",
            "erasure": b64(self.erasure),
            "subject": b64(self.subject),
            "classes": list(self.classes),
            "tags": [b64(tag) for tag in self.tags],
        }


@dataclass(frozen=True, slots=True)
class RootLine(_Chained):
    """One root destroyed: its id, from when it opens nothing (UTC), and what that is worth."""

    root: str
    effective_at: datetime
    guarantee: str

    def parts(self) -> dict[str, Any]:
        """Give what the line says besides."""
        effective = self.effective_at.isoformat(timespec="milliseconds")
        return {"kind": "root_destroyed", "root": self.root, "effective_at": effective, "guarantee": self.guarantee}


class Journaled(NamedTuple):
    """What is to be told of an erasure: whose, which classes (none: all), suppression tags."""

    erasure: bytes
    subject: bytes
    classes: Sequence[str]
    tags: Sequence[bytes]


Line: TypeAlias = JournalLine | RootLine


class Journal:
    """The journal in two or more files of the same content. Safe to share between threads and processes."""

    def __init__(self, copies: Sequence[Path]) -> None:
        """Open the copies and mend what a crash between them left; raises JournalGapError when they contradict."""
        if len(copies) < 2:
            raise ValueError("the journal needs two copies")
        self._copies = tuple(copies)
        self._together = self._copies[0].parent / ".together"
        self._lock = threading.Lock()
        self._sizes: tuple[int, ...] = ()
        self._lines: list[Line] = []
        self._seqs: dict[bytes | str, int] = {}
        for path in self._copies:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            self._load()

    def lines(self) -> list[Line]:
        """Read all lines; raises JournalGapError when the chain is broken."""
        with self._alone():
            return list(self._load())

    def erasures(self) -> list[JournalLine]:
        """Read the lines of erasures."""
        return [line for line in self.lines() if isinstance(line, JournalLine)]

    def append(
        self,
        *,
        erasure: bytes,
        subject: bytes,
        classes: Sequence[str],
        tags: Sequence[bytes],
        time: datetime,
    ) -> JournalLine:
        """Do as `append_all` for one erasure."""
        (line,) = self.append_all([Journaled(erasure, subject, classes, tags)], time)
        return line

    def append_all(self, told: Sequence[Journaled], time: datetime) -> list[JournalLine]:
        """Add a line of each erasure to every copy, on the disk before this returns; one already written is given back."""

        def made(one: Journaled) -> Callable[[int, str], Line]:
            return lambda seq, previous: JournalLine(
                seq, time, previous, one.erasure, one.subject, tuple(one.classes), tuple(one.tags)
            )

        lines = self._write([(one.erasure, made(one)) for one in told])
        found = [line for line in lines if isinstance(line, JournalLine)]
        if len(found) < len(told):
            raise JournalGapError
        return found

    def append_root(self, *, root: str, effective_at: datetime, guarantee: str, time: datetime) -> Line:
        """Add the line of a destroyed root to every copy; one already written is given back."""
        (line,) = self._write(
            [(root, lambda seq, previous: RootLine(seq, time, previous, root, effective_at, guarantee))]
        )
        return line

    def _write(self, told: Sequence[tuple[bytes | str, Callable[[int, str], Line]]]) -> list[Line]:
        with self._alone():
            lines = self._load()
            new: list[Line] = []
            texts: list[bytes] = []
            previous = lines[-1].hash() if lines else _BEGIN
            for name, made in told:
                if name in self._seqs:
                    continue
                line = made(len(lines) + len(new) + 1, previous)
                text = line.text()
                previous = hashlib.sha256(text).hexdigest()
                new.append(line)
                texts.append(text)
                self._seqs[name] = line.seq
            try:
                self._add(new, b"".join(texts))
            except BaseException:
                self._sizes = ()  # whatever reached a copy is read again
                raise
            return [lines[self._seqs[name] - 1] for name, _ in told]

    def _add(self, new: Sequence[Line], text: bytes) -> None:
        """Write lines to every copy; of several it is noted first where they begin, for a copy that a crash leaves behind."""
        if len(new) > 1:
            _replace(self._together, json.dumps([new[0].seq, len(new)]).encode())
        if new:
            for path in self._copies:
                _append(path, text)
        self._lines.extend(new)
        self._sizes = _sizes(self._copies)

    def _load(self) -> list[Line]:
        """Give the lines, read again only when a file is not as this process left it."""
        if self._sizes != _sizes(self._copies) or not self._sizes:
            self._know(_parse(self._mend()))
        return self._lines

    def _know(self, lines: list[Line]) -> None:
        self._lines = lines
        self._seqs = {line.erasure if isinstance(line, JournalLine) else line.root: line.seq for line in lines}
        self._sizes = _sizes(self._copies)

    def _mend(self) -> bytes:
        """Cut a torn last line, bring a copy that is a whole line behind up to the longest; gives the content."""
        contents = [_whole(path.read_bytes()) if path.exists() else b"" for path in self._copies]
        longest = max(contents, key=len)
        _parse(longest)
        for path, content in zip(self._copies, contents, strict=True):
            if not longest.startswith(content) or not self._may_lack(content.count(b"\n"), longest.count(b"\n")):
                raise JournalGapError
            torn = path.exists() and path.stat().st_size != len(content)
            if torn:
                os.truncate(path, len(content))
            if content != longest or torn or not path.exists():
                _append(path, longest[len(content) :])
        return longest

    def _may_lack(self, lines: int, longest: int) -> bool:
        """Say whether a crash explains that a copy has fewer lines: the last one, or those last written together."""
        if longest - lines <= 1:
            return True
        try:
            first, count = json.loads(self._together.read_bytes())
        except (OSError, ValueError, TypeError):
            return False
        return bool(first - 1 <= lines and longest <= first - 1 + count)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes out."""
        with self._lock, (self._copies[0].parent / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _sizes(paths: Sequence[Path]) -> tuple[int, ...]:
    return tuple(path.stat().st_size if path.exists() else -1 for path in paths)


def _whole(raw: bytes) -> bytes:
    return raw[: raw.rfind(b"\n") + 1]


def _append(path: Path, text: bytes) -> None:
    fresh = not path.exists()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        sync_folder(path.parent)


def _replace(path: Path, content: bytes) -> None:
    """Put a small file in place of another, on the disk before this returns."""
    draft = path.with_suffix(".part")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def _parse(content: bytes) -> list[Line]:
    lines: list[Line] = []
    previous = _BEGIN
    for raw in content.splitlines(keepends=True):
        try:
            line = _line(json.loads(raw))
        except (ValueError, KeyError, TypeError):
            raise JournalGapError from None
        if line.seq != len(lines) + 1 or line.previous != previous or line.text() != raw:
            raise JournalGapError
        previous = line.hash()
        lines.append(line)
    return lines


def _line(parts: dict[str, Any]) -> Line:
    chained = (parts["seq"], datetime.fromisoformat(parts["time"]), parts["previous"])
    if parts["kind"] == "root_destroyed":
        return RootLine(*chained, parts["root"], datetime.fromisoformat(parts["effective_at"]), parts["guarantee"])
    return JournalLine(
        *chained,
        unb64(parts["erasure"]),
        unb64(parts["subject"]),
        tuple(parts["classes"]),
        tuple(unb64(tag) for tag in parts["tags"]),
    )
