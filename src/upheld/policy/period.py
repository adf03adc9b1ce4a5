"""Calendar periods: one whole number of one unit, as the policy writes them (`P3Y`, `P13M`, `P30D`)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

_PATTERN = re.compile(r"P([0-9]{1,4})([DWMY])")


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time in calendar units: `n` days, weeks, months or years."""

    n: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Period | None:
        """Read ISO 8601 with one whole unit; anything else is None."""
        match = _PATTERN.fullmatch(text)
        return cls(int(match[1]), match[2]) if match else None

    def __str__(self) -> str:
        return f"P{self.n}{self.unit}"

    def after(self, start: date, count: str = "from_event") -> date:
        """Give the last day of the period that starts with an event.

        Months and years end on the day with the same number, in a shorter month on its last day
        (2024-02-29 and `P3Y` give 2027-02-28). `from_year_end` counts from 31 December of the event's year.
        A period that ends beyond the calendar ends with it.
        """
        begin = date(start.year, 12, 31) if count == "from_year_end" else start
        if self.unit in "DW":
            return begin + timedelta(days=self.n * (7 if self.unit == "W" else 1))
        months = begin.year * 12 + begin.month - 1 + self.n * (12 if self.unit == "Y" else 1)
        year, month = divmod(months, 12)
        if year > date.max.year:
            return date.max
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(begin.day, last))

    def rough_days(self) -> float:
        """Give a length for comparing two periods; a year counts 365.25 days and is twelve months."""
        return self.n * {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}[self.unit]
