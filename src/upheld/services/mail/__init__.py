"""Mail: the company's own sender. Each letter passes purpose, basis and suppression at the moment it is sent."""

from upheld.services.mail.actions import Mailing, Sent, mailings, plan, send_due
from upheld.services.mail.letter import Letter, Text, read_text
from upheld.services.mail.transport import MailRefusedError, MailUnreachableError, Smtp, Transport

__all__ = [
    "Letter",
    "MailRefusedError",
    "MailUnreachableError",
    "Mailing",
    "Sent",
    "Smtp",
    "Text",
    "Transport",
    "mailings",
    "plan",
    "read_text",
    "send_due",
]
