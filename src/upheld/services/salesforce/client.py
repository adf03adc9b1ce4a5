"""The vendor's own client, kept on a short lead: one host, no redirects, bounded waits, no value of a person in a URL.

Queries and searches go in the body of a call: whoever writes down the operator's URLs, or ours, learns nothing.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.bulk2 import Operation, ResultsType
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
)
from simple_salesforce.login import SalesforceLogin

from upheld.db import Clock
from upheld.services.pace import Pace, Rate, SpentError
from upheld.services.port import ServiceError
from upheld.services.salesforce.errors import code_in, error_of, trouble_of

T = TypeVar("T")
TIMEOUT = (5.0, 60.0)
QUERIES, COLLECTION = 5, 200
"""How many queries one composite call takes, and how many records one collection."""

RATE = Rate(25, 1.0, burst=20, at_once=10)
"""The operator has no rate a second, but refuses more than 25 long calls at once; we stay far below."""

ENDED = ("JobComplete", "Failed", "Aborted")
JOB_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between two looks at a job; after the last of them it is taken up again later."""

LATER = timedelta(hours=1)
Row = dict[str, Any]


class AddressError(ValueError):
    """The address of an organisation is not one that a credential may be sent to."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to get in: a connected app's key and secret, or a session that somebody else keeps fresh."""

    name: str
    key: str = ""
    secret: str = field(default="", repr=False)
    session: str = field(default="", repr=False)


