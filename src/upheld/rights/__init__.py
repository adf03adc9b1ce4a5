"""Rights: what people may ask for. Promises that every request gets a number and a last day, and that nothing is called done before it is proven."""

from upheld.rights.actions import approve, get, hand_over, identify, listed, paid, receive, refuse
from upheld.rights.model import ErasurePlan, Request, Terms
from upheld.rights.rules import number_fits, number_of, offered, terms

__all__ = [
    "ErasurePlan",
    "Request",
    "Terms",
    "approve",
    "get",
    "hand_over",
    "identify",
    "listed",
    "number_fits",
    "number_of",
    "offered",
    "paid",
    "receive",
    "refuse",
    "terms",
]
