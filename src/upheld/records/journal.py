"""The erasure journal: hash-chained lines outside both stores, so that no restored backup brings an erased person back."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from upheld.db import b64, canonical, unb64
from upheld.records.model import RecordsError

_BEGIN = "0" * 64


class JournalGapError(RecordsError):
    """The erasure journal is missing, shorter or changed in one of its copies."""

    code = "journal_gap"
    clause = "rights.erasure"
    next_step = "Put the whole journal back from its other copy before anything is served."


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One erasure: subject number, classes (empty: all), suppression tags, UTC time, and the hash of the line before."""

    seq: int
    erasure: bytes
    subject: bytes
    classes: tuple[str, ...]
    tags: tuple[bytes, ...]
    time: datetime
    previous: str

    def text(self) -> bytes:
        """Give the line as canonical JSON with its end of line."""
        parts = {
            "seq": self.seq,
            "kind": "erase",
            "erasure": b64(self.erasure),
            "subject": b64(self.subject),
            "classes": list(self.classes),
            "tags": [b64(tag) for tag in self.tags],
            "time": self.time.isoformat(timespec="milliseconds"),
            "previous": self.previous,
        }
        return canonical(parts) + b"\n"

    def hash(self) -> str:
        """Give the hash the next line names."""
        return hashlib.sha256(self.text()).hexdigest()


class Journal:
    """The journal in two or more files of the same content. Safe to share between threads and processes."""

    def __init__(self, copies: Sequence[Path]) -> None:
        """Open the copies and mend what a crash between them left; raises JournalGapError when they contradict."""
        if len(copies) < 2:
            raise ValueError("the journal needs two copies")
        self._copies = tuple(copies)
        self._lock = threading.Lock()
        self._sizes: tuple[int, ...] = ()
        self._lines: list[JournalLine] = []
        self._seqs: dict[bytes, int] = {}
        for path in self._copies:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            self._load()

    def lines(self) -> list[JournalLine]:
        """Read all lines; raises JournalGapError when the chain is broken."""
        with self._alone():
            return list(self._load())

    def append(
        self,
        *,
        erasure: bytes,
        subject: bytes,
        classes: Sequence[str],
        tags: Sequence[bytes],
        time: datetime,
    ) -> JournalLine:
        """Add a line to every copy, each on the disk before this returns; an erasure already written is given back."""
        with self._alone():
            lines = self._load()
            if erasure in self._seqs:
                return lines[self._seqs[erasure] - 1]
            previous = lines[-1].hash() if lines else _BEGIN
            line = JournalLine(
                len(lines) + 1, erasure, subject, tuple(classes), tuple(tags), time, previous
            )
            for path in self._copies:
                _append(path, line.text())
            self._know([*lines, line])
            return line

    def _load(self) -> list[JournalLine]:
        """Give the lines, read again only when a file is not as this process left it."""
        if self._sizes != _sizes(self._copies) or not self._sizes:
            self._know(_parse(self._mend()))
        return self._lines

    def _know(self, lines: list[JournalLine]) -> None:
        self._lines = lines
        self._seqs = {line.erasure: line.seq for line in lines}
        self._sizes = _sizes(self._copies)

    def _mend(self) -> bytes:
        """Cut a torn last line, bring a copy that is a whole line behind up to the longest; gives the content."""
        contents = [_whole(path.read_bytes()) if path.exists() else b"" for path in self._copies]
        longest = max(contents, key=len)
        _parse(longest)
        for path, content in zip(self._copies, contents, strict=True):
            if not longest.startswith(content) or (longest.count(b"\n") - content.count(b"\n") > 1):
                raise JournalGapError
            torn = path.exists() and path.stat().st_size != len(content)
            if torn:
                os.truncate(path, len(content))
            if content != longest or torn or not path.exists():
                _append(path, longest[len(content) :])
        return longest

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
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _parse(content: bytes) -> list[JournalLine]:
    lines: list[JournalLine] = []
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


def _line(parts: dict[str, Any]) -> JournalLine:
    return JournalLine(
        seq=parts["seq"],
        erasure=unb64(parts["erasure"]),
        subject=unb64(parts["subject"]),
        classes=tuple(parts["classes"]),
        tags=tuple(unb64(tag) for tag in parts["tags"]),
        time=datetime.fromisoformat(parts["time"]),
        previous=parts["previous"],
    )
