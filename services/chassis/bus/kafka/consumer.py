"""Consuming from Kafka."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import confluent_kafka as ck

from services.chassis import log
from services.chassis.bus.api import Received, TopicPartition
from services.chassis.bus.kafka.client import Notes
from services.chassis.bus.lanes import Lanes
from services.chassis.errors import Unavailable

_log = log.get("kafka")

_NOT_OURS_ANY_MORE = frozenset(
    (
        ck.KafkaError.UNKNOWN_MEMBER_ID,
        ck.KafkaError.ILLEGAL_GENERATION,
        ck.KafkaError.REBALANCE_IN_PROGRESS,
        ck.KafkaError.FENCED_MEMBER_EPOCH,
        ck.KafkaError.STALE_MEMBER_EPOCH,
        ck.KafkaError._ASSIGNMENT_LOST,
        # The broker lost its data: group and topic are others, or not there yet.
        ck.KafkaError.GROUP_ID_NOT_FOUND,
        ck.KafkaError.UNKNOWN_TOPIC_OR_PART,
        ck.KafkaError.UNKNOWN_TOPIC_ID,
    )
)


class KafkaConsumer:
    """A member of a group with manual, synchronous commits."""

    def __init__(
        self,
        config: dict[str, Any],
        prefix: str,
        topics: Sequence[str],
        patience: float,
        *,
        stale: Callable[[TopicPartition], bool],
        lanes: Lanes,
    ) -> None:
        """Join the group; what is assigned arrives during poll. `patience`: seconds a commit may take. `stale`: see
        bus.api.Bus. `lanes`: which topics have some.
        """
        self._patience, self._stale, self._lanes = patience, stale, lanes
        self._config, self._prefix = config | {"on_commit": self._committed}, prefix
        self._note: Notes = config["error_cb"]
        self._topics = [prefix + topic for topic in topics]
        self._owned: set[TopicPartition] = set()
        self._handled: dict[TopicPartition, int] = {}
        self._resting = False
        self._closed: frozenset[TopicPartition] = frozenset()
        self._paused: set[TopicPartition] = set()
        """Those of the owned partitions that bring nothing: all while resting, else those that are closed."""
        self._early: list[Received] = []
        self._answers: list[tuple[ck.KafkaError | None, list[ck.TopicPartition]]] = []
        self._client = self._join()

    def poll(self, timeout_s: float, limit: int, closed: Collection[TopicPartition] = ()) -> list[Received]:
        """See bus.api.Consumer."""
        self._resting, self._closed = False, frozenset(closed)
        self._pause_alone(self._owned & self._closed)
        if early := self._take_early(limit):
            return early
        first = self._client.poll(timeout_s)
        if first is None:
            return []
        # What has arrived with it comes along without waiting.
        rest = self._client.consume(limit - 1, 0) if limit > 1 else []
        return [received for message in (first, *rest) if (received := self._received(message)) is not None]

    def handled(self, received: Sequence[Received]) -> None:
        """See bus.api.Consumer."""
        for message in received:
            place = (message.topic, message.partition)
            if place in self._owned:
                self._handled[place] = max(self._handled.get(place, 0), message.offset + 1)

    def commit(self, received: Sequence[Received]) -> None:
        """See bus.api.Consumer. What is no longer this member's is left out: others will handle it again."""
        self.handled(received)
        offsets = self._offsets_of(self._owned)
        if not offsets:
            return
        for error in self._bounded_commit(offsets):
            self._commit_failed(error)
        self._handled.clear()

    def retain(self, received: Sequence[Received]) -> list[Received]:
        """See bus.api.Consumer."""
        self._resting = True
        self._pause_alone(self._owned.copy())
        self._serve(0)
        return [message for message in received if (message.topic, message.partition) in self._owned]

    def close(self) -> None:
        """See bus.api.Consumer."""
        self._client.close()

    def _join(self) -> ck.Consumer:
        client = ck.Consumer(self._config)
        client.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        return client

    def _assigned(self, client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        places = self._places(partitions)
        self._owned.update(places)
        paused = set(places) if self._resting else self._closed.intersection(places)
        for place, partition in zip(places, partitions, strict=True):
            if self._stale(place):
                partition.offset = ck.OFFSET_BEGINNING
        client.incremental_assign(partitions)
        # A pause outlives the loss of a partition, and would make it mute when it comes back.
        client.resume(self._named(set(places) - paused))
        client.pause(self._named(paused))
        self._paused |= paused

    def _revoked(self, client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        offsets = self._offsets_of(self._places(partitions))
        if offsets:
            try:
                client.commit(offsets=offsets, asynchronous=False)
            except ck.KafkaException as error:
                # Whoever takes them over handles a little of it again.
                _log.warning("offsets not committed before partitions were given up", reason=str(error))
        self._forget(partitions)

    def _lost(self, _client: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        _log.warning("partitions lost", partitions=len(partitions))
        self._forget(partitions)

    def _forget(self, partitions: list[ck.TopicPartition]) -> None:
        gone = set(self._places(partitions))
        self._owned -= gone
        self._paused -= gone
        self._handled = {place: offset for place, offset in self._handled.items() if place not in gone}
        self._early = [message for message in self._early if (message.topic, message.partition) not in gone]

    def _offsets_of(self, places: Iterable[TopicPartition]) -> list[ck.TopicPartition]:
        return [
            ck.TopicPartition(self._prefix + topic, partition, self._handled[topic, partition])
            for topic, partition in places
            if (topic, partition) in self._handled
        ]

    def _places(self, partitions: Sequence[ck.TopicPartition]) -> list[TopicPartition]:
        return [(partition.topic.removeprefix(self._prefix), partition.partition) for partition in partitions]

    def _named(self, places: Iterable[TopicPartition]) -> list[ck.TopicPartition]:
        return [ck.TopicPartition(self._prefix + topic, number) for topic, number in places]

    def _pause_alone(self, places: set[TopicPartition]) -> None:
        """Have these of the owned partitions bring nothing, and the others go on."""
        if places != self._paused:
            self._client.resume(self._named(self._paused - places))
            self._client.pause(self._named(places - self._paused))
            self._paused = places

    def _take_early(self, limit: int) -> list[Received]:
        """Take of what came before it was asked for; of closed partitions it is kept."""
        taken: list[Received] = []
        kept: list[Received] = []
        for message in self._early:
            closed = (message.topic, message.partition) in self._closed
            (kept if closed or len(taken) == limit else taken).append(message)
        self._early = kept
        return taken

    def _received(self, message: ck.Message) -> Received | None:
        error = message.error()
        if error is None:
            headers: Iterable[tuple[str, bytes | None]] = message.headers() or ()  # type: ignore[assignment]
            topic, partition = (message.topic() or "").removeprefix(self._prefix), message.partition() or 0
            return Received(
                topic,
                bytes(message.key() or b"").decode(errors="replace"),
                bytes(message.value() or b""),
                tuple((name, value or b"") for name, value in headers),
                partition,
                message.offset() or 0,
                lane=self._lanes.lane(topic, partition),
            )
        self._note(error)
        if error.fatal():
            self._start_over()
        return None

    def _start_over(self) -> None:
        """A client in a fatal state stays in it: join anew, from the committed offsets."""
        self._client.close()
        self._owned.clear()
        self._paused.clear()
        self._early.clear()
        self._handled.clear()
        self._client = self._join()

    def _serve(self, seconds: float) -> None:
        """Serve the client's callbacks; a message that comes along is kept for poll."""
        message = self._client.poll(seconds)
        early = self._received(message) if message is not None else None
        if early is not None:
            self._early.append(early)

    def _committed(self, error: ck.KafkaError | None, partitions: list[ck.TopicPartition]) -> None:
        self._answers.append((error, partitions))

    def _bounded_commit(self, offsets: list[ck.TopicPartition]) -> list[ck.KafkaError]:
        """Commit and wait for the answer, though not as long as the client would: up to 45 s without a broker."""
        self._answers.clear()
        try:
            self._client.commit(offsets=offsets, asynchronous=True)
        except ck.KafkaException as exception:
            return [exception.args[0]]
        wanted, deadline = _offsets(offsets), time.monotonic() + self._patience
        while time.monotonic() < deadline:
            self._serve(0.001)
            for error, partitions in self._answers:
                if _offsets(partitions) == wanted:
                    return [error] if error is not None else [p.error for p in partitions if p.error is not None]
        raise Unavailable(f"Kafka did not take the offsets within {self._patience:.0f} s")

    def _commit_failed(self, error: ck.KafkaError) -> None:
        if error.code() == ck.KafkaError._FATAL:
            self._start_over()
        elif error.code() in _NOT_OURS_ANY_MORE:
            _log.warning("offsets not committed: the partitions are not this member's any more", reason=error.str())
        else:
            raise Unavailable(f"Kafka did not take the offsets: {error}")


def _offsets(partitions: Sequence[ck.TopicPartition]) -> set[tuple[str, int, int]]:
    return {(each.topic, each.partition, each.offset) for each in partitions}


def consumer_profile(group_protocol: str) -> dict[str, Any]:
    """Return the settings of a member, which differ between the two group protocols."""
    profile: dict[str, Any] = {
        "group.protocol": group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 200,
        "fetch.error.backoff.ms": 50,
    }
    if group_protocol == "classic":  # KIP-848 has these on the broker and refuses them here
        return profile | {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000}
    # By default one of two members may be given all of a busy topic, and the other one all of those that are idle.
    return profile | {"group.remote.assignor": "range"}
