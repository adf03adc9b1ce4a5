"""Staff: who they are by number, which roles they hold, what they were taught and which rules they accepted.

Every grant, revocation, training and acceptance is a ledger entry that names numbers, never names.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from upheld.db import b64, retried
from upheld.notice import House, Published
from upheld.security.model import Account, Reader, Rules
from upheld.security.rules import purposes_of, rules_of, training_asked, views_of
from upheld.security.store import accepted_table, account_table, link_table, role_table, training_table
from upheld.web.refusals import Refusal

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(hours=12)
_CLAUSE = "security.technical.access"


def rules_today(published: Published) -> Rules | None:
    """Give the rules for handling that count today."""
    return rules_of(published.policy, published.documents)


@retried
def add(house: House, name: str, *, number: int | None = None) -> Account:
    """Add a staff account without any role; numbers start at 1 and are never used twice."""
    if not name.strip():
        raise Refusal("value_invalid", _CLAUSE, fields=("name",))
    with house.store.write() as tx:
        first = sa.select(account_table.c.number).order_by(account_table.c.number).limit(1)
        tx.execute(first.with_for_update()).all()  # who adds another one at the same moment waits
        highest = tx.execute(sa.select(sa.func.max(account_table.c.number))).scalar() or 0
        wanted = highest + 1 if number is None else number
        taken = sa.select(account_table.c.number).where(account_table.c.number == wanted)
        if wanted < 1 or (number is not None and tx.execute(taken).first() is not None):
            raise Refusal("value_invalid", _CLAUSE, fields=("number",))
        values = {"number": wanted, "name": name.strip(), "created_at": house.clock.now()}
        tx.execute(sa.insert(account_table).values(**values))
    return Account(wanted, name.strip(), (), None, "", None)


def account(house: House, tx: sa.Connection, number: int) -> Account:
    """Give an account by number; raises Refusal `not_found`."""
    row = tx.execute(sa.select(account_table).where(account_table.c.number == number)).first()
    if row is None:
        raise Refusal("not_found", _CLAUSE)
    held = sa.select(role_table.c.role).where(role_table.c.number == number).order_by(role_table.c.role)
    roles = tuple(tx.execute(held).scalars())
    published = house.shelf.in_force()
    asked = training_asked(published.policy) if published else None
    course = asked[0] if asked else ""
    taught = sa.select(training_table.c.until).where(
        training_table.c.number == number, training_table.c.course == course
    )
    until: date | None = tx.execute(taught).scalar()
    accepted = tx.execute(sa.select(accepted_table).where(accepted_table.c.number == number)).first()
    rules = None if accepted is None else Rules(accepted.version, accepted.hash)
    return Account(number, row.name, roles, until, course, rules)


def accounts(house: House) -> list[Account]:
    """List all accounts by number."""
    with house.store.read() as tx:
        numbers = tx.execute(sa.select(account_table.c.number).order_by(account_table.c.number)).scalars()
        return [account(house, tx, number) for number in list(numbers)]


def reader(house: House, tx: sa.Connection, number: int) -> Reader:
    """Give a member of staff as a reader, with the roles of today's evidence."""
    found = account(house, tx, number)
    covered, reviewer = purposes_of(house.in_force().policy, found.roles)
    return Reader(
        actor=f"staff:{number}",
        purposes=covered,
        reviewer=reviewer,
        views=views_of(house.in_force().policy, found.roles),
        trained_until=found.trained_until,
        accepted=found.accepted,
    )


@retried
def grant(house: House, number: int, role: str, *, by: str) -> None:
    """Give an account a role that today's evidence names; raises Refusal for another word.

    Clause: security.technical.access (APPI 23)
    """
    published = house.in_force()
    if role not in published.policy.evidence.roles:
        raise Refusal("value_invalid", "evidence.roles", fields=("role",))
    with house.store.write() as tx:
        held = account(house, tx, number).roles
        if role in held:
            return
        tx.execute(sa.insert(role_table).values(number=number, role=role))
        _note(house, tx, "access.granted", _CLAUSE, by, number=number, role=role)
    house.stirred.set()


@retried
def revoke(house: House, number: int, role: str, *, by: str) -> None:
    """Take a role away; the next read sees it.

    Clause: security.technical.access (APPI 23)
    """
    with house.store.write() as tx:
        account(house, tx, number)
        gone = sa.delete(role_table).where(role_table.c.number == number, role_table.c.role == role)
        if tx.execute(gone).rowcount:
            _note(house, tx, "access.revoked", _CLAUSE, by, number=number, role=role)
    house.stirred.set()


