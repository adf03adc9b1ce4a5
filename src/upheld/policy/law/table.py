"""The page that lists all law the product carries."""

from __future__ import annotations

from upheld.policy.law.book import Law, load_law
from upheld.policy.law.values import Pack, Reference

_HEAD = """# Law

Every rule that a decision reads, as dated data. A rule decides nothing outside its days, and nothing in a
policy that does not list its pack. `to_check` was written from knowledge: open the primary text before
relying on it.
"""


def law_reference_md(law: Law | None = None) -> str:
    """Give the page as Markdown: packs, their rules with reference, days and mark, then statutes."""
    law = law or load_law()
    parts = [_HEAD]
    parts.extend(_pack(pack) for pack in sorted(law.packs.values(), key=lambda pack: (pack.regime, pack.id)))
    rows = [
        f"| `{item.id}` | {item.jurisdiction}{f'-{item.part}' if item.part else ''} | {item.title['en']} "
        f"| {_linked(item.reference)} | {item.mark} |"
        for item in law.statutes.values()
    ]
    head = ["## Statutes", "", "| Id | Where | Title | Reference | Mark |", "|-|-|-|-|-|"]
    parts.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(parts)


def _pack(pack: Pack) -> str:
    head = [
        f"## {pack.id}",
        "",
        f"{pack.title['en']} · regime `{pack.regime}` · {pack.status.replace('_', ' ')} · {pack.in_force}",
        "",
        "| Rule | Reference | In force | Mark |",
        "|-|-|-|-|",
    ]
    rows = [
        f"| `{rule.id}` | {_linked(rule.reference)} | {rule.in_force} | {rule.mark} |"
        for rule in sorted(pack.rules, key=lambda rule: (rule.id, str(rule.in_force)))
    ]
    return "\n".join([*head, *rows]) + "\n"


def _linked(reference: Reference) -> str:
    return f"[{reference.citation}]({reference.url})" if reference.url else reference.citation
