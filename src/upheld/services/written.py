"""What somebody wrote about a service of theirs, in YAML: read whole, with everything that is wrong said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upheld.db import UpheldError
from upheld.policy.source import Folder, plain, read_text


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing a map says wrongly, with its place: `customers.email`."""

    code: str
    place: str
    text: str


class MapError(UpheldError):
    """What was written about a service does not hold together."""

    code = "map_invalid"
    clause = "services"
    next_step = "Mend what is listed; the guides named connect- and erase-in-your-own-database show whole files."

    def __init__(self, troubles: tuple[Trouble, ...]) -> None:
        """Keep what is wrong, the first of it in the message."""
        self.troubles = troubles
        super().__init__("; ".join(f"{one.place}: {one.text}" for one in troubles[:5]))


def tree_of(path: Path) -> Any:
    """Read a YAML file with every scalar as a string; raises MapError for what is unreadable or stands there twice."""
    folder = Folder(path.parent)
    try:
        tree = plain(read_text(path.name, path.read_text("utf-8"), folder))
    except OSError:
        raise MapError((Trouble("unreadable", path.name, "cannot be read"),)) from None
    except Exception as error:  # the reader's own word for text that is no YAML, or UnicodeDecodeError
        raise MapError((Trouble("unreadable", path.name, f"is no readable YAML ({type(error).__name__})"),)) from None
    if folder.findings:
        raise MapError(tuple(_twice(one.params) for one in folder.findings))
    return tree


def _twice(params: Mapping[str, Any]) -> Trouble:
    return Trouble("twice", str(params.get("key", "")), f"stands there already ({params.get('line', '')})")
