"""What became of messages, counted since the process began: an operator sees what is ignored, and why."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from services.chassis import log

HANDLED, REPLAYED, PARKED = "handled", "replayed", "parked"
"""Took effect; had taken effect before; was set aside with a reason."""
FOREIGN_TENANT = "ignored: foreign tenant"
"""About something that is another tenant's."""
UNKNOWN = "ignored: unknown"
"""About something that is not known here."""
STALE = "ignored: stale"
"""Overtaken by what is known already, or not possible after it."""
NOT_FOR_US = "ignored: not for us"
"""Sound, and of no use to this consumer."""
TELL_SECONDS = 60.0

Aside = Mapping[tuple[str, str], int]
"""How many messages had no effect, by topic and outcome."""


class Count(NamedTuple):
    """What is counted: messages that came to `consumer` by `topic` and ended as `outcome`."""

    consumer: str
    topic: str
    outcome: str


class Outcomes:
    """The counts of one process. Safe to share between threads."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = threading.Lock()
        self._counts: Counter[Count] = Counter()
        self._told: dict[Count, int] = {}
        self._log = log.get("outcomes")

    def count(self, consumer: str, topic: str, outcome: str, n: int = 1) -> None:
        """Count `n` more messages; none leaves all as it is."""
        if n > 0:
            with self._lock:
                self._counts[Count(consumer, topic, outcome)] += n

    def count_batch(self, consumer: str, taken: Mapping[str, int], aside: Aside | None) -> None:
        """Count a batch: `taken` is how many came by which topic, all of them handled but for those set `aside`."""
        rest = Counter(taken)
        for (topic, outcome), n in (aside or {}).items():
            self.count(consumer, topic, outcome, n)
            rest[topic] -= n
        for topic, n in rest.items():
            self.count(consumer, topic, HANDLED, n)

    def snapshot(self) -> dict[Count, int]:
        """Return all counts as they are now."""
        with self._lock:
            return dict(self._counts)

    def run(self, stop: threading.Event) -> None:
        """Write the counts to the log once a minute where they changed, and at the end. Implements run.Background."""
        while not stop.wait(TELL_SECONDS):
            self.tell()
        self.tell()

    def tell(self) -> None:
        """Write the counts to the log, unless they are as they were told last."""
        counts = self.snapshot()
        if counts != self._told:
            self._told = counts
            self._log.info("messages", counts=[{**each._asdict(), "count": n} for each, n in sorted(counts.items())])