class _Session(requests.Session):
    """Calls one host only, in its turn, for a bounded time; the classes of trouble that need no body are told here."""

    def __init__(self, base: str, login_host: str, pace: Pace, key: tuple[str, str, str], clock: Clock) -> None:
        super().__init__()
        self._base, self._login_host = urlsplit(base), login_host
        self._pace, self._key, self._clock = pace, key, clock
        self._rationed = False
        self.spent = False
        self.auth = _as_given

    def request(self, method: str, url: str | bytes, *args: Any, **more: Any) -> requests.Response:
        """Make one call; raises ServiceError for another host, a broken line, a refusal of pace and a failing server."""
        more.setdefault("timeout", TIMEOUT)
        more["allow_redirects"] = False
        try:
            with self._pace.turn(self._key, RATE):
                answer = super().request(method, self._here(str(url)), *args, **more)
        except SpentError:
            raise ServiceError("quota", "share_of_day_used", retry_at=self._clock.now() + LATER) from None
        except requests.RequestException:
            raise ServiceError("transient", "connection_failed") from None
        self._usage(answer.headers.get("Sforce-Limit-Info", ""))
        if answer.status_code == 429 or answer.status_code >= 500:
            wait = answer.headers.get("Retry-After", "")
            until = self._clock.now() + timedelta(seconds=int(wait)) if wait.isdigit() else None
            raise error_of(answer.status_code, _json(answer), retry_at=until)
        return answer

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.netloc not in (self._base.netloc, self._login_host):
            raise ServiceError("bug", "host_not_allowed")
        return parts._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()

    def _usage(self, told: str) -> None:
        """Take half of what is left of the day's calls, once: the rest belongs to the company's own programs."""
        read = re.search(r"api-usage=(\d+)/(\d+)", told)
        if read is None:
            return
        left = int(read[2]) - int(read[1])
        self.spent = left <= 0
        if not self._rationed:
            self._rationed = True
            self._pace.ration(self._key, max(left, 0) // 2)


class Client:
    """The calls that the service needs, each with its trouble told by code."""

    def __init__(
        self, base: str, version: str, login: Login, clock: Clock, pace: Pace, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Keep what is needed to get in; nothing is called before the first question. Raises AddressError."""
        self._domain = _domain(base)
        self._base, self._version, self._login = base.rstrip("/"), version, login
        self._clock, self._sleep = clock, sleep
        key = ("salesforce", login.name, "api")
        self._session = _Session(self._base, f"{self._domain}.salesforce.com", pace, key, clock)
        self._made: Salesforce | None = None

    def close(self) -> None:
        """Let go of the connection."""
        self._made = None
        self._session.close()

    def query(self, texts: Sequence[str], *, deleted: bool = False) -> Iterator[list[Row]]:
        """Ask several queries and give the rows of each; the texts go in bodies, further pages by their locator."""
        how = "queryAll" if deleted else "query"
        for some in chunks(texts, QUERIES):
            asked = [
                {"method": "GET", "url": f"/services/data/v{self._version}/{how}?q={quote(text)}", "referenceId": f"q{at}"}
                for at, text in enumerate(some)
            ]
            for one in self._rest("composite", _answers, "POST", json={"compositeRequest": asked}):
                if one["httpStatusCode"] >= 300:
                    raise error_of(one["httpStatusCode"], one["body"], spent=self._session.spent, retry_at=self._clock.now() + LATER)
                yield list(self._pages(one["body"]))

    def _pages(self, first: Row) -> Iterator[Row]:
        page = first
        yield from page["records"]
        while not page["done"]:
            page = self._more(page["nextRecordsUrl"])
            yield from page["records"]

    def _more(self, at: str) -> Row:
        return self._call(lambda sf: _page(sf.query_more(at, identifier_is_url=True)))

    def search(self, words: str, kinds: Sequence[str]) -> list[tuple[str, str]]:
        """Search every text of some objects for words as they stand; gives object and id."""
        body = {"q": words, "in": "ALL", "sobjects": [{"name": kind} for kind in kinds], "fields": ["Id"], "overallLimit": 2000}
        return self._rest("parameterizedSearch", _found, "POST", json=body)

    def objects(self) -> list[Row]:
        """Give what the organisation says of every object."""
        return self._rest("sobjects", lambda told: list(told["sobjects"]))

    def fields(self, kind: str) -> list[Row]:
        """Give what the organisation says of each field of an object."""
        return self._rest(f"sobjects/{kind}/describe", lambda told: list(told["fields"]))

    def update(self, records: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, str]:
        """Change records, given by object, id and new values; gives for each id the code of its trouble, empty for none."""
        bodies = [{"attributes": {"type": kind}, "id": key, **values} for kind, key, values in records]
        told: dict[str, str] = {}
        for some in chunks(bodies, COLLECTION):
            codes = self._rest("composite/sobjects", _codes, "PATCH", json={"allOrNone": False, "records": some})
            told.update(zip((str(one["id"]) for one in some), codes, strict=True))
        return told

    def delete(self, keys: Sequence[str]) -> dict[str, str]:
        """Put records into the bin; gives for each id the code of its trouble, empty for none."""
        told: dict[str, str] = {}
        for some in chunks(keys, COLLECTION):
            codes = self._rest("composite/sobjects", _codes, "DELETE", params={"ids": ",".join(some), "allOrNone": "false"})
            told.update(zip(some, codes, strict=True))
        return told

    def upsert(self, kind: str, external: str, value: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
        """Write the one record that has an external id; gives its id and whether it is new."""
        path = f"sobjects/{kind}/{external}/{quote(value, safe='')}"
        return self._rest(path, lambda told: (str(told["id"]), bool(told.get("created"))), "PATCH", json=dict(fields))

    def hard_delete(self, kind: str, keys: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Delete records of one object for good by a bulk job; gives the job and for each id the code of its trouble.

        Where the job says that all were done and none failed, its files of results say the same and are not read. A
        record that the job did not come to has `UNPROCESSED`, all of them `JOB_RUNNING` where it takes too long.
        Raises ServiceError where the job is refused as a whole.
        """
        job = self._call(lambda sf: str(_jobs(sf, kind).create_job(Operation.hard_delete)["id"]))
        self._call(lambda sf: _jobs(sf, kind).upload_job_data(job, "Id\n" + "".join(f"{key}\n" for key in keys)))
        self._call(lambda sf: _jobs(sf, kind).close_job(job))
        for wait in JOB_WAITS:
            state, tried, failed = self._call(lambda sf: _state(_jobs(sf, kind).get_job(job, is_query=False)))
            if (state, tried, failed) == ("JobComplete", len(keys), 0):
                return job, dict.fromkeys(keys, "")
            if state in ENDED:
                return job, self._results(kind, job, keys)
            self._sleep(wait)
        return job, dict.fromkeys(keys, "JOB_RUNNING")

    def _results(self, kind: str, job: str, keys: Sequence[str]) -> dict[str, str]:
        """Read the files of results; a record that stands in none of them was not processed."""
        told = dict.fromkeys(keys, "UNPROCESSED")
        told.update(self._result(kind, job, ResultsType.failed))
        told.update(dict.fromkeys(self._result(kind, job, ResultsType.successful), ""))
        return told

    def _result(self, kind: str, job: str, file: ResultsType) -> dict[str, str]:
        text = self._call(lambda sf: _jobs(sf, kind).get_ingest_results(job, file.value))
        return {row["Id"]: row.get("sf__Error", "").partition(":")[0] or "unknown" for row in csv.DictReader(io.StringIO(text))}

    def _rest(self, path: str, take: Callable[[Any], T], method: str = "GET", **more: Any) -> T:
        """Call a path below the version; `take` picks what is wanted out of the answer."""
        return self._call(lambda sf: take(sf.restful(path, method=method, **more)))

    def _call(self, do: Callable[[Salesforce], T]) -> T:
        """Do one thing with the client, after a fresh login once where the session ran out; raises ServiceError only."""
        for last in (False, True):
            try:
                return do(self._client())
            except SalesforceExpiredSession as error:
                self._made = None
                if last or self._login.session:
                    code = trouble_of(code_in(error.content))[1]
                    raise ServiceError("token", "HTTP_401" if code == "unknown" else code) from None
            except SalesforceAuthenticationFailed as error:
                raise _refused(error) from None
            except SalesforceError as error:
                raise error_of(error.status, error.content, spent=self._session.spent, retry_at=self._clock.now() + LATER) from None
            except (ValueError, KeyError, TypeError, AttributeError):  # an answer that is not in the form of one
                raise ServiceError("transient", "answer_unreadable") from None
        raise AssertionError("unreachable")

    def _client(self) -> Salesforce:
        if self._made is None:
            session, host = self._login.session, urlsplit(self._base).netloc
            if not session:
                session, host = SalesforceLogin(
                    consumer_key=self._login.key, consumer_secret=self._login.secret, domain=self._domain,
                    session=self._session, proxies=self._session.proxies,
                )  # fmt: skip
            self._made = Salesforce(session_id=session, instance=host, version=self._version, session=self._session)
        return self._made


def _jobs(sf: Salesforce, kind: str) -> Any:
    """Give the single steps of a bulk job; the client's all-in-one call would wait for a day."""
    return getattr(sf.bulk2, kind)._client  # noqa: SLF001 - the only place where these steps are


def _refused(error: SalesforceAuthenticationFailed) -> ServiceError:
    """Tell a login that was refused from one whose answer could not be read."""
    if isinstance(error.code, str) and error.code:
        trouble, code = trouble_of(error.code)
        return ServiceError("permission" if trouble == "unknown" else trouble, code)
    return ServiceError("transient", "login_unreadable")


def _answers(told: Any) -> list[Row]:
    return [{"httpStatusCode": int(one["httpStatusCode"]), "body": one["body"]} for one in told["compositeResponse"]]


def _page(told: Any) -> Row:
    return {"records": told["records"], "done": told["done"], "nextRecordsUrl": told.get("nextRecordsUrl")}


def _found(told: Any) -> list[tuple[str, str]]:
    return [(one["attributes"]["type"], one["Id"]) for one in (told or {}).get("searchRecords", ())]


def _state(told: Any) -> tuple[str, int, int]:
    return str(told["state"]), int(told["numberRecordsProcessed"]), int(told["numberRecordsFailed"])


def _codes(told: Any) -> list[str]:
    return ["" if one["success"] else code_in(one["errors"]) or "unknown" for one in told]


def _domain(base: str) -> str:
    """Give the part of an address that the client logs in by; raises AddressError for a host that is not the operator's."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "localhost", "::1"):
        return "loopback.my"
    if parts.scheme != "https" or not host.endswith(".my.salesforce.com") or parts.path.strip("/"):
        raise AddressError("the address is https://NAME.my.salesforce.com, without a path")
    return host.removesuffix(".salesforce.com")


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the credential as it is, so that none is taken from files of the host."""
    return request


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def chunks(some: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces."""
    for at in range(0, len(some), size):
        yield some[at : at + size]
