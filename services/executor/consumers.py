"""Kafka in: dispatches, by task type, cancels, and what becomes of histories."""

from collections.abc import Sequence

from services.chassis.consume import Delivery
from services.executor.handlers import Handlers
from services.executor.histories import Histories
from vahana.event.v1 import event_pb2


class Consumers:
    """Handles what the task topics bring."""

    def __init__(self, handlers: Handlers, histories: Histories) -> None:
        """Take the use cases."""
        self._handlers, self._histories = handlers, histories

    def dispatched(self, deliveries: Sequence[Delivery]) -> None:
        """Accept a batch durably. ValueError for a message that is no dispatch: it gets parked."""
        for delivery in deliveries:
            if not _names_an_attempt(delivery.envelope.tenant, delivery.envelope.task_dispatched):
                raise ValueError(f"not a dispatch of a task: {delivery.envelope.WhichOneof('payload')}")
        self._handlers.accept([delivery.envelope for delivery in deliveries])

    def canceled(self, deliveries: Sequence[Delivery]) -> None:
        """Record a batch of cancels durably. ValueError for a message that is none: it gets parked."""
        for delivery in deliveries:
            if not _names_an_attempt(delivery.envelope.tenant, delivery.envelope.task_canceled):
                raise ValueError(f"not the cancel of a task: {delivery.envelope.WhichOneof('payload')}")
        self._handlers.cancel([delivery.envelope for delivery in deliveries])

    def told_of_histories(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of what is settled, and send again what is wanted. ValueError for what is neither: it gets parked."""
        envelopes = [delivery.envelope for delivery in deliveries]
        for envelope in envelopes:
            if not (envelope.tenant and (envelope.history_settled.process_id or envelope.history_wanted.process_id)):
                raise ValueError(f"not about a history: {envelope.WhichOneof('payload')}")
        self._histories.take(envelopes)


def _names_an_attempt(tenant: str, message: event_pb2.TaskDispatched | event_pb2.TaskCanceled) -> bool:
    """Whether it does; a tenant, whose name stands in that of a queue, has no slash."""
    return bool(tenant and message.process_id and message.task_id and message.attempt) and "/" not in tenant
