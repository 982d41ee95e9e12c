"""Use cases: accepting dispatches and cancels, and showing claims to operators."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields

from services.chassis.bus.topics import STATUS
from services.chassis.db import Database, Tx, after_commit, now_us
from services.chassis.errors import Unavailable
from services.chassis.outbox import OutboxRow
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.executor import storage, wire
from services.executor.claims import CANCELED, EXECUTING, Ledger
from services.executor.domain.cancels import needs_dispatch
from services.executor.domain.claims import Claim, ClaimState, Key
from services.executor.domain.troubles import Condition
from vahana.event.v1 import event_pb2, state_pb2
from vahana.executor.v1 import executor_pb2


class Handlers:
    """The executor's use cases. `on_canceled` is called after the commit of cancels of claims being worked on."""

    def __init__(
        self, db: Database, ledger: Ledger, on_canceled: Callable[[Collection[Key]], None] = lambda _keys: None
    ) -> None:
        """Take what they write to."""
        self._db, self._ledger, self._on_canceled = db, ledger, on_canceled

    def accept(self, envelopes: Sequence[event_pb2.Envelope]) -> None:
        """Store a claim for each dispatch. One that came before and has ended has its events sent again."""
        wanted = {wire.key_of(envelope.task_dispatched): envelope for envelope in envelopes}
        with self._db.write() as tx:
            known, now = storage.lock(tx, list(wanted)), now_us(tx)
            fresh = [
                wire.new_claim(envelope.tenant, envelope.task_dispatched, now)
                for key, envelope in wanted.items()
                if key not in known
            ]
            if storage.insert(tx, fresh) != len(fresh):
                raise Unavailable("another executor accepts the same dispatches; they are looked at again")
            self._tell_begun(tx, fresh, now)
            for key, claim in known.items():
                self._accept_again(tx, claim, wanted[key], now)
            after_commit(tx, self._ledger.on_accepted)
            after_commit(tx, self._ledger.on_watched)

    def cancel(self, envelopes: Sequence[event_pb2.Envelope]) -> None:
        """Have attempts ended, wherever they stand; one never heard of is barred, so that its dispatch does nothing."""
        wanted = {wire.key_of(envelope.task_canceled): envelope for envelope in envelopes}
        with self._db.write() as tx:
            known, now = storage.lock(tx, list(wanted)), now_us(tx)
            barred = [_barred(envelope, now) for key, envelope in wanted.items() if key not in known]
            if storage.insert(tx, barred) != len(barred):
                raise Unavailable("another executor accepts the dispatches of these cancels; they are looked at again")
            ended = [claim for claim in barred if claim.state == ClaimState.ENDED]
            self._ledger.outbox.add_many(tx, [_told(claim, now, CANCELED) for claim in ended])
            held = [
                key
                for key, claim in known.items()
                if claim.tenant == wanted[key].tenant
                and self._ledger.cancel(tx, claim, wire.wish(wanted[key].task_canceled))
            ]
        self._on_canceled(held)

    def _accept_again(self, tx: Tx, claim: Claim, envelope: event_pb2.Envelope, now: int) -> None:
        if claim.state == ClaimState.ENDED:
            self._ledger.outbox.resend(tx, claim.key.ref)
        elif not claim.dispatched:
            # Its cancel came first.
            whole = wire.new_claim(envelope.tenant, envelope.task_dispatched, now, claim.cancel_reason)
            values = {each.name: getattr(whole, each.name) for each in fields(Claim) if each.name != "version"}
            storage.advance(tx, claim, **values)
            self._tell_begun(tx, [whole], now)

    def _tell_begun(self, tx: Tx, claims: Sequence[Claim], now: int) -> None:
        """The first event of claims that are watched from the beginning."""
        begun = [claim for claim in claims if claim.state == ClaimState.WATCHED]
        self._ledger.outbox.add_many(tx, [_told(claim, now, EXECUTING) for claim in begun])

    def list_claims(self, tenant: str, request: executor_pb2.ListClaimsRequest) -> executor_pb2.ListClaimsResponse:
        """Page through the tenant's claims that have not ended."""
        limit = page_limit(request.page_size)
        with self._db.read() as tx:
            claims = storage.list_open(tx, tenant, _after(request.page_token), limit + 1)
        page = claims[:limit]
        token = encode_token(page[-1].created_us, *page[-1].key) if len(claims) > limit else ""
        return executor_pb2.ListClaimsResponse(claims=map(wire.claim_message, page), next_page_token=token)


def _barred(envelope: event_pb2.Envelope, now: int) -> Claim:
    canceled = envelope.task_canceled
    waits = needs_dispatch(canceled.type, canceled.attempt)
    return wire.undispatched(envelope.tenant, canceled, now, ClaimState.ACCEPTED if waits else ClaimState.ENDED)


def _told(claim: Claim, now: int, state: state_pb2.TaskState.ValueType) -> OutboxRow:
    """The event that a new claim begins with."""
    why = Condition.CANCELED_BY_USER if state == CANCELED else Condition.UNSPECIFIED
    reason = claim.cancel_reason if state == CANCELED else ""
    event = wire.status(claim, claim.seq, state, now_us=now, condition=why, reason=reason)
    return OutboxRow(STATUS, claim.process_id, event, claim.key.ref)


def _after(token: str) -> tuple[int, Key] | None:
    match decode_token(token):
        case ():
            return None
        case (created, process, task, attempt) if is_number(created) and is_number(attempt, 9):
            return int(created), Key(process, task, int(attempt))
    raise foreign_token()
