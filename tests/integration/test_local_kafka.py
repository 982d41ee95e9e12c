"""The broker of the local mesh: what it holds outlives it, wherever it listens next."""

import pytest

from services.chassis.bus.api import Message
from services.chassis.bus.kafka import KafkaBus
from services.chassis.bus.topics import Topic
from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.kafka_cache import KafkaError

TOPIC = Topic("kept", 1, 0)


def test_messages_outlive_a_stop_and_a_change_of_ports(tmp_path, kafka_ports):
    first = LocalKafka(tmp_path, *kafka_ports(2))
    assert not first.answers()
    first.prepare()
    first.start()
    try:
        bus = KafkaBus(first.bootstrap, patience_seconds=20)
        bus.ensure_topics([TOPIC])
        producer = bus.producer()
        producer.publish([Message(TOPIC.name, "p", b"kept")])
        producer.close()
        bus.close()
    finally:
        first.stop()
    assert not first.answers()
    second = LocalKafka(tmp_path, *kafka_ports(2))
    second.prepare()
    second.start()
    try:
        consumer = KafkaBus(second.bootstrap).consumer("g", [TOPIC])
        received = consumer.poll(20, 10)
        consumer.close()
    finally:
        second.stop()
    assert [message.value for message in received] == [b"kept"]


def test_a_port_in_use_is_told(tmp_path, kafka, kafka_ports):
    taken = int(kafka.bootstrap.rpartition(":")[2])
    broker = LocalKafka(tmp_path, taken, *kafka_ports(1))
    broker.prepare()
    with pytest.raises(KafkaError, match=f"port {taken}.*in use"):
        broker.start()


def test_a_broker_that_cannot_start_says_why(tmp_path, kafka_ports):
    broker = LocalKafka(tmp_path, *kafka_ports(2))
    broker.prepare()
    (tmp_path / "kafka/data/meta.properties").write_text("spoilt")
    with pytest.raises(KafkaError, match="node ID not found"):
        broker.start()
