"""Peers that answer the same questions, each compiled once; one that is not installed is named as left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.gate import Grants, Request

Answer = Callable[[Sequence["Request"]], Iterable[bool]]

_CASBIN_MODEL = """
[request_definition]
r = role, purpose, field
[policy_definition]
p = role, purpose, field
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.role == p.role && r.purpose == p.purpose && r.field == p.field
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """A peer for single decisions: its name with version, how it is made ready, how many requests it is asked."""

    name: str
    build: Callable[[Grants], Answer]
    requests: int


_GATES = (("casbin", "FastEnforcer"), ("cedarpy", "PolicySet"))


def gates(*, quick: bool) -> list[Gate]:
    """List the peers that are installed."""
    found = []
    if util.find_spec("casbin"):
        found.append(Gate(f"casbin {metadata.version('casbin')} FastEnforcer", _casbin, 2_000 if quick else 100_000))
    if util.find_spec("cedarpy"):
        found.append(Gate(f"cedarpy {metadata.version('cedarpy')}", _cedar, 2_000 if quick else 100_000))
    return found


def missing_gates() -> list[str]:
    """Name the peers that are not installed."""
    return [name for name, _ in _GATES if not util.find_spec(name)]


def _casbin(grants: Grants) -> Answer:
    """Casbin knows who may see what; consent and restriction are tested beside it, as its users do."""
    import casbin
    from casbin.model.model_fast import FastModel

    # the cache key is the place of each word in the request, so that only the fitting policies are walked
    model = FastModel([0, 1, 2])
    model.load_model_from_text(_CASBIN_MODEL)
    enforcer = casbin.FastEnforcer(model, cache_key_order=[0, 1, 2])
    for role, purpose, field in sorted(grants.triples):
        enforcer.add_policy(f"r{role}", f"p{purpose}", f"f{field}")

    def answer(asked: Sequence[Request]) -> Iterable[bool]:
        for one in asked:
            granted = enforcer.enforce(f"r{one.role}", f"p{one.purpose}", f"f{one.field}")
            yield bool(granted) and not one.restricted and (one.purpose % 2 == 0 or one.consent == "granted")

    return answer


def _cedar(grants: Grants) -> Answer:
    """Cedar has one permit for each (role, purpose), with its fields, consent and restriction in the conditions."""
    import cedarpy

    policies = "\n".join(_permit(role, purpose, mask) for (role, purpose), mask in sorted(grants.masks.items()))
    parsed = cedarpy.PolicySet.from_str(policies)
    allow = cedarpy.Decision.Allow

    def answer(asked: Sequence[Request]) -> Iterable[bool]:
        for one in asked:
            request = {
                "principal": f'Role::"r{one.role}"', "action": f'Action::"p{one.purpose}"', "resource": f'Field::"f{one.field}"',
                "context": {"consent": one.consent, "restricted": one.restricted},
            }  # fmt: skip
            yield cedarpy.is_authorized(request, parsed, []).decision == allow

    return answer


def _permit(role: int, purpose: int, mask: int) -> str:
    fields = ", ".join(f'Field::"f{n}"' for n in range(mask.bit_length()) if mask >> n & 1)
    consent = ' && context.consent == "granted"' if purpose % 2 else ""
    return (
        f'permit(principal == Role::"r{role}", action == Action::"p{purpose}", resource)'
        f" when {{ [{fields}].contains(resource) && !context.restricted{consent} }};"
    )
