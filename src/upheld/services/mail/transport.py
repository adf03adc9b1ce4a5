"""Transport: SMTP, with what the other side says turned into whether a later try can help."""

from __future__ import annotations

import os
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

from upheld.db import UpheldError

SECONDS = 20.0


class MailUnreachableError(UpheldError):
    """The mail server was not reached or asked to come back later; nothing was sent."""

    code = "mail_unreachable"
    clause = "services"
    next_step = "Look at the mail server, then send again; who got the mail already gets it no second time."
    permanent = False


class MailRefusedError(UpheldError):
    """The mail server will not deliver to this address."""

    code = "mail_refused"
    clause = "services"
    next_step = "The address is not written to again after the second refusal."


class MailNotSetError(UpheldError):
    """No mail server is set."""

    code = "mail_not_set"
    clause = "services"
    next_step = 'Write [mail] smtp = "smtp://host:port" (or "env:NAME"), from and base_url into serving.toml.'


class Transport(Protocol):
    """Hands one mail over."""

    def send(self, mail: EmailMessage) -> None:
        """Give a mail to whoever delivers it; raises MailUnreachableError or MailRefusedError."""
        ...


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server named by smtp://, smtp+tls:// (STARTTLS) or smtps://, with user and password where it asks for them."""

    url: str

    @staticmethod
    def of(written: str) -> Smtp:
        """Take a URL, or `env:NAME` for one that stands in the environment; raises MailNotSetError."""
        url = os.environ.get(written.removeprefix("env:"), "") if written.startswith("env:") else written
        if urlsplit(url).scheme not in {"smtp", "smtps", "smtp+tls"} or not urlsplit(url).hostname:
            raise MailNotSetError
        return Smtp(url)

    def send(self, mail: EmailMessage) -> None:
        """Send one mail over one connection."""
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if codes and min(codes) >= 500:
                raise MailRefusedError from None
            raise MailUnreachableError from None
        except (OSError, smtplib.SMTPException):
            raise MailUnreachableError from None

    def _connected(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, tls = str(parts.hostname), ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=SECONDS)
        if parts.scheme == "smtp+tls":
            server.starttls(context=tls)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        return server
