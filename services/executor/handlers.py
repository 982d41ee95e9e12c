"""Use cases: accepting dispatches and cancels, and showing claims to operators."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import Protocol

from services.chassis.db import Database, Tx, after_commit, now_us
from services.chassis.errors import Unavailable
from services.chassis.failpoints import failpoint
from services.chassis.outbox import OutboxRow
from services.chassis.outcomes import REPLAYED
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.executor import storage, wire
from services.executor.admission import Admission
from services.executor.changes import CANCELED, EXECUTING, event
from services.executor.claims import Ledger
from services.executor.domain.cancels import needs_dispatch
from services.executor.domain.claims import Claim, ClaimState, Key
from services.executor.domain.troubles import Condition
from vahana.event.v1 import event_pb2, state_pb2
from vahana.executor.v1 import executor_pb2


class Workers(Protocol):
    """Those who work on claims; see dispatcher.Dispatcher."""

    def admission(self) -> AbstractContextManager[Admission]:
        """Let new claims begin at once: those that are admitted by the end of the block."""

    def interrupt(self, keys: Collection[Key]) -> None:
        """Tell those who work on these claims that they are to be ended."""


class Handlers:
    """The executor's use cases."""

    def __init__(self, db: Database, ledger: Ledger, workers: Workers) -> None:
        """Take what they write to, and whom they tell of it."""
        self._db, self._ledger, self._workers = db, ledger, workers

    def accept(self, envelopes: Sequence[event_pb2.Envelope]) -> Counter[str]:
        """Store a claim for each dispatch; where a worker is free, as begun. One that came before and has ended has its
        events sent again. Returns how many began nothing, and why.
        """
        wanted = {wire.key_of(each.tenant, each.task_dispatched): each for each in envelopes}
        with self._workers.admission() as admission:
            idle = self._db.together(lambda tx: self._accept(tx, wanted, admission))
            failpoint("executor.accepted")
        idle[REPLAYED] += len(envelopes) - len(wanted)
        return idle

    def _accept(self, tx: Tx, wanted: Mapping[Key, event_pb2.Envelope], admission: Admission) -> Counter[str]:
        now = now_us(tx)
        fresh = [wire.new_claim(each.tenant, each.task_dispatched, now) for each in wanted.values()]
        stored = admission.seated(fresh, now)
        new = storage.insert(tx, stored)
        added = [claim for claim in stored if claim.key in new]
        admission.admit(added)
        self._tell_begun(tx, added, now)
        known = self._known(tx, wanted.keys() - new)
        return Counter(filter(None, (self._accept_again(tx, claim, wanted[key], now) for key, claim in known.items())))

    def cancel(self, envelopes: Sequence[event_pb2.Envelope]) -> Counter[str]:
        """Have attempts ended, wherever they stand; one never heard of is barred, so that its dispatch does nothing.
        Returns how many ended nothing, and why.
        """
        wanted = {wire.key_of(each.tenant, each.task_canceled): each for each in envelopes}
        interrupted, idle = self._db.together(lambda tx: self._cancel(tx, wanted))
        self._workers.interrupt(interrupted)
        idle[REPLAYED] += len(envelopes) - len(wanted)
        return idle

    def _cancel(self, tx: Tx, wanted: Mapping[Key, event_pb2.Envelope]) -> tuple[list[Key], Counter[str]]:
        now = now_us(tx)
        barred = [_barred(envelope, now) for envelope in wanted.values()]
        new = storage.insert(tx, barred)
        ended = [claim for claim in barred if claim.key in new and claim.state == ClaimState.ENDED]
        self._ledger.outbox.add_many(tx, [_told(claim, now, CANCELED) for claim in ended])
        known = self._known(tx, wanted.keys() - new)
        again = sum(claim.cancel or claim.state == ClaimState.ENDED for claim in known.values())
        told = [
            key for key, claim in known.items() if self._ledger.cancel(tx, claim, wire.wish(wanted[key].task_canceled))
        ]
        return told, Counter({REPLAYED: again})

    @staticmethod
    def _known(tx: Tx, keys: Collection[Key]) -> dict[Key, Claim]:
        """Lock claims that are there already."""
        known = storage.lock(tx, keys) if keys else {}
        if len(known) < len(keys):
            raise Unavailable("claims were cleared out as they were asked for; they are looked at again")
        return known

    def _accept_again(self, tx: Tx, claim: Claim, envelope: event_pb2.Envelope, now: int) -> str:
        """Do what a dispatch asks for of a claim that is there; return why it began nothing, empty where it did."""
        if claim.state == ClaimState.ENDED:
            self._ledger.outbox.resend(tx, claim.key.ref)
        elif not claim.dispatched:
            # Its cancel came first.
            whole = wire.new_claim(envelope.tenant, envelope.task_dispatched, now, claim.cancel_reason)
            values = {each.name: getattr(whole, each.name) for each in fields(Claim) if each.name not in _KEPT}
            storage.advance(tx, [(claim, values)])
            self._tell_begun(tx, [whole], now)
            return ""
        return REPLAYED

    def _tell_begun(self, tx: Tx, claims: Sequence[Claim], now: int) -> None:
        """The first event of claims that are worked on or watched from the beginning; all others wait for a worker."""
        begun = [claim for claim in claims if claim.seq]
        self._ledger.outbox.add_many(tx, [_told(claim, now, EXECUTING) for claim in begun])
        if len(begun) < len(claims):
            after_commit(tx, self._ledger.on_accepted)
        if any(claim.state == ClaimState.WATCHED for claim in begun):
            after_commit(tx, self._ledger.on_watched)

    def list_claims(self, tenant: str, request: executor_pb2.ListClaimsRequest) -> executor_pb2.ListClaimsResponse:
        """Page through the tenant's claims that have not ended."""
        limit = page_limit(request.page_size)
        with self._db.read() as tx:
            claims = storage.list_open(tx, tenant, _after(tenant, request.page_token), limit + 1)
        page = claims[:limit]
        token = _token(page[-1]) if len(claims) > limit else ""
        return executor_pb2.ListClaimsResponse(claims=map(wire.claim_message, page), next_page_token=token)


_KEPT = frozenset({*Key._fields, "version"})


def _barred(envelope: event_pb2.Envelope, now: int) -> Claim:
    canceled = envelope.task_canceled
    waits = needs_dispatch(canceled.type, canceled.attempt)
    return wire.undispatched(envelope.tenant, canceled, now, ClaimState.ACCEPTED if waits else ClaimState.ENDED)


def _told(claim: Claim, now: int, state: state_pb2.TaskState.ValueType) -> OutboxRow:
    """The event that a new claim begins with."""
    why = Condition.CANCELED_BY_USER if state == CANCELED else Condition.UNSPECIFIED
    reason = claim.cancel_reason if state == CANCELED else ""
    return event(claim, claim.seq, state, now, condition=why, reason=reason)


def _token(last: Claim) -> str:
    return encode_token(last.created_us, last.process_id, last.task_id, last.attempt)


def _after(tenant: str, token: str) -> tuple[int, Key] | None:
    match decode_token(token):
        case ():
            return None
        case (created, process, task, attempt) if is_number(created) and is_number(attempt, 9):
            return int(created), Key(process, task, int(attempt), tenant)
    raise foreign_token()
