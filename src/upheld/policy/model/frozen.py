"""What every part of a policy is made of: a mapping that never changes, and a text in several languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Frozen(dict[K, V]):
    """A dict that refuses to change after it was made; order is the order of the folder."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a compiled policy never changes; publish a new version")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> Any:
        return (Frozen, (dict(self),))


Text: TypeAlias = Mapping[str, str]
NO_TEXT: Text = Frozen()
