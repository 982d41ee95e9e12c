"""Publishing to Kafka."""

from collections.abc import Sequence
from typing import Any

import confluent_kafka as ck

from services.chassis.bus.api import Message
from services.chassis.bus.lanes import Lanes
from services.chassis.errors import Unavailable

_BY_KEY = -1
"""In place of a partition: the client's partitioner chooses."""


class KafkaProducer:
    """A producer with acks=all, idempotent.

    After a failure the client is thrown away: what it still held is gone with it, so nothing can be sent late, after
    the same messages were published again.
    """

    def __init__(self, common: dict[str, Any], prefix: str, patience: float, lanes: Lanes) -> None:
        """Begin to connect, since that takes half a second. `patience`: seconds acknowledgements are waited for.
        `lanes`: which topics have some; all others are partitioned as Java's clients do.
        """
        self._config = common | {
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,  # flush() does not wait for it
            "delivery.timeout.ms": int(patience * 1000),
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
        self._prefix, self._patience, self._lanes = prefix, patience, lanes
        self._client: ck.Producer | None = ck.Producer(self._config)

    def publish(self, messages: Sequence[Message]) -> None:
        """See bus.api.Producer."""
        if self._client is None:
            self._client = ck.Producer(self._config)
        failures: list[ck.KafkaError] = []

        def acknowledged(error: ck.KafkaError | None, _message: ck.Message) -> None:
            if error is not None:
                failures.append(error)

        try:
            for message in messages:
                partition = self._lanes.partition(message.topic, message.key, message.lane)
                self._client.produce(
                    self._prefix + message.topic,
                    message.value,
                    message.key,
                    _BY_KEY if partition is None else partition,
                    headers=list(message.headers),
                    on_delivery=acknowledged,
                )
            left = self._client.flush(self._patience + 1.0)
        except (BufferError, ck.KafkaException) as error:
            self.close()
            raise Unavailable(f"Kafka takes no messages: {error}") from error
        if left or failures:
            self.close()
            raise Unavailable(
                f"Kafka did not acknowledge {left + len(failures)} messages"
                + "".join(f": {error}" for error in failures[:1])
            )

    def close(self) -> None:
        """See bus.api.Producer."""
        if self._client is not None:
            self._client.purge()
            self._client.flush(0)
            self._client = None
