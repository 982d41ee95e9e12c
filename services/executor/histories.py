"""Use cases: events that are wanted are sent again; once a history is whole, what is kept of it here is let go of."""

from collections import Counter
from collections.abc import Sequence

from services.chassis.bus.topics import STATUS
from services.chassis.db import Database, Tx
from services.chassis.outbox import Outbox
from services.chassis.outcomes import UNKNOWN
from services.executor import storage
from vahana.event.v1 import event_pb2


class Histories:
    """What is told of the histories of processes."""

    def __init__(self, db: Database, outbox: Outbox) -> None:
        """Take what is kept of them."""
        self._db, self._outbox = db, outbox

    def take(self, envelopes: Sequence[event_pb2.Envelope]) -> Counter[str]:
        """Do what a batch asks for, in its order; return how many asked for nothing that is kept here."""
        return self._db.together(lambda tx: self._take(tx, envelopes))

    def _take(self, tx: Tx, envelopes: Sequence[event_pb2.Envelope]) -> Counter[str]:
        done = [self._take_one(tx, envelope) for envelope in envelopes]
        return Counter({UNKNOWN: done.count(False)})

    def _take_one(self, tx: Tx, envelope: event_pb2.Envelope) -> bool:
        settled, wanted = envelope.history_settled.process_id, envelope.history_wanted.process_id
        if not storage.tenant_has(tx, envelope.tenant, settled or wanted):
            return False
        if wanted:
            self._outbox.resend_key(tx, STATUS, wanted)
        else:
            # What is not marked as sent has been recorded all the same, unless something of it goes on here.
            ended = not storage.open_of(tx, envelope.tenant, settled)
            self._outbox.forget(tx, [settled], unsent=ended)
            storage.thin_out(tx, settled)
        return True
