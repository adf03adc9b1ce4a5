"""The foot of a letter: who writes, why, how to stop it, and after a card what the data are used for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from upheld.policy.model import CompiledPolicy, Text


@cache
def words(lang: str) -> Mapping[str, str]:
    """Give the words of a language; English where it has none."""
    folder = resources.files(__package__).joinpath("words")
    for name in (lang, "en"):
        found = folder.joinpath(f"{name}.toml")
        if found.is_file():
            told: Mapping[str, str] = tomllib.loads(found.read_text("utf-8"))["foot"]
            return told
    raise FileNotFoundError(lang)


def foot(
    policy: CompiledPolicy, lang: str, *, base: str, link: str, agreed: bool = False, first: str = ""
) -> str:
    """Give what stands below every letter.

    `agreed` says that it rests on consent; `first` is the situation whose purposes are told with the first mail.

    Clause: contact (Act on Regulation of Transmission of Specified Electronic Mail 4; GDPR 13, 21(4))
    """
    said = words(lang)
    parts = ["--", said["agreed" if agreed else "why"]]
    situation = policy.situations.get(first)
    if situation is not None:
        purposes = "\n".join(f"- {_in(policy.purposes[name].text, lang)}" for name in situation.purpose_ids)
        parts.append(f"{said['first'].format(when=_in(situation.text, lang))}\n{purposes}")
    parts.append(f"{said['stop']}\n{link}")
    parts.append(f"{said['policy']}\n{base}/privacy/{lang}")
    company = (_in(policy.controller.name, lang), _in(policy.controller.address, lang))
    own = policy.contact
    parts.append("\n".join((*company, f"{_in(own.department, lang)}  {own.mailbox}")))
    return "\n\n".join(parts)


def _in(text: Text | None, lang: str) -> str:
    return (text.get(lang) or next(iter(text.values()), "")) if text else ""
