"""Render: what is made from the compiled policy and nothing else: page, register, DPV terms, plain data. Pure."""

from upheld.policy.render.changes import ChangesView, changes
from upheld.policy.render.json import policy_json
from upheld.policy.render.jsonld import policy_jsonld
from upheld.policy.render.page import page, part, printed, situation
from upheld.policy.render.register import register_rows
from upheld.policy.render.view import PageView

__all__ = [
    "ChangesView",
    "PageView",
    "changes",
    "page",
    "part",
    "policy_json",
    "policy_jsonld",
    "printed",
    "register_rows",
    "situation",
]
