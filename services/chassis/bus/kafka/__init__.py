"""The bus on Apache Kafka, by confluent-kafka's synchronous clients. The only package that imports them."""

from services.chassis.bus.kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
