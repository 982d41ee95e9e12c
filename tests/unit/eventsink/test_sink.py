"""What the event sink hands on, and in which parts."""

import pytest

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.chassis.errors import Unavailable
from services.eventsink.consumers import MOST_BYTES, MOST_EVENTS, Sink
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2


class History:
    """Keeps what it is handed; refuses from call number `fails_at` on."""

    def __init__(self, fails_at=None):
        self.parts = []
        self._fails_at = fails_at

    def persist(self, envelopes):
        if len(self.parts) + 1 == self._fails_at:
            raise Unavailable("experiment does not answer")
        self.parts.append([each.id for each in envelopes])
        return process_pb2.PersistEventsResponse(recorded=len(envelopes))


def delivery(number, reason=""):
    change = event_pb2.StatusChanged(process_id="proc-1", source="executor", seq=number + 1, reason=reason)
    envelope = event_pb2.Envelope(id=str(number), status_changed=change)
    return Delivery(envelope, Received("vahana.status", "proc-1", b"", (), 0, number))


def test_a_batch_is_handed_on_whole_and_in_order():
    history = History()
    Sink(history).handle([delivery(number) for number in range(5)])
    assert history.parts == [["0", "1", "2", "3", "4"]]


def test_no_call_holds_more_than_it_may():
    history = History()
    Sink(history).handle([delivery(number) for number in range(2 * MOST_EVENTS + 1)])
    assert [len(part) for part in history.parts] == [MOST_EVENTS, MOST_EVENTS, 1]
    assert [each for part in history.parts for each in part] == [str(number) for number in range(2 * MOST_EVENTS + 1)]


def test_large_events_travel_in_smaller_parts():
    history = History()
    Sink(history).handle([delivery(number, reason="x" * (MOST_BYTES // 3)) for number in range(5)])
    assert [len(part) for part in history.parts] == [2, 2, 1]


def test_one_event_larger_than_a_part_goes_alone():
    history = History()
    Sink(history).handle([delivery(0), delivery(1, reason="x" * (MOST_BYTES + 1)), delivery(2)])
    assert history.parts == [["0"], ["1"], ["2"]]


def test_what_is_no_status_change_is_left_out():
    launched = event_pb2.Envelope(id="l", process_launched=event_pb2.ProcessLaunched(process_id="proc-1"))
    history = History()
    Sink(history).handle([Delivery(launched, Received("vahana.status", "proc-1", b""))])
    assert history.parts == []


def test_an_outage_is_told_and_nothing_after_it_is_handed_on():
    history = History(fails_at=2)
    with pytest.raises(Unavailable):
        Sink(history).handle([delivery(number) for number in range(3 * MOST_EVENTS)])
    assert len(history.parts) == 1
