"""Kafka in: launches, intents and histories of processes, and what executors say of their attempts and of hosts."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis import log
from services.chassis.bus.topics import HISTORY, HOST, PROCESS, STATUS
from services.chassis.consume import Delivery
from services.scheduler import wire
from services.scheduler.domain.model import HistoryNews, HostTold, Intended, Launch, Report
from services.scheduler.handlers import Handlers

TOPICS = (PROCESS, STATUS, HOST, HISTORY)

_log = log.get("consumers")


class Consumers:
    """Sorts a batch and hands it over whole."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Takes a batch of TOPICS. What it cannot understand raises ValueError."""
        launches: list[Launch] = []
        intents: list[Intended] = []
        reports: list[Report] = []
        hosts: list[HostTold] = []
        news: list[HistoryNews] = []
        for delivery in deliveries:
            envelope = delivery.envelope
            match envelope.WhichOneof("payload"):
                case "process_launched":
                    launches.append(wire.read_launch(envelope))
                case "process_intended":
                    intents.append(wire.read_intent(envelope))
                case "status_changed" if envelope.source == wire.EXECUTOR:
                    reports.append(wire.read_report(envelope))
                case "status_changed" if envelope.source == wire.SOURCE:
                    pass
                case "host_health_changed":
                    hosts.append(wire.read_health(envelope))
                case "history_settled" | "history_wanted":
                    news.append(wire.read_history_news(envelope))
                case other:
                    raise ValueError(f"a message of {envelope.source!r} with {other or 'nothing'} does not belong here")
        self._handlers.take(launches, reports, intents, hosts, news)