@retried
def train(
    house: House, number: int, *, on: date | None = None, until: date | None = None, by: str
) -> Account:
    """Record the course the policy asks for, taken on a day; it counts as long as the policy says, or until a day.

    Clause: security.personnel.training (APPI 24)
    """
    policy = house.in_force().policy
    course, every = training_asked(policy) or ("", None)
    if not course:
        raise Refusal("value_invalid", "security.personnel.training", fields=("course",))
    taken = on or house.today(policy)
    last = until or (every.after(taken) if every else date.max)
    with house.store.write() as tx:
        account(house, tx, number)
        tx.execute(
            sa.delete(training_table).where(
                training_table.c.number == number, training_table.c.course == course
            )
        )
        tx.execute(sa.insert(training_table).values(number=number, course=course, until=last))
        words = {"course": course, "on": taken.isoformat(), "until": last.isoformat()}
        _note(house, tx, "training.done", "security.personnel.training", by, number=number, **words)
        done = account(house, tx, number)
    house.stirred.set()
    return done


@retried
def accept_rules(house: House, number: int, *, by: str | None = None) -> Rules:
    """Record that a member of staff accepts the rules for handling of today; a later edition must be accepted anew.

    Clause: security.organisational.rules (APPI 23, 24)
    """
    rules = rules_today(house.in_force())
    if rules is None:
        raise Refusal("value_invalid", "security.organisational.rules", fields=("rules",))
    with house.store.write() as tx:
        account(house, tx, number)
        tx.execute(sa.delete(accepted_table).where(accepted_table.c.number == number))
        tx.execute(
            sa.insert(accepted_table).values(number=number, version=rules.version, hash=rules.hash)
        )
        actor = by or f"staff:{number}"
        words = {"version": rules.version, "hash": rules.hash}
        _note(house, tx, "rules.accepted", "security.organisational.rules", actor, number=number, **words)
    house.stirred.set()
    return rules


def _note(
    house: House, tx: sa.Connection, kind: str, clause: str, actor: str, **body: int | str
) -> None:
    version = house.in_force().version
    house.ledger.append(tx, kind, clause=clause, policy_version=version, actor=actor, body=body)


# signing in to the console


@retried
def make_link(house: House, number: int) -> str:
    """Give the secret of a link that signs a member of staff in once, within fifteen minutes."""
    with house.store.write() as tx:
        return _enter(house, tx, number, "link", house.clock.now() + LINK_LIFE)


@retried
def use_link(house: House, secret: str) -> tuple[str, int]:
    """Use a link up and give (secret of a session, staff number); raises Refusal `not_signed_in`."""
    now = house.clock.now()
    with house.store.write() as tx:
        row = tx.execute(sa.select(link_table).where(link_table.c.digest == _digest(secret))).first()
        if row is None or row.kind != "link" or row.until < now:
            raise Refusal("not_signed_in", _CLAUSE)
        if not tx.execute(sa.delete(link_table).where(link_table.c.digest == row.digest)).rowcount:
            raise Refusal("not_signed_in", _CLAUSE)  # somebody used it at the same moment
        tx.execute(sa.delete(link_table).where(link_table.c.until < now))
        return _enter(house, tx, row.number, "session", now + SESSION_LIFE), int(row.number)


def session(house: House, secret: str | None) -> int | None:
    """Give the staff number of a session that has not ended, or None."""
    if not secret:
        return None
    with house.store.read() as tx:
        row = tx.execute(sa.select(link_table).where(link_table.c.digest == _digest(secret))).first()
    if row is None or row.kind != "session" or row.until < house.clock.now():
        return None
    return int(row.number)


@retried
def end_session(house: House, secret: str | None) -> None:
    """End a session; one that is unknown is no error."""
    if secret:
        with house.store.write() as tx:
            tx.execute(sa.delete(link_table).where(link_table.c.digest == _digest(secret)))


def _enter(house: House, tx: sa.Connection, number: int, kind: str, until: datetime) -> str:
    secret = b64(house.ids.random(32))
    account(house, tx, number)
    tx.execute(sa.insert(link_table).values(digest=_digest(secret), number=number, kind=kind, until=until))
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(b"upheld.staff|" + secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two secrets without telling by the time it takes where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
