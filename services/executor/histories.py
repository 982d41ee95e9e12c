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
        """Do what a batch asks for: first what is wanted, since nothing is wanted of what is settled. Return how many
        asked for nothing that is kept here.
        """
        return self._db.together(lambda tx: self._take(tx, envelopes))

    def _take(self, tx: Tx, envelopes: Sequence[event_pb2.Envelope]) -> Counter[str]:
        ended = storage.standing(tx, {_process_of(each) for each in envelopes})
        known = [each for each in envelopes if (each.tenant, _process_of(each)) in ended]
        for each in known:
            if each.history_wanted.process_id:
                self._outbox.resend_key(tx, STATUS, each.history_wanted.process_id)
        # What is kept is not told apart by tenant: where two have claims of a process, of which one tenant alone can be
        # right, all of it stays until it is too old.
        tenants = Counter(process_id for _, process_id in ended)
        settled = {
            _process_of(each): ended[each.tenant, _process_of(each)]
            for each in known
            if each.history_settled.process_id and tenants[_process_of(each)] == 1
        }
        if settled:
            self._let_go(tx, settled)
        return Counter({UNKNOWN: len(envelopes) - len(known)})

    def _let_go(self, tx: Tx, settled: dict[str, bool]) -> None:
        """Forget what was sent. What is not marked as sent has been recorded all the same, unless something of its
        process goes on here.
        """
        for over in (True, False):
            keys = [process_id for process_id, ended in settled.items() if ended is over]
            if keys:
                self._outbox.forget(tx, keys, unsent=over)
        storage.thin_out(tx, settled)


def _process_of(envelope: event_pb2.Envelope) -> str:
    return envelope.history_settled.process_id or envelope.history_wanted.process_id
