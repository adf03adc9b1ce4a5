"""Bases at the console: objections to weigh, balancing tests on file, and all that a person ever said of a purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from upheld.basis import grounds, stops
from upheld.basis.actions import OUR_ACTIONS, standings_of, state_choice
from upheld.basis.export import FORMATS, Consents, as_format
from upheld.basis.history import lines_of
from upheld.basis.model import EVERY, GROUNDS, PERMITTING, whole_of
from upheld.basis.rules import absolute, interests_of
from upheld.basis.store import assessments
from upheld.db import b64, unb64
from upheld.notice import House
from upheld.records import identifier_kinds
from upheld.records.persons import REASONS
from upheld.records.views import WIDTHS
from upheld.security import persons, staff
from upheld.security.actions import acting, read
from upheld.security.explain import explain
from upheld.security.finding import person_of, records_about
from upheld.security.model import Reading
from upheld.security.searching import find_identifier
from upheld.security.session import signed_in
from upheld.web.forms import Form
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

_PAGE = "/console/bases"
KINDS = ("email", *(kind for kind in identifier_kinds() if kind != "email"), "subject")
"""By what a person is looked up, the usual one first."""


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of these pages.

    Clause: basis (GDPR 6, 7, 18, 21; APPI 18, 35)
    """

    @get(_PAGE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """Show which objections wait, which balancing tests are on file, and where to look a person up."""
        signed_in(house, request)
        return _bases(house, pages, request)

    @post("/console/assessments", include_in_schema=False, sync_to_thread=True)
    def assess(request: AnyRequest, form: NamedDependency[Form]) -> Redirect:
        """Put a balancing test on file."""
        by = acting(house, signed_in(house, request))
        grounds.record_assessment(
            house, form.one("purpose"), form.one("interest"), reference=form.one("reference"),
            sha256=form.one("sha256"), by=by,
        )  # fmt: skip
        return Redirect(f"{_PAGE}#assessments", status_code=303)

    @post("/console/subjects", include_in_schema=False, sync_to_thread=True)
    def find(request: AnyRequest, form: NamedDependency[Form]) -> Redirect:
        """Look a person up; the address that was typed stands in no URL."""
        by = signed_in(house, request)
        kind, value = form.one("kind") or "email", form.one("value")
        if not value:
            raise Refusal("not_found", "security.technical.access")
        return Redirect(f"/console/subjects/{find_identifier(house, by, kind, value)}", status_code=303)

    return [show, assess, find, *_person(house, pages), _entry(house, pages)]


def _person(house: House, pages: Pages) -> list[Any]:
    @get("/console/subjects/{number:str}", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
        """Show how each purpose stands for a person and what was said of it; or give the consents as data."""
        acting(house, signed_in(house, request))
        subject = _subject(house, number)
        wanted = request.query_params.get("format")
        if wanted is None:
            return _subject_page(house, pages, request, subject)
        if wanted not in FORMATS:
            raise Refusal("value_invalid", fields=("format",))
        told = consents_of(house, subject, str(request.base_url).rstrip("/"))
        return Response(as_format(told, wanted), media_type=FORMATS[wanted])

    @post("/console/subjects/{number:str}/{act:str}", include_in_schema=False, sync_to_thread=True)
    def act(request: AnyRequest, number: FromPath[str], act: FromPath[str], form: NamedDependency[Form]) -> Redirect:
        """Weigh an objection, set or lift a stop, name a statute, ask for or end a consent; each is an entry."""
        by = acting(house, signed_in(house, request))
        done = _ACTS.get(act)
        if done is None:
            raise Refusal("not_found")
        done(house, _subject(house, number), form, by)
        return Redirect(f"/console/subjects/{number}", status_code=303)

    @post("/console/subjects/{number:str}/look", include_in_schema=False, status_code=200, sync_to_thread=True)
    def look(request: AnyRequest, number: FromPath[str], form: NamedDependency[Form]) -> Response[str]:
        """Show fields of one record for a purpose, on this page only: masked, or raw with a reason; the read is an entry."""
        by = signed_in(house, request)
        subject, how = _subject(house, number), form.one("view")
        if how not in WIDTHS:
            raise Refusal("value_invalid", "security.technical.access", fields=("view",))
        if how == "raw" and not form.one("reason").strip():
            raise Refusal("ground_missing", "security.technical.access")
        with house.store.read() as tx:
            reader = staff.reader(house, tx, by)
        purpose, reason = form.one("purpose"), form.one("reason").strip()
        limit = reader.views.get(purpose, "raw")
        seen = how if how == "raw" else min(how, limit, key=WIDTHS.index)
        found = read(
            house, reader, subject=number, purpose=purpose, record=form.one("record"), view=seen, reason=reason
        )
        return _subject_page(house, pages, request, subject, opened=found)

    return [show, act, look]


def _decide(house: House, subject: bytes, form: Form, by: str) -> None:
    stops.decide_objection(house, subject, form.one("purpose"), form.one("result"), reason=form.one("reason"), by=by)


def _merge(house: House, subject: bytes, form: Form, by: str) -> None:
    kind, value = form.one("kind") or "email", form.one("value")
    number, identifier = (value, {}) if kind == "subject" else ("", {kind: value})
    other = person_of(house, number, identifier) if value else None
    if other is None:
        raise Refusal("not_found", persons.CLAUSE)
    persons.propose(house, subject, other, reason=form.one("reason"), by=_staff(by))


def _split(house: House, subject: bytes, _form: Form, by: str) -> None:
    persons.split(house, subject, by=_staff(by))


def _staff(actor: str) -> int:
    return int(actor.partition(":")[2])


def _stop(house: House, subject: bytes, form: Form, by: str) -> None:
    mark, _, ground = form.one("stop").partition(".")
    stops.stop(house, subject, mark, ground=ground, by=by, purpose=form.one("purpose") or EVERY)


def _lift(house: House, subject: bytes, form: Form, by: str) -> None:
    stops.lift(
        house, subject, form.one("stop"), told=_day(form.one("told")), by=by, purpose=form.one("purpose") or EVERY
    )


def _statute(house: House, subject: bytes, form: Form, by: str) -> None:
    grounds.name_statute(house, subject, form.one("purpose"), form.one("statute"), by=by)


def _consent(house: House, subject: bytes, form: Form, by: str) -> None:
    if form.one("action") not in {*OUR_ACTIONS, "withdraw", "object"}:  # a yes is the person's own to say
        raise Refusal("value_invalid", "basis.consent", fields=("action",))
    state_choice(house, subject, form.one("purpose"), form.one("action"), how="staff", actor=by)


_ACTS: Mapping[str, Callable[[House, bytes, Form, str], None]] = {
    "decide": _decide,
    "stop": _stop,
    "lift": _lift,
    "statute": _statute,
    "consent": _consent,
    "merge": _merge,
    "split": _split,
}


def _entry(house: House, pages: Pages) -> Any:
    @get("/console/ledger/{n:int}", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, n: FromPath[int]) -> Response[str]:
        """Explain one ledger entry: what was done, by whom, and on what it rested then."""
        acting(house, signed_in(house, request))
        published = house.in_force()
        frame = Frame.of(published.policy, published.effective_from)
        return pages.render(request, "security/ledger_entry.html", frame=frame, told=explain(house, n))

    return show


def _day(written: str) -> date | None:
    """Read a day; nothing written is no day. Raises Refusal."""
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise Refusal("value_invalid", "rights.restriction", fields=("told",)) from None


def _subject(house: House, number: str) -> bytes:
    try:
        subject = unb64(number)
    except ValueError:
        raise Refusal("not_found") from None
    with house.store.read() as tx:
        state = house.vault.subject(tx, subject)
    if state is None or state.state != "live":
        raise Refusal("not_found")
    return subject


def consents_of(house: House, subject: bytes, base: str = "") -> Consents:
    """Give all consents of a person as our own record for export.

    Clause: basis.consent (GDPR 7(1))
    """
    with house.store.read() as tx:
        lines = lines_of(house, tx, subject)
    number = b64(subject)
    lang = next((line.told.lang for line in reversed(lines) if line.told.lang), house.in_force().policy.languages[0])
    return Consents(f"consents-{number}", number, lang, lines, base=base, key=house.ledger.vkey)


def _bases(house: House, pages: Pages, request: AnyRequest) -> Response[str]:
    published = house.in_force()
    policy = published.policy
    with house.store.read() as tx:
        made = assessments(tx)
    listed = {purpose: interests_of(policy, purpose) for purpose in policy.purposes}
    filed = [
        (purpose, policy.purpose_bases[purpose].interest, policy.evidence.of(f"basis.purposes.{purpose}").get("assessment"))
        for purpose, interests in listed.items()
        if interests
    ]
    return pages.render(
        request,
        "security/bases.html",
        frame=Frame.of(policy, published.effective_from),
        tasks=[(b64(one.subject), one.purpose, one.since) for one in stops.open_tasks(house)],
        filed=filed,
        made=made,
        interests={name: text for basis in policy.bases.values() for name, text in basis.interests.items()},
        purposes=policy.purposes,
        kinds=KINDS,
    )


def _subject_page(
    house: House, pages: Pages, request: AnyRequest, subject: bytes, opened: Reading | None = None
) -> Response[str]:
    published = house.in_force()
    policy = published.policy
    with house.store.read() as tx:
        members = house.vault.members(tx, subject)
        states = standings_of(house, tx, subject, members)
        records = records_about(house, tx, subject)
        lines = [line for member in members for line in lines_of(house, tx, member)]
    marks = [(*key.split("#"), state) for key, state in states.items() if "#" in key]
    keys = dict.fromkeys(key for key in (*policy.purposes, *states) if "#" not in key)
    parts = [f"{name}.{part}" for name, found in policy.purposes.items() for part in found.parts]
    objected = [key for key, state in states.items() if state == "objected"]
    return pages.render(
        request,
        "security/person.html",
        frame=Frame.of(policy, published.effective_from),
        subject=b64(subject),
        others=[b64(one) for one in members[1:]],
        reasons=REASONS,
        records=records,
        situations={name: item.text for one in house.shelf.versions() for name, item in one.policy.situations.items()},
        fields={name: item.text for one in house.shelf.versions() for name, item in one.policy.fields.items()},
        opened=opened,
        alternates=None if request.method == "GET" else {},
        kinds=KINDS,
        standing=[(key, states[key]) for key in keys if key in states],
        lines=lines,
        set_marks=[(purpose, mark) for purpose, mark, state in marks if state == "set"],
        objected=[(key, absolute(policy, whole_of(key))) for key in objected],
        permitting=[key for key, state in states.items() if state in PERMITTING],
        purposes=policy.purposes,
        keys=[*policy.purposes, *parts],
        grounds=GROUNDS,
        statutes=house.law.statutes,
        obliged=[name for name in policy.purposes if _by_statute(house, name)],
    )


def _by_statute(house: House, purpose: str) -> bool:
    policy = house.in_force().policy
    line = policy.purpose_bases.get(purpose)
    return any(policy.bases[basis].proof == "statute" for basis in (line.bases.values() if line else ()) if basis in policy.bases)
