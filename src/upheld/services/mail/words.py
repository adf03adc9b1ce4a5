"""The foot of a letter: who writes, why, how to stop it, and after a card what the data are used for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from upheld.policy.model import CompiledPolicy, Text


@cache
def said_of(lang: str, part: str) -> Mapping[str, str]:
    """Give one part of the words of a language; English where it has none."""
    folder = resources.files(__package__).joinpath("words")
    for name in (lang, "en"):
        found = folder.joinpath(f"{name}.toml")
        if found.is_file():
            told: Mapping[str, str] = tomllib.loads(found.read_text("utf-8"))[part]
            return told
    raise FileNotFoundError(lang)


def foot(
    policy: CompiledPolicy, lang: str, *, base: str, link: str, agreed: bool = False, first: str = ""
) -> str:
    """Give what stands below every letter.

    `agreed` says that it rests on consent; `first` is the situation whose purposes are told with the first mail.

    Clause: contact (Act on Regulation of Transmission of Specified Electronic Mail 4; GDPR 13, 21(4))
    """
    said = said_of(lang, "foot")
    parts = ["--", said["agreed" if agreed else "why"]]
    situation = policy.situations.get(first)
    if situation is not None:
        purposes = "\n".join(f"- {_in(policy.purposes[name].text, lang)}" for name in situation.purpose_ids)
        parts.append(f"{said['first'].format(when=_in(situation.text, lang))}\n{purposes}")
    parts.append(f"{said['stop']}\n{link}")
    return "\n\n".join((*parts, who(policy, lang, base=base)))


def below(policy: CompiledPolicy, lang: str, *, base: str) -> str:
    """Give what stands below a mail that answers a person's own act: nothing is to be stopped there."""
    return f"--\n\n{who(policy, lang, base=base)}"


def who(policy: CompiledPolicy, lang: str, *, base: str) -> str:
    """Say who writes, where the policy stands, and whom to ask."""
    company = (_in(policy.controller.name, lang), _in(policy.controller.address, lang))
    own = policy.contact
    line = f"{_in(own.department, lang)}  {own.mailbox}"
    return f"{said_of(lang, 'foot')['policy']}\n{base}/privacy/{lang}\n\n" + "\n".join((*company, line))


def _in(text: Text | None, lang: str) -> str:
    return (text.get(lang) or next(iter(text.values()), "")) if text else ""
