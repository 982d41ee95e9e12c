"""Kafka in: launches, intents and histories of processes, and what executors say of their attempts and of hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.chassis import log
from services.chassis.bus.topics import HISTORY, HOST, PROCESS, STATUS
from services.chassis.consume import Delivery
from services.chassis.outcomes import NOT_FOR_US, Aside
from services.scheduler import wire
from services.scheduler.domain.model import HistoryNews, HostTold, Intended, Launch, Report
from services.scheduler.handlers import Handlers

TOPICS = (PROCESS, STATUS, HOST, HISTORY)
_TOPIC_OF = {
    Launch: PROCESS.name,
    Intended: PROCESS.name,
    Report: STATUS.name,
    HostTold: HOST.name,
    HistoryNews: HISTORY.name,
}
_BELONGS_TO = {
    "process_launched": PROCESS.name,
    "process_intended": PROCESS.name,
    "status_changed": STATUS.name,
    "host_health_changed": HOST.name,
    "history_settled": HISTORY.name,
    "history_wanted": HISTORY.name,
}

_log = log.get("consumers")


class Consumers:
    """Sorts a batch and hands it over whole."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def handle(self, deliveries: Sequence[Delivery]) -> Aside:
        """Takes a batch of TOPICS. What it cannot understand raises ValueError."""
        launches: list[Launch] = []
        intents: list[Intended] = []
        reports: list[Report] = []
        hosts: list[HostTold] = []
        news: list[HistoryNews] = []
        aside: Counter[tuple[str, str]] = Counter()
        for delivery in deliveries:
            envelope = delivery.envelope
            kind = envelope.WhichOneof("payload")
            if _BELONGS_TO.get(kind or "") != delivery.received.topic:
                raise ValueError(f"a message with {kind or 'nothing'} does not belong here: {delivery.received.topic}")
            match kind:
                case "process_launched":
                    launches.append(wire.read_launch(envelope))
                case "process_intended":
                    intents.append(wire.read_intent(envelope))
                case "status_changed" if envelope.source == wire.EXECUTOR:
                    reports.append(wire.read_report(envelope))
                case "status_changed" if envelope.source == wire.SOURCE:
                    aside[delivery.received.topic, NOT_FOR_US] += 1
                case "host_health_changed":
                    hosts.append(wire.read_health(envelope))
                case "history_settled" | "history_wanted":
                    news.append(wire.read_history_news(envelope))
                case _:
                    raise ValueError(f"a message of {envelope.source!r} with {kind} does not belong here")
        for (of, outcome), n in self._handlers.take(launches, reports, intents, hosts, news).items():
            aside[_TOPIC_OF[of], outcome] += n
        return aside
