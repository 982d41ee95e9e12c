"""The Kafka cluster: topics, and where producers and consumers come from."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from services.chassis.bus.api import TopicPartition
from services.chassis.bus.kafka.client import common_config
from services.chassis.bus.kafka.consumer import KafkaConsumer, consumer_profile
from services.chassis.bus.kafka.producer import KafkaProducer
from services.chassis.bus.lanes import Lanes
from services.chassis.bus.topics import Topic
from services.chassis.errors import Unavailable

RETENTION_MS = 3 * 24 * 3600 * 1000


class KafkaBus:
    """A Kafka cluster, or the part of one whose topics and groups start with a prefix."""

    def __init__(
        self, bootstrap: str, group_protocol: str = "consumer", topic_prefix: str = "", patience_seconds: float = 5.0
    ) -> None:
        """`bootstrap`: host:port, comma-separated. `group_protocol`: "consumer" (KIP-848) or "classic".

        `patience_seconds`: how long the brokers may take to answer before they count as unavailable.
        """
        self._common = common_config(bootstrap)
        self._group_protocol = group_protocol
        self._prefix = topic_prefix
        self._patience = patience_seconds
        self._lanes = Lanes()
        self._admin: AdminClient | None = None

    def producer(self) -> "KafkaProducer":
        """See bus.api.Bus."""
        return KafkaProducer(self._common, self._prefix, self._patience, self._lanes)

    def consumer(
        self, group: str, topics: Sequence[Topic], stale: Callable[[TopicPartition], bool] = lambda _place: False
    ) -> "KafkaConsumer":
        """See bus.api.Bus."""
        config = self._common | consumer_profile(self._group_protocol) | {"group.id": self._prefix + group}
        names = [topic.name for topic in topics]
        self._lanes.learn(topics)
        return KafkaConsumer(config, self._prefix, names, self._patience, stale=stale, lanes=self._lanes)

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See bus.api.Bus."""
        self._lanes.learn(topics)
        admin = self._administration()
        try:
            present = admin.list_topics(timeout=self._patience).topics
            missing = [topic for topic in topics if self._prefix + topic.name not in present]
            if missing:
                self._create(admin, missing)
        except ck.KafkaException as error:
            self._admin = None
            raise Unavailable(f"Kafka does not answer: {error.args[0]}") from error

    def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """See bus.api.Bus."""
        wanted = ck.TopicCollection([self._prefix + name for name in topics])
        found: dict[str, str] = {}
        try:
            futures = self._administration().describe_topics(wanted, request_timeout=self._patience)
            for name, future in futures.items():
                with contextlib.suppress(_UnknownTopic):
                    found[name.removeprefix(self._prefix)] = _described(future)
        except ck.KafkaException as error:
            self._admin = None
            raise Unavailable(f"Kafka does not answer: {error.args[0]}") from error
        return found

    def close(self) -> None:
        """See bus.api.Bus."""
        self._admin = None

    def _administration(self) -> AdminClient:
        # Anew after a failure: one that had lost its broker was seen to find it no more, for minutes, while others did.
        admin = self._admin
        if admin is None:
            admin = self._admin = AdminClient(self._common)
        return admin

    def _create(self, admin: AdminClient, topics: Sequence[Topic]) -> None:
        config = {"retention.ms": str(RETENTION_MS)}
        new = [NewTopic(self._prefix + t.name, t.partitions, replication_factor=-1, config=config) for t in topics]
        for future in admin.create_topics(new, operation_timeout=self._patience).values():
            try:
                future.result()
            except ck.KafkaException as error:
                if error.args[0].code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:
                    raise


class _UnknownTopic(Exception):  # noqa: N818 - it may not be there yet
    """There is no such topic."""


def _described(future: Future[Any]) -> str:
    try:
        return str(future.result().topic_id)
    except ck.KafkaException as error:
        if error.args[0].code() == ck.KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise _UnknownTopic from None
        raise
