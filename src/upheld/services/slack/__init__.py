"""Slack: members, messages and files. What its answers mean is known here; nothing connects to it yet."""
