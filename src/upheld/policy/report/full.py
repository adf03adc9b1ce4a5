"""Findings for people: with their source line, and as one line each."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.policy.catalogue import citation_in
from upheld.policy.findings import Finding
from upheld.policy.report.model import Report, Summary, caret_words, headings, message, next_step, summary
from upheld.policy.report.style import Style
from upheld.policy.report.width import columns, pad, visible, window, wrap
from upheld.policy.report.words import counted, label, severity_word

_LABEL = 7  # columns of the word after `=`


def full(report: Report, lang: str, style: Style) -> str:
    """Show each finding with its place, source line, headings, law and next step."""
    return "".join("\n".join(_finding(report, found, lang, style)) + "\n\n" for found in report.shown())


def concise(report: Report, lang: str) -> str:
    """Show each finding on one line: `path:line:col: CODE severity text`."""
    return "".join(f"{_place(report, found)}: {_plain(found, lang)}\n" for found in report.shown())


def _place(report: Report, found: Finding) -> str:
    line, col = (found.span.line, found.span.col) if found.span else (1, 1)
    return f"{report.path_of(found)}:{line}:{col}"


def _plain(found: Finding, lang: str) -> str:
    return f"{found.code} {'accepted' if found.accepted else found.severity} {message(found, lang)}"


def _finding(report: Report, found: Finding, lang: str, style: Style) -> Iterator[str]:
    level = "accepted" if found.accepted else found.severity
    head = f"{found.code} {severity_word(level, lang)}"
    words = wrap(visible(message(found, lang)), style.width, columns(head) + 2)
    yield f"{style.paint(head, level)}  {words}"
    yield f"  {style.paint('-->', 'place')} {_place(report, found) if found.span else report.path_of(found)}"
    gutter = len(str(found.span.line)) if found.span else 2
    yield from _source(report, found, lang, style, gutter)
    yield from _facts(report, found, lang, style, gutter)


def _source(report: Report, found: Finding, lang: str, style: Style, gutter: int) -> Iterator[str]:
    """Show the line with carets under the words it is about; columns count full-width characters twice."""
    line, span = report.line_of(found), found.span
    if line is None or span is None:
        return
    start = min(span.col - 1, len(line))
    end = span.end_col - 1 if span.end_line == span.line else len(line)
    room = max(20, style.width - gutter - 3) if style.width else None
    text, before, marked = window(visible(line).rstrip(), start, max(start, end), room)
    bar = style.paint(" " * gutter + " |", "place")
    words = visible(caret_words(found, lang))
    if room and before + marked + 1 + columns(words) > room:
        words = ""  # the first line has said it already
    level = "accepted" if found.accepted else found.severity
    yield bar
    yield f"{style.paint(f'{span.line} |', 'place')} {text}"
    yield f"{bar} {' ' * before}{style.paint('^' * marked, level)} {words}".rstrip()


def _facts(report: Report, found: Finding, lang: str, style: Style, gutter: int) -> Iterator[str]:
    facts = {
        "under": " > ".join(headings(report, found, lang)),
        "law": " · ".join(citation_in(lang, law) for law in found.law),
        "next": next_step(found, lang),
        "until": _acceptance(found, lang),
    }
    lead = " " * (gutter + 1)
    for name, text in facts.items():
        if text:
            words = wrap(visible(text), style.width, gutter + 3 + _LABEL)
            yield f"{lead}{style.paint('=', 'place')} {pad(label(name, lang), _LABEL)}{words}"


def _acceptance(found: Finding, lang: str) -> str:
    accepted = found.accepted
    if accepted is None:
        return ""
    reason = accepted.reason.get(lang) or next(iter(accepted.reason.values()), "")
    return " · ".join(part for part in (accepted.until, accepted.who, reason) if part)


def closing(report: Report, lang: str, seconds: float | None = None) -> str:
    """Count a report in one line; the time is told only where somebody waits for it."""
    counts = summary(report)
    line = _closing_ja(counts) if lang == "ja" else _closing_en(counts)
    return line if seconds is None else f"{line} · {seconds:.1f} {'秒' if lang == 'ja' else 's'}"


def _closing_en(counts: Summary) -> str:
    found = [counted(counts.errors, "error", "errors"), counted(counts.warnings, "warning", "warnings")]
    if counts.notes:
        found.append(counted(counts.notes, "note", "notes"))
    if counts.accepted:
        ending = f" ({_ending_en(counts)})" if counts.ending else ""
        found.append(f"{counts.accepted} accepted{ending}")
    sizes = [
        counted(counts.situations, "situation", "situations"),
        counted(counts.purposes, "purpose", "purposes"),
        counted(counts.services, "service", "services"),
    ]
    if counts.statements:
        sizes.append(counted(counts.statements, "text statement", "text statements"))
    return f"{', '.join(found)} · {' '.join([*sizes, '+'.join(counts.languages)])}"


def _ending_en(counts: Summary) -> str:
    verb = "ends" if counts.ending == 1 else "end"
    when = "today" if counts.ends_in == 0 else f"in {counted(counts.ends_in or 0, 'day', 'days')}"
    return (
        f"{counts.ending} {verb} {when}"
        if counts.ending == 1
        else f"{counts.ending} {verb} soon, the first {when}"
    )


def _closing_ja(counts: Summary) -> str:
    found = [f"エラー{counts.errors}件", f"警告{counts.warnings}件"]
    if counts.notes:
        found.append(f"参考{counts.notes}件")
    if counts.accepted:
        when = "本日" if counts.ends_in == 0 else f"{counts.ends_in}日後"
        several = "近く終了、最初は" if counts.ending > 1 else ""
        ending = f"（{counts.ending}件は{several}{when}{'' if several else '終了'}）" if counts.ending else ""
        found.append(f"受容{counts.accepted}件{ending}")
    sizes = [f"取得場面{counts.situations}", f"利用目的{counts.purposes}", f"サービス{counts.services}"]
    if counts.statements:
        sizes.append(f"記述のみの条項{counts.statements}")
    return f"{'、'.join(found)} · {' '.join([*sizes, '+'.join(counts.languages)])}"
