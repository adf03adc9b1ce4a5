"""Retention: how long data are kept. Promises that nothing can be read after its last day and that what is due is erased, unless a statute names it."""

from upheld.retention.actions import apply, due, end_relation, plan, read_plan, sweep
from upheld.retention.model import Overdue, Plan, PlanError, Starts, Swept
from upheld.retention.rules import retained_until

__all__ = [
    "Overdue",
    "Plan",
    "PlanError",
    "Starts",
    "Swept",
    "apply",
    "due",
    "end_relation",
    "plan",
    "read_plan",
    "retained_until",
    "sweep",
]
