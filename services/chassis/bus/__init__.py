"""The message bus: a port, and its Kafka and in-memory implementations."""
