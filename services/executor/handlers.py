"""Use cases: accepting dispatches, and showing claims to operators."""

from collections.abc import Callable, Sequence

from services.chassis.bus.topics import STATUS
from services.chassis.db import Database, after_commit, now_us
from services.chassis.errors import FieldViolation, InvalidFields, Unavailable
from services.chassis.outbox import Outbox, OutboxRow
from services.chassis.paging import decode_token, encode_token, page_limit
from services.executor import storage, wire
from services.executor.domain.claims import Claim, ClaimState, Key
from vahana.event.v1 import event_pb2, state_pb2
from vahana.executor.v1 import executor_pb2


class Handlers:
    """The executor's use cases. The `on_…` functions are called after the commit of new claims of either kind."""

    def __init__(
        self, db: Database, outbox: Outbox, on_accepted: Callable[[], None], on_watched: Callable[[], None]
    ) -> None:
        """Take what they write to."""
        self._db, self._outbox = db, outbox
        self._on_accepted, self._on_watched = on_accepted, on_watched

    def accept(self, envelopes: Sequence[event_pb2.Envelope]) -> None:
        """Store a claim for each dispatch. One that came before and has ended has its events sent again."""
        wanted = {key_of(envelope.task_dispatched): envelope for envelope in envelopes}
        with self._db.write() as tx:
            known = storage.states(tx, list(wanted))
            now = now_us(tx)
            fresh = [
                wire.new_claim(envelope.tenant, envelope.task_dispatched, now)
                for key, envelope in wanted.items()
                if key not in known
            ]
            if storage.insert(tx, fresh) != len(fresh):
                raise Unavailable("another executor accepts the same dispatches; they are looked at again")
            self._outbox.add_many(tx, [_begun(claim, now) for claim in fresh if claim.state == ClaimState.WATCHED])
            for key in (key for key, state in known.items() if state is ClaimState.ENDED):
                self._outbox.resend(tx, key.ref)
            after_commit(tx, self._on_accepted)
            after_commit(tx, self._on_watched)

    def list_claims(self, tenant: str, request: executor_pb2.ListClaimsRequest) -> executor_pb2.ListClaimsResponse:
        """Page through the tenant's claims that have not ended."""
        limit = page_limit(request.page_size)
        with self._db.read() as tx:
            claims = storage.list_open(tx, tenant, _after(request.page_token), limit + 1)
        page = claims[:limit]
        token = encode_token(page[-1].created_us, *page[-1].key) if len(claims) > limit else ""
        return executor_pb2.ListClaimsResponse(claims=map(wire.claim_message, page), next_page_token=token)


def key_of(dispatch: event_pb2.TaskDispatched) -> Key:
    """Return what a dispatch is known by."""
    return Key(dispatch.process_id, dispatch.task_id, dispatch.attempt)


def _begun(claim: Claim, now: int) -> OutboxRow:
    """The first event of a claim that is watched from the beginning."""
    event = wire.status(claim, claim.seq, state_pb2.TASK_STATE_EXECUTING, now_us=now)
    return OutboxRow(STATUS, claim.process_id, event, claim.key.ref)


def _after(token: str) -> tuple[int, Key] | None:
    parts = decode_token(token)
    if not parts:
        return None
    try:
        created, process, task, attempt = parts
        return int(created), Key(process, task, int(attempt))
    except ValueError as error:
        violation = FieldViolation("page_token", "is not a token of this list; send next_page_token as it came")
        raise InvalidFields([violation]) from error
