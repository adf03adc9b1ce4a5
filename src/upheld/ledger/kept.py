"""The newest checkpoint kept in files beside the stores, so that a store put back to an older state is found out."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from upheld.ledger.note import Checkpoint, Signer, open_note, read_note
from upheld.ledger.rules import origin_parts


class KeptCheckpoint:
    """One note in several files; a restored backup of the data store does not reach them.

    Clause: security.technical
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """Keep it in each of `files`."""
        self._files = tuple(files)
        self._put: dict[Path, Checkpoint] = {}

    def put(self, checkpoint: Checkpoint, signer: Signer) -> None:
        """Replace what is kept by something newer, whole or not at all, durably."""
        for file in self._files:
            held = self._held(file, signer)
            if held is None or _age(held) <= _age(checkpoint):
                write_whole(file, checkpoint.note)
                self._put[file] = checkpoint

    def _held(self, file: Path, signer: Signer) -> Checkpoint | None:
        """Read what is kept; what was put there last and still stands need not be verified again."""
        last = self._put.get(file)
        with suppress(OSError, ValueError):
            if last is not None and file.read_text("utf-8") == last.note:
                return last
        return _read(file, signer)

    def newest(self, signer: Signer) -> Checkpoint | None:
        """Give the newest checkpoint kept that the log's key signed under any of its origins; None without one."""
        found = [held for file in self._files if (held := _read(file, signer)) is not None]
        return max(found, key=_age, default=None)


def _age(checkpoint: Checkpoint) -> tuple[str, int, int]:
    return (*origin_parts(checkpoint.origin), checkpoint.size)


def _read(file: Path, signer: Signer) -> Checkpoint | None:
    """Read a note; None when there is none, or one that is damaged or signed by somebody else: the other copy decides."""
    try:
        note = file.read_text("utf-8")
        return open_note(note, [replace(signer, origin=read_note(note).origin).vkey()])
    except (OSError, ValueError):
        return None


def write_whole(file: Path, text: str) -> None:
    """Write a small file so that after a power cut it is the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}.new")
    with beside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
