"""Kafka in: launches, intents and histories of processes, and what executors say of their attempts and of hosts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chassis import log
from services.chassis.bus.topics import HISTORY, HOST, PROCESS, STATUS
from services.chassis.consume import Delivery
from services.chassis.db import Tx
from services.chassis.outcomes import NOT_FOR_US, Aside
from services.chassis.parked import Place
from services.scheduler import wire
from services.scheduler.domain.model import HistoryNews, HostTold, Intended, Launch, ParkingTold, Report
from services.scheduler.handlers import Handlers
from vahana.event.v1 import event_pb2

Told = Launch | Intended | Report | HostTold | HistoryNews | ParkingTold
TOPICS = (PROCESS, STATUS, HOST, HISTORY)
_TOPIC_OF = {
    Launch: PROCESS.name,
    Intended: PROCESS.name,
    Report: STATUS.name,
    HostTold: HOST.name,
    HistoryNews: HISTORY.name,
    ParkingTold: PROCESS.name,
}
_BELONGS_TO = {
    "process_launched": PROCESS.name,
    "process_intended": PROCESS.name,
    "parking_changed": PROCESS.name,
    "status_changed": STATUS.name,
    "host_health_changed": HOST.name,
    "history_settled": HISTORY.name,
    "history_wanted": HISTORY.name,
}
_READ: Mapping[str, Callable[[event_pb2.Envelope], Told]] = {
    "process_launched": wire.read_launch,
    "process_intended": wire.read_intent,
    "status_changed": wire.read_report,
    "host_health_changed": wire.read_health,
    "history_settled": wire.read_history_news,
    "history_wanted": wire.read_history_news,
    "parking_changed": wire.read_parking,
}
_OF_EXECUTORS = frozenset({"status_changed", "parking_changed"})

_log = log.get("consumers")


class Consumers:
    """Sorts a batch and hands it over whole."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def handle(self, deliveries: Sequence[Delivery]) -> Aside:
        """Takes a batch of TOPICS. What it cannot understand raises ValueError."""
        told: defaultdict[type[Told], list[Any]] = defaultdict(list)
        aside: Counter[tuple[str, str]] = Counter()
        for delivery in deliveries:
            envelope = delivery.envelope
            kind = envelope.WhichOneof("payload")
            if _BELONGS_TO.get(kind or "") != delivery.received.topic:
                raise ValueError(f"a message with {kind or 'nothing'} does not belong here: {delivery.received.topic}")
            if kind == "status_changed" and envelope.source == wire.SOURCE:
                aside[delivery.received.topic, NOT_FOR_US] += 1
                continue
            if kind in _OF_EXECUTORS and envelope.source != wire.EXECUTOR:
                raise ValueError(f"a message of {envelope.source!r} with {kind} does not belong here")
            content = _READ[kind or ""](envelope)
            told[type(content)].append(content)
        unheeded = self._handlers.take(
            told[Launch], told[Report], told[Intended], told[HostTold], told[HistoryNews], parkings=told[ParkingTold]
        )
        for (of, outcome), n in unheeded.items():
            aside[_TOPIC_OF[of], outcome] += n
        return aside


class Parking:
    """Pauses the processes of which the scheduler itself has parked a message, as long as it is."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def parked(self, tx: Tx, place: Place, envelope: event_pb2.Envelope, reason: str) -> None:
        """See ParkedWatch."""
        self._handlers.heed_parking(tx, wire.own_parking(place, envelope, parked=True, reason=reason))

    def released(self, tx: Tx, place: Place, envelope: event_pb2.Envelope) -> None:
        """See ParkedWatch."""
        self._handlers.heed_parking(tx, wire.own_parking(place, envelope, parked=False))
