"""Each service that consumes messages shows operators what it set aside, and hands it over once more."""

import importlib

import grpc
import pytest

from services.chassis.bus.api import Received
from services.chassis.bus.topics import STATUS
from services.chassis.parked import Parked
from tests.contract.every_rpc.rpcs import rpcs
from vahana.event.v1 import event_pb2

OWNERS = sorted({each.owner for each in rpcs() if each.name == "ListParkedMessages"})
CONSUMERS = {
    "eventsink": "status",
    "executor": "cancel",
    "experiment": "sync",
    "registry": "sync",
    "scheduler": "process",
}
SOUND = event_pb2.Envelope(
    id="msg-1", tenant="default", aggregate_id="p", source="scheduler", status_changed={"process_id": "p"}
)
"""Of the scheduler's own: it takes it and does nothing."""
WRONG = event_pb2.Envelope(id="msg-1", tenant="default")
"""Of no kind that anybody knows."""


class Parking:
    """A service's ParkedService, and messages in its table."""

    def __init__(self, served, name):
        self._served, self._consumer = served, CONSUMERS[name]
        self.pb = importlib.import_module(f"vahana.{name}.v1.parked_pb2")
        self._grpc = importlib.import_module(f"vahana.{name}.v1.parked_pb2_grpc")
        self.parked = Parked(served.chassis.db.metadata)

    def stub(self, who="admin"):
        return self._served.stub(self._grpc.ParkedServiceStub, who)

    def park(self, offset, value, key="proc-1", topic="t"):
        with self._served.chassis.db.write() as tx:
            self.parked.add(tx, self._consumer, Received(topic, key, value, (), 2, offset), "as it was")

    def listed(self, **request):
        return self.stub().ListParkedMessages(self.pb.ListParkedMessagesRequest(**request))


@pytest.fixture(params=OWNERS)
def parking(mesh, request):
    parking = Parking(mesh[request.param], request.param)
    yield parking
    with parking._served.chassis.db.write() as tx:
        tx.execute(parking.parked._table.delete())


def test_every_consuming_service_has_one():
    assert sorted(CONSUMERS) == OWNERS


def test_they_are_listed_page_by_page_and_by_key(parking):
    for offset in range(3):
        parking.park(offset, WRONG.SerializeToString(), key=f"key-{offset}")
    first = parking.listed(page_size=2)
    rest = parking.listed(page_size=2, page_token=first.next_page_token)
    assert [each.offset for each in (*first.messages, *rest.messages)] == [0, 1, 2]
    assert not rest.next_page_token
    (one,) = parking.listed(key="key-1").messages
    assert (one.topic, one.partition, one.key, one.reason, one.message_id) == ("t", 2, "key-1", "as it was", "msg-1")
    assert one.size == WRONG.ByteSize()


@pytest.mark.parametrize("value", [b"", b"\n", b"\xff\xff\xff", b"\n\xffxx"])
def test_a_message_without_a_readable_id_has_none(parking, value):
    parking.park(0, value)
    assert [each.message_id for each in parking.listed().messages] == [""]


def test_one_that_cannot_be_handled_stays_and_says_why(parking, refused):
    parking.park(0, b"\xff\xff")
    (one,) = parking.listed().messages
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
        parking.stub().UnparkMessage(parking.pb.UnparkMessageRequest(parked_id=one.parked_id))
    assert "not an envelope" in told.message
    assert "not an envelope" in parking.listed().messages[0].reason


def test_one_can_be_discarded(parking, refused):
    parking.park(0, b"")
    (one,) = parking.listed().messages
    parking.stub().DiscardMessage(parking.pb.DiscardMessageRequest(parked_id=one.parked_id))
    assert not parking.listed().messages
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        parking.stub().DiscardMessage(parking.pb.DiscardMessageRequest(parked_id=one.parked_id))


def test_a_token_of_another_list_is_refused(parking, refused):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        parking.listed(page_token="WyJ4Il0")


def test_no_one_but_operators_may(parking, refused):
    for who in ("user", "other", "scheduler"):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            parking.stub(who).ListParkedMessages(parking.pb.ListParkedMessagesRequest())


def test_one_that_can_be_handled_now_is_parked_no_longer(mesh):
    parking = Parking(mesh["scheduler"], "scheduler")
    parking.park(0, SOUND.SerializeToString(), key="p", topic=STATUS.name)
    (one,) = parking.listed().messages
    parking.stub().UnparkMessage(parking.pb.UnparkMessageRequest(parked_id=one.parked_id))
    assert not parking.listed().messages
