"""Messages as they come in: what does not even look like one of the mesh's is told apart before anybody handles it."""

from google.protobuf.message import DecodeError

from services.chassis.bounds import check_label, check_name, check_time
from services.chassis.outbox import LARGEST_VALUE
from vahana.event.v1 import event_pb2

LONGEST_ID = 400
LONGEST_TENANT = 63
LONGEST_AGGREGATE = 300


def read(value: bytes) -> event_pb2.Envelope:
    """Return the envelope a message holds. ValueError where it is none, is larger than any that the mesh writes, or
    does not say what it is, whose, or what about.
    """
    if len(value) > LARGEST_VALUE:
        raise ValueError(f"too large: {len(value)} bytes, where nothing over {LARGEST_VALUE} is ever written")
    try:
        envelope = event_pb2.Envelope.FromString(value)
    except DecodeError as error:
        raise ValueError(f"not an envelope: {error}") from error
    check_name("id", envelope.id, LONGEST_ID)
    check_name("tenant", envelope.tenant, LONGEST_TENANT)
    check_name("aggregate_id", envelope.aggregate_id, LONGEST_AGGREGATE)
    check_label("source", envelope.source, LONGEST_TENANT)
    check_time("time", envelope.time)
    return envelope
