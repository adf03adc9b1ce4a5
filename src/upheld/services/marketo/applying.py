"""Doing one thing to records: erasing with its evidence, correcting, and the flags that stop use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from upheld.services.marketo.client import MarketoClient
from upheld.services.marketo.errors import trouble_of
from upheld.services.marketo.mapping import MarketoMap, Target
from upheld.services.marketo.reading import (
    ACTIVITIES,
    LEADS,
    MEMBERS,
    Row,
    batches,
    by_id,
    by_list,
    lead_ref,
    means,
    people,
    value_of,
)
from upheld.services.model import Job, Outcome, Ref
from upheld.services.port import ServiceError
from upheld.services.rules import Trouble, outcome_of

LINGERS = timedelta(days=14)
"""How long the operator's list of deletions names whom it deleted: older entries may be pruned, and none is before."""
SKEW = timedelta(minutes=10)
"""How far the operator's clock may stand apart from ours."""
ADDRESS = "email"
"""The field whose value, and not the record, is what the operator unsubscribes."""
MARK = "upheld"
"""What stands in a flag's reason where the flag is ours."""
Done = Iterator[tuple[Ref, Outcome]]
Changes = Callable[[Row], Mapping[str, Any] | Outcome]


@dataclass(frozen=True, slots=True)
class Hands:
    """What changes an instance."""

    client: MarketoClient
    mapping: MarketoMap

    def of(self, job: Job) -> Done:
        """Do a job; what each record comes to is said once."""
        match job.op:
            case "erase":
                yield from self._erase(job)
            case "correct":
                yield from self._stopped(job, self._write(job.refs, lambda row: self._corrected(job, row)))
            case "suppress":
                yield from self._write(job.refs, lambda row: _set(self.mapping.suppress, row))
            case "restrict":
                yield from self._write(job.refs, lambda row: _set(self.mapping.restrict, row))
            case "unsuppress":
                theirs = self._not_ours(job.refs)
                stays = Outcome("denied", "not_ours")
                yield from self._write(job.refs, lambda row: stays if _address(row) in theirs else _taken_back(self.mapping.suppress, row))
            case _:
                yield from self._write(job.refs, lambda row: _taken_back(self.mapping.restrict, row))

    def _not_ours(self, refs: Sequence[Ref]) -> set[str]:
        """Give the addresses that somebody else unsubscribed: taking our flag back from one record would do so for all."""
        addresses = {_address(row) for row in by_id(self.client, self.mapping, refs).values()} - {""}
        rows = people(self.client, self.mapping, ADDRESS, sorted(addresses)) if addresses else ()
        return {
            _address(row) for row in rows
            if any(row.get(flag) is True and row.get(why) != MARK for flag, why in self.mapping.suppress.items())
        }  # fmt: skip

    def _stopped(self, job: Job, done: Done) -> Done:
        """Keep suppressed who was so before a correction: with a new address the operator begins anew.

        Where the flag is lost although it was written with the address it is set again; who is not suppressed after
        that is `failed`.
        Clause: services (APPI 35; GDPR 21)
        """
        before = by_id(self.client, self.mapping, job.refs) if self._moves(job) else {}
        stopped = {key for key, row in before.items() if any(row.get(flag) is True for flag in self.mapping.suppress)}
        outcomes = dict(done)
        check = [ref for ref, one in outcomes.items() if one.word == "done" and ref.key[0] in stopped]
        lost = dict(self._write(check, lambda row: _set(self.mapping.suppress, row))) if check else {}
        for ref, one in outcomes.items():
            kept = ref not in lost or lost[ref].word in ("done", "already")
            yield ref, one if kept else Outcome("failed", "suppression_lost")

    def _moves(self, job: Job) -> bool:
        return any(self.mapping.fields[name].field == ADDRESS for name in job.change)

    def _corrected(self, job: Job, row: Row) -> Mapping[str, Any] | Outcome:
        """Give what a correction writes; a value that is neither old nor new is somebody's own, and stays."""
        changes: dict[str, Any] = {}
        for name, new in job.change.items():
            target = self.mapping.fields[name]
            held = value_of(row, target)
            if means(name, held, new) and row.get(target.field):
                continue
            if name in job.before and not means(name, held, job.before[name]):
                return Outcome("conflict", "value_changed")
            changes.update(written(target, new))
        if ADDRESS in changes:
            changes.update({flag: True for flag in self.mapping.suppress if row.get(flag) is True})
        return changes

    def _write(self, refs: Sequence[Ref], changes: Changes) -> Done:
        """Update people by id, many in a call, each answered for by itself; what needs no change is `already`."""
        rows = by_id(self.client, self.mapping, refs)
        waiting: list[tuple[Ref, Mapping[str, Any]]] = []
        for ref in refs:
            row = rows.get(int(str(ref.key[0])))
            wanted = changes(row) if row is not None else outcome_of("absent", "1004", self.client.now, frozen=True)
            if isinstance(wanted, Outcome) or not wanted:
                yield ref, wanted if isinstance(wanted, Outcome) else Outcome("already")
            else:
                waiting.append((ref, wanted))
        for some in batches(waiting):
            given = [{"id": ref.key[0], **wanted} for ref, wanted in some]
            body = {"action": "updateOnly", "lookupField": "id", "input": given}
            yield from self._each([ref for ref, _ in some], "leads.json", body, {"updated": Outcome("done")})

    def _each(
        self, refs: Sequence[Ref], path: str, body: Mapping[str, Any], good: Mapping[str, Outcome], *, verb: str = "POST"
    ) -> Done:
        """Make one call for some records and read success record by record, in the order in which they were given.

        A call that was refused as a whole is trouble of each of its records. A row that is missing is `failed`: it
        was not answered for.
        """
        now = self.client.now
        try:
            answer = self.client.tell(path, body, verb=verb)
        except ServiceError as error:
            trouble = outcome_of(error.trouble, error.diagnostic.code, now, frozen=True, retry_at=error.retry_at)
            yield from ((ref, trouble) for ref in refs)
            return
        for place, ref in enumerate(refs):
            row = answer.rows[place] if place < len(answer.rows) else {}
            done = good.get(str(row.get("status")))
            yield ref, _evident(done, answer.request) if done is not None else _skipped(row, now)

    def _erase(self, job: Job) -> Done:
        """Take people out of lists, then delete them; whoever changed since is left whole.

        Clause: services (APPI 35; GDPR 17)
        """
        leads = [ref for ref in job.refs if ref.store == LEADS]
        logs = [ref for ref in job.refs if ref.store == ACTIVITIES]
        rows = by_id(self.client, self.mapping, [*leads, *logs])
        changed = {ref.key[0] for ref in leads if ref.key[0] in rows and lead_ref(self.mapping, rows[ref.key[0]]).version != ref.version}
        stays = Outcome("conflict", "changed_since")
        yield from ((ref, stays) for ref in job.refs if ref.key[-1] in changed)
        yield from self._leave([ref for ref in job.refs if ref.store == MEMBERS and ref.key[1] not in changed])
        there = [ref for ref in leads if ref.key[0] in rows and ref.key[0] not in changed]
        gone = [ref for ref in leads if ref.key[0] not in rows]
        fate: dict[object, Outcome] = {}
        for ref, outcome in (*(one for some in batches(there) for one in self._delete(some)), *self._gone(gone)):
            fate[ref.key[0]] = outcome
            yield ref, outcome
        yield from ((ref, _with(fate.get(ref.key[0]), there=ref.key[0] in rows)) for ref in logs if ref.key[0] not in changed)

    def _leave(self, refs: Sequence[Ref]) -> Done:
        for key, some in by_list(refs).items():
            for part in batches(some):
                body = {"input": [{"id": ref.key[1]} for ref in part]}
                yield from self._each(part, f"lists/{key}/leads.json", body, {"removed": Outcome("done")}, verb="DELETE")

    def _delete(self, refs: Sequence[Ref]) -> Done:
        began = self.client.now
        body = {"input": [{"id": ref.key[0]} for ref in refs]}
        done = dict(self._each(refs, "leads/delete.json", body, {"deleted": Outcome("pending_window", "deletion_log", began + LINGERS)}))
        named = self._named([ref for ref, one in done.items() if one.word == "pending_window"], began)
        for ref, one in done.items():
            number, at = named.get(ref, ("", began))
            proof = f"{one.evidence} {number}".strip()
            yield ref, Outcome(one.word, one.code, at + LINGERS, proof) if one.word == "pending_window" else one

    def _gone(self, refs: Sequence[Ref]) -> Done:
        """Answer for people who are not there any more: the list of deletions may still name them, whoever deleted them."""
        named = self._named(refs, self.client.now - LINGERS)
        for ref in refs:
            if ref in named:
                number, at = named[ref]
                yield ref, Outcome("pending_window", "deletion_log", at + LINGERS, number)
            else:
                yield ref, Outcome("already", "1004")

    def _named(self, refs: Sequence[Ref], since: datetime) -> dict[Ref, tuple[str, datetime]]:
        """Look into the operator's list of deletions for its number and time; not seeing it there proves nothing and costs nothing."""
        wanted = {ref.key[0]: ref for ref in refs}
        found: dict[Ref, tuple[str, datetime]] = {}
        try:
            for row in self._deletions(since - SKEW) if wanted else ():
                ref = wanted.get(int(row.get("leadId") or 0))
                if ref is not None:
                    found[ref] = (f"activity:{int(row.get('id') or 0)}", datetime.fromisoformat(str(row.get("activityDate"))))
                if len(found) == len(wanted):
                    break
        except (ServiceError, ValueError):
            return found
        return found

    def _deletions(self, since: datetime) -> Iterator[Row]:
        token = self.client.ask("activities/pagingtoken.json", {"sinceDatetime": since.isoformat()}).next
        for page in self.client.pages("activities/deletedleads.json", {"nextPageToken": token}):
            yield from page.rows


