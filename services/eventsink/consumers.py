"""Kafka in: status changes, in batches, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from services.chassis import log
from services.chassis.bus.topics import STATUS
from services.chassis.consume import Delivery
from services.chassis.outcomes import NOT_FOR_US, REPLAYED, UNKNOWN, Aside
from services.eventsink.reading import check_change
from vahana.event.v1 import event_pb2
from vahana.experiment.v1 import process_pb2

MOST_EVENTS = 1000
MOST_BYTES = 2 * 1024 * 1024

_log = log.get("sink")


class History(Protocol):
    """Where changes are recorded."""

    def persist(self, envelopes: Sequence[event_pb2.Envelope]) -> process_pb2.PersistEventsResponse:
        """Record the changes in order, repeats changing nothing; raises errors.Unavailable where it cannot now."""
        ...


class Sink:
    """Hands batches of changes on; a batch handed on in part comes again and changes nothing where it was recorded."""

    def __init__(self, history: History) -> None:
        """Hand on to `history`."""
        self._history = history

    def handle(self, deliveries: Sequence[Delivery]) -> Aside:
        """Record the status changes among the deliveries, in their order. ValueError for one that nobody could keep or
        show: it gets parked.
        """
        envelopes = [each.envelope for each in deliveries if _is_change(each)]
        for envelope in envelopes:
            check_change(envelope.status_changed)
        aside = Counter({NOT_FOR_US: len(deliveries) - len(envelopes)})
        for part in _parts(envelopes):
            counts = self._history.persist(part)
            aside.update({REPLAYED: counts.repeated, UNKNOWN: counts.unknown})
            if counts.unknown:
                _log.warning("changes of unknown processes", unknown=counts.unknown, of=len(part))
        return {(STATUS.name, outcome): n for outcome, n in aside.items()}


def _is_change(delivery: Delivery) -> bool:
    kind = delivery.envelope.WhichOneof("payload")
    if kind != "status_changed":
        _log.warning("message is no status change", payload=kind, envelope=delivery.envelope.id)
    return kind == "status_changed"


def _parts(envelopes: Sequence[event_pb2.Envelope]) -> Iterator[list[event_pb2.Envelope]]:
    """Cut so that each part fits into one call."""
    part: list[event_pb2.Envelope] = []
    size = 0
    for envelope in envelopes:
        length = envelope.ByteSize()
        if part and (len(part) == MOST_EVENTS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(envelope)
        size += length
    if part:
        yield part
