"""Kafka in: dispatches, by task type, cancels, and what becomes of histories."""

from collections import Counter
from collections.abc import Sequence

from services.chassis.bus.topics import TASK_TOPICS
from services.chassis.consume import Delivery
from services.chassis.outcomes import Aside
from services.executor import reading
from services.executor.handlers import Handlers
from services.executor.histories import Histories


class Consumers:
    """Handles what the task topics bring."""

    def __init__(self, handlers: Handlers, histories: Histories) -> None:
        """Take the use cases."""
        self._handlers, self._histories = handlers, histories

    def dispatched(self, deliveries: Sequence[Delivery]) -> Aside:
        """Accept a batch durably. ValueError for a message that is no dispatch of its topic's type: it gets parked."""
        for delivery in deliveries:
            reading.check_dispatch(delivery.envelope)
            dispatch, topic = delivery.envelope.task_dispatched, delivery.received.topic
            if TASK_TOPICS[dispatch.type].name != topic:
                raise ValueError(f"a dispatch of task type {dispatch.type} does not belong to {topic}")
        return _of_topic(deliveries, self._handlers.accept([delivery.envelope for delivery in deliveries]))

    def canceled(self, deliveries: Sequence[Delivery]) -> Aside:
        """Record a batch of cancels durably. ValueError for a message that is none: it gets parked."""
        for delivery in deliveries:
            reading.check_cancel(delivery.envelope)
        return _of_topic(deliveries, self._handlers.cancel([delivery.envelope for delivery in deliveries]))

    def told_of_histories(self, deliveries: Sequence[Delivery]) -> Aside:
        """Let go of what is settled, and send again what is wanted. ValueError for what is neither: it gets parked."""
        for delivery in deliveries:
            reading.check_history(delivery.envelope)
        return _of_topic(deliveries, self._histories.take([delivery.envelope for delivery in deliveries]))


def _of_topic(deliveries: Sequence[Delivery], outcomes: Counter[str]) -> Aside:
    """What had no effect; a consumer here reads one topic."""
    topic = deliveries[0].received.topic
    return {(topic, outcome): n for outcome, n in outcomes.items()}
