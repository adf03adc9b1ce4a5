"""Reports: what the compiler found, decided or compared, as text for people and data for machines.

Everything here is a pure function of values; nothing prints.
"""

from upheld.policy.report.full import closing, concise, full
from upheld.policy.report.machine import as_json, github, sarif
from upheld.policy.report.model import Report, Summary, summary
from upheld.policy.report.style import PLAIN, Style

FORMATS = ("full", "concise", "json", "github", "sarif")

__all__ = [
    "FORMATS",
    "PLAIN",
    "Report",
    "Style",
    "Summary",
    "as_json",
    "closing",
    "concise",
    "full",
    "github",
    "render",
    "sarif",
    "summary",
]


def render(kind: str, report: Report, lang: str = "en", style: Style = PLAIN) -> str:
    """Give a report in one of the five formats, in English or Japanese.

    Raises KeyError for a format that does not exist.
    """
    if kind == "full":
        return full(report, lang, style)
    return {"concise": concise, "json": as_json, "github": github, "sarif": sarif}[kind](report, lang)
