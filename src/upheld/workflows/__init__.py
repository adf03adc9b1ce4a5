"""Workflows: what has to be done again and again is done on its day, once, whoever is killed meanwhile."""

from upheld.workflows.model import Job, JobHeldError, JobUnknownError, Standing
from upheld.workflows.schedule import Schedule
from upheld.workflows.watch import Watch

__all__ = ["Job", "JobHeldError", "JobUnknownError", "Schedule", "Standing", "Watch"]
