"""What a check sees: the built policy, the typed words with their places, the law, and the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from upheld.policy.catalogue import catalogue
from upheld.policy.findings import Finding, KeyPath, clause_id, freeze_params
from upheld.policy.law import Law, Rule
from upheld.policy.model import CompiledPolicy
from upheld.policy.schema import Typed
from upheld.policy.source import Map, key_span, value_span


@dataclass(frozen=True, slots=True)
class Live:
    """What a crawl of the live pages saw: hosts they called, names they kept in the browser, tags that ran unasked."""

    hosts: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    early: tuple[str, ...] = ()


NOTHING_SEEN = Live()


@dataclass(slots=True)
class Context:
    """The arguments of every check.

    `published` is the version in force, None when the caller has nothing to compare with; `live` is what a crawl saw.
    """

    policy: CompiledPolicy
    typed: Typed
    law: Law
    as_of: date
    published: CompiledPolicy | None = None
    live: Live = NOTHING_SEEN
    _rules: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def rules(self, rule_id: str) -> tuple[Rule, ...]:
        """Give the rules with this id that the listed packs have in force on the day."""
        if rule_id not in self._rules:
            self._rules[rule_id] = self.law.rule(self.policy.packs, rule_id, self.as_of)
        return self._rules[rule_id]

    def asking(self, rule_id: str) -> tuple[str, ...]:
        """Give the regimes of `law.reach` whose packs have this rule in force, in the order of `law.reach`."""
        regimes = {rule.regime for rule in self.rules(rule_id)}
        return tuple(regime for regime in self.policy.reach if regime in regimes)

    def say(
        self,
        code: str,
        path: KeyPath,
        *,
        at_key: bool = False,
        clause: str = "",
        names: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Iterator[Finding]:
        """Yield a finding at a key path, or nothing where no listed pack has the rule it reads.

        `params` and `names` fill the message (`names` where a name is a word of Python or of this function);
        `clause` is worked out from the path unless given; `at_key` points at the key, not the value.
        """
        needed = catalogue()[code].rules
        if needed and not any(self.rules(rule_id) for rule_id in needed):
            return
        locate = key_span if at_key else value_span
        span = locate(self.typed.folder.sections, path)
        yield Finding(code, path, span, freeze_params({**params, **(names or {})}), clause=clause or self.clause(path))

    def clause(self, path: KeyPath) -> str:
        """Give the clause id of a path; a place in a list stands for the id written there."""
        steps: list[str] = []
        node: Any = self.typed.sections.get(str(path[0]), {}) if path else {}
        for step in path[1:]:
            if isinstance(step, int):
                node = node[step] if isinstance(node, tuple) and step < len(node) else None
                name = _item_id(node)
                if name:
                    steps.append(name)
            else:
                steps.append(step)
                node = node.get(step) if isinstance(node, Mapping) else None
        return clause_id((path[0], *steps)) if path else "policy"

    def written(self, *path: str) -> bool:
        """Tell whether a key stands in the folder, even where its value could not be read."""
        node: Any = self.typed.folder.sections.get(path[0])
        for step in path[1:]:
            node = node.get(step) if isinstance(node, Map) else None
        return node is not None

    def value(self, *path: str) -> Any:
        """Give the typed value at a key path, or None."""
        node: Any = self.typed.sections
        for step in path:
            node = node.get(step) if isinstance(node, Mapping) else None
        return node


def _item_id(node: Any) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple) and node and isinstance(node[0], str):
        return node[0]
    if isinstance(node, Mapping) and isinstance(node.get("id"), str):
        return str(node["id"])
    return ""
