"""Kafka in: dispatches, by task type, cancels, and what becomes of histories."""

from collections.abc import Sequence

from services.chassis.consume import Delivery
from services.executor.handlers import Handlers
from services.executor.histories import Histories


class Consumers:
    """Handles what the task topics bring."""

    def __init__(self, handlers: Handlers, histories: Histories) -> None:
        """Take the use cases."""
        self._handlers, self._histories = handlers, histories

    def dispatched(self, deliveries: Sequence[Delivery]) -> None:
        """Accept a batch durably. ValueError for a message that is no dispatch: it gets parked."""
        for delivery in deliveries:
            dispatch = delivery.envelope.task_dispatched
            if not (dispatch.process_id and dispatch.task_id and dispatch.attempt and delivery.envelope.tenant):
                raise ValueError(f"not a dispatch of a task: {delivery.envelope.WhichOneof('payload')}")
        self._handlers.accept([delivery.envelope for delivery in deliveries])

    def canceled(self, deliveries: Sequence[Delivery]) -> None:
        """Record a batch of cancels durably. ValueError for a message that is none: it gets parked."""
        for delivery in deliveries:
            canceled = delivery.envelope.task_canceled
            if not (canceled.process_id and canceled.task_id and canceled.attempt and delivery.envelope.tenant):
                raise ValueError(f"not the cancel of a task: {delivery.envelope.WhichOneof('payload')}")
        self._handlers.cancel([delivery.envelope for delivery in deliveries])

    def told_of_histories(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of what is settled, and send again what is wanted. ValueError for what is neither: it gets parked."""
        envelopes = [delivery.envelope for delivery in deliveries]
        for envelope in envelopes:
            if not (envelope.tenant and (envelope.history_settled.process_id or envelope.history_wanted.process_id)):
                raise ValueError(f"not about a history: {envelope.WhichOneof('payload')}")
        self._histories.take(envelopes)
