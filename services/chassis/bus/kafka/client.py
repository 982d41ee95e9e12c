"""What producers, consumers and administration have in common."""

import time
from typing import Any

import confluent_kafka as ck

from services.chassis import log

NOTE_EVERY_SECONDS = 10.0

_log = log.get("kafka")


class Notes:
    """Logs what a client mends by itself, each kind at most every ten seconds."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def __call__(self, error: ck.KafkaError) -> None:
        now = time.monotonic()
        if now >= self._next.get(error.name(), 0.0):
            self._next[error.name()] = now + NOTE_EVERY_SECONDS
            _log.warning("kafka client", code=error.name(), reason=error.str(), fatal=error.fatal())


def common_config(bootstrap: str) -> dict[str, Any]:
    """Return the settings of every client; its errors go to the log by Notes, its own log is kept down."""
    return {
        "bootstrap.servers": bootstrap,
        "error_cb": Notes(),
        "log_level": 2,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
    }
