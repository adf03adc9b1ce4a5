"""How wide and how coloured a report may be."""

from __future__ import annotations

from dataclasses import dataclass

_COLOURS = {
    "error": "1;31", "warning": "1;33", "note": "1;36", "accepted": "1;34", "place": "34", "bold": "1",
    "allow": "1;32", "refuse": "1;31", "beyond": "1;31", "dim": "2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """`width` in columns, None for lines of any length; `colour` only where a terminal shows it."""

    width: int | None = None
    colour: bool = False

    def paint(self, text: str, role: str) -> str:
        """Colour a text by its role, or give it back as it is."""
        code = _COLOURS.get(role)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text


PLAIN = Style()
