"""The operator's own client: made with one credential for each kind of work, one try a call, no log of what it sends."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from upheld.db import Clock
from upheld.services.aws.errors import of_answer, of_client
from upheld.services.port import ServiceError

Role = Literal["read", "write", "delete"]
CONNECT, READ = 5.0, 60.0
"""Seconds until a call without an answer is given up."""

_MAKING = threading.Lock()  # clients may be used by several threads, but not made by them at once
_NOTHING = (None, None, None, None)
_ANSWERING = ("Get", "List", "Describe", "Query", "Scan", "Filter")
"""How operations begin whose answer is never without a body."""
_TALKATIVE = ("botocore", "boto3", "urllib3.connectionpool")


@cache
def _session() -> Any:
    """Read the descriptions of the services once. What stands in somebody's home folder or profile does not count."""
    return botocore.session.Session({"config_file": _NOTHING, "profile": _NOTHING})


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom: each kind of work has a credential of its own, so that looking cannot change anything."""

    region: str
    endpoint: str = ""
    keys: Mapping[Role, Callable[[], str]] = field(default_factory=dict, repr=False)


class Account:
    """One account of the operator. Every call is one try; pace and second tries belong to whoever asks."""

    def __init__(self, access: Access, clock: Clock) -> None:
        """Keep access and clock; nothing is called."""
        self.region, self._access, self.clock = access.region, access, clock
        self._clients: dict[tuple[str, str, Role], Any] = {}
        for name in _TALKATIVE:  # at debug level they would write down bodies with people's values
            logging.getLogger(name).setLevel(logging.WARNING)

    def ask(self, service: str, operation: str, *, role: Role = "read", region: str = "", **told: Any) -> dict[str, Any]:
        """Make one call and give its answer; raises ServiceError without the operator's own words."""
        client = self._client(service, region or self.region, role)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**told)
        except ClientError as error:
            raise of_answer(error, self.clock.now()) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise of_client(error) from None
        return answer

    def pages(self, service: str, operation: str, *, region: str = "", **told: Any) -> Iterator[dict[str, Any]]:
        """Make a call page by page until the operator names no next one; a page may be empty. Raises ServiceError."""
        client = self._client(service, region or self.region, "read")
        try:
            yield from client.get_paginator(operation).paginate(**told)
        except ClientError as error:
            raise of_answer(error, self.clock.now()) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise of_client(error) from None

    def body(self, answer: Mapping[str, Any], most: int) -> bytes:
        """Read what an object holds, `most` bytes and one at most."""
        try:
            found: bytes = answer["Body"].read(most + 1)
        except BotoCoreError as error:
            raise of_client(error) from None
        finally:
            answer["Body"].close()
        return found

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, service: str, region: str, role: Role) -> Any:
        if (service, region, role) not in self._clients:
            self._clients[service, region, role] = self._make(service, region, role)
        return self._clients[service, region, role]

    def _make(self, service: str, region: str, role: Role) -> Any:
        if role not in self._access.keys:
            raise ServiceError("permission", f"no_credential_to_{role}")
        key, _, rest = self._access.keys[role]().partition(":")
        secret, _, token = rest.partition(":")
        plain = {"addressing_style": "path"} if self._access.endpoint else {}
        config = Config(
            connect_timeout=CONNECT, read_timeout=READ, s3=plain, ignore_configured_endpoint_urls=True,
            retries={"mode": "standard", "total_max_attempts": 1}, user_agent_extra="upheld",
        )  # fmt: skip
        with _MAKING:
            made: Any = _session().create_client(
                service, region_name=region, endpoint_url=self._access.endpoint or None, config=config,
                aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token or None,
            )  # fmt: skip
        made.meta.events.register("before-send", self._to_known_hosts)
        made.meta.events.register("before-parse", _readable)
        return made

    def _to_known_hosts(self, request: Any, **_: Any) -> None:
        """Refuse to send anything but to the endpoint of the settings or to the operator's own hosts."""
        host = urlsplit(request.url).hostname or ""
        if host != urlsplit(self._access.endpoint).hostname and not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            raise ServiceError("bug", "host_not_allowed")


def _readable(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a page of a proxy or of maintenance, which the client would take for an empty answer."""
    body = response_dict["body"]
    if response_dict["status_code"] >= 300 or not isinstance(body, bytes):
        return
    if not body.strip():
        readable = not operation_model.name.startswith(_ANSWERING)
    elif operation_model.service_model.protocol in {"json", "rest-json"}:
        try:
            readable = isinstance(json.loads(body), dict)
        except ValueError:
            readable = False
    else:
        readable = body.lstrip()[:1] == b"<" and b"<html" not in body[:200].lower()
    if not readable:
        raise ServiceError("transient", "answer_unreadable")
