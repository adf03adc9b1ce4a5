"""Law as dated data: a rule decides only on its days, and only in a policy that lists its pack.

Adequacy, clocks, fees and authorities stand in modules of these names.
"""

from upheld.policy.law.book import EEA, OTHER, UNKNOWN, Law, load_law
from upheld.policy.law.countries import country_name
from upheld.policy.law.procedure import amendment_steps, denied_to_ask
from upheld.policy.law.reach import Reach, area_contains, leading, regimes
from upheld.policy.law.table import law_reference_md
from upheld.policy.law.values import InForce, LawError, Pack, Reference, Rule, Statute, plain

__all__ = [
    "EEA",
    "OTHER",
    "UNKNOWN",
    "InForce",
    "Law",
    "LawError",
    "Pack",
    "Reach",
    "Reference",
    "Rule",
    "Statute",
    "amendment_steps",
    "area_contains",
    "country_name",
    "denied_to_ask",
    "law_reference_md",
    "leading",
    "load_law",
    "plain",
    "regimes",
]
