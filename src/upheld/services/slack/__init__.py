"""Slack: finds words about a person and their files there, takes back what may be taken back, and posts nothing of anybody."""

from upheld.services.slack.adapter import SlackService
from upheld.services.slack.connecting import connect

__all__ = ["SlackService", "connect"]