def _with(person: Outcome | None, *, there: bool) -> Outcome:
    """Say what becomes of activities: they share the fate of their person, and are not taken alone."""
    if not there:
        return Outcome("already", "1004")
    if person is None:
        return Outcome("denied", "goes_with_person")
    return Outcome("done", evidence=person.evidence) if person.word == "pending_window" else person


def written(target: Target, value: str) -> dict[str, Any]:
    """Give what is written for a field of the policy: the value in its field, and nothing in those that it stands with."""
    return {target.field: value, **dict.fromkeys(target.emptied)}


def _address(row: Row) -> str:
    return str(row.get(ADDRESS) or "").casefold()


def _set(flags: Mapping[str, str], row: Row) -> Mapping[str, Any]:
    """Set the flags that are not set, and mark them as ours."""
    return {key: value for flag, why in flags.items() if row.get(flag) is not True for key, value in ((flag, True), (why, MARK))}


def _taken_back(flags: Mapping[str, str], row: Row) -> Mapping[str, Any]:
    """Take back the flags that are ours; what the person or a colleague set stays."""
    ours = [(flag, why) for flag, why in flags.items() if row.get(flag) is True and row.get(why) == MARK]
    return {key: value for flag, why in ours for key, value in ((flag, False), (why, None))}


def _evident(done: Outcome, request: str) -> Outcome:
    return Outcome(done.word, done.code, done.until, request)


def _skipped(row: Row, now: datetime) -> Outcome:
    """Say what a record that was passed over comes to, by its own reason."""
    return outcome_of(*reason_of(row), now, frozen=True)


def reason_of(row: Row) -> tuple[Trouble, str]:
    """Give the class of trouble and the code for which a record was passed over."""
    reasons = row.get("reasons")
    first = reasons[0] if isinstance(reasons, list) and reasons and isinstance(reasons[0], Mapping) else {}
    return trouble_of(first.get("code"))
