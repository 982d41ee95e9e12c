"""Copies of other services' entities: first read from their owners, then kept up by events, read again on demand."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.chassis import clock, log
from services.chassis.bounds import check_label, check_name, check_number
from services.chassis.bus.topics import SYNC
from services.chassis.changes import OWNERS
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import Unavailable
from services.chassis.outcomes import NOT_FOR_US, STALE, Aside
from vahana.event.v1.sync_pb2 import EntityChanged

LONGEST_GAP_US = 86_400 * 1_000_000
"""A copy read whole longer ago is read again at the next start: messages are kept for three days, and whether this
service was stopped for longer than that, nobody knows."""

LONGEST_NAME = 300
LATEST_VERSION = 253_402_300_799_999_999
"""The end of the year 9999 in microseconds. Beyond it no owner's clock goes, and a copy of such a version would never
change again.
"""


@dataclass(frozen=True, slots=True)
class Export:
    """An owner's entities, deleted ones too, all of them as they were at its version `as_of` or later."""

    as_of: int
    entities: Sequence[EntityChanged]


class Peer(Protocol):
    """An owner of entities, as it is asked over gRPC. All raise errors.Unavailable where it does not answer."""

    def export(self, kinds: Collection[int]) -> Export:
        """Return all its entities of these kinds."""

    def find(self, kind: int, tenant: str, name: str, parent: str) -> list[EntityChanged]:
        """Return the entity of that name or, where it is "", those of that parent; soon or not at all."""


@dataclass(frozen=True, slots=True)
class CopyState:
    """How far an owner's entities are copied; see vahana.experiment.v1.CopyState."""

    owner: str
    count: int
    version: int
    snapshot_us: int | None


class Copies:
    """The copies a service keeps: of which kinds, and from whom."""

    def __init__(self, db: Database, entities: Entities, kinds: Collection[int], peers: Mapping[str, Peer]) -> None:
        """`peers`: the owners of these kinds, by name."""
        self._db, self._entities, self._kinds, self._peers = db, entities, frozenset(kinds), dict(peers)
        self._log = log.get("copies")

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose entities are copied."""
        return tuple(sorted(self._peers))

    def handle(self, deliveries: Sequence[Delivery]) -> Aside:
        """Take a batch of the topic SYNC, in whatever order and however often it comes. Implements consume.Handle."""
        told = [_change(delivery) for delivery in deliveries]
        versions: dict[str, int] = {}
        for change in told:
            # A kind that is not known here is of a newer owner, and of no use here.
            owner = OWNERS.get(change.kind, "")
            versions[owner] = max(change.version, versions.get(owner, 0))
        with self._db.write() as tx:
            known: dict[str, int] = {}
            for owner in sorted(versions.keys() & self._peers.keys()):
                self._entities.saw(tx, owner, versions[owner])
                known[owner] = self._entities.state(tx, owner).snapshot_version
            # What came before the snapshot is in it, or was undone where the owner was set back to a backup.
            ours = [each for each in told if each.kind in self._kinds]
            news = [each for each in ours if each.version > known[OWNERS[each.kind]]]
            kept = self._entities.apply(tx, news)
        outcomes = Counter({NOT_FOR_US: len(told) - len(ours), STALE: len(ours) - kept})
        return {(SYNC.name, outcome): n for outcome, n in outcomes.items()}

    def fill(self, stop: threading.Event) -> None:
        """Read from its owners what was never read whole, or long ago, however long they are away.

        Implements run.Background.
        """
        left, told, failures = list(self.owners), set[str](), 0
        while left and not stop.is_set():
            left = [owner for owner in left if not self._filled(owner, told)]
            if left:
                failures += 1
                stop.wait(random.uniform(0.1, min(5.0, 0.2 * 2 ** min(failures, 8))))  # noqa: S311 - jitter

    def _filled(self, owner: str, told: set[str]) -> bool:
        try:
            read = self.state(owner).snapshot_us
            if read is None or read < clock.now_us() - LONGEST_GAP_US:
                self.rebuild(owner)
        except Unavailable as error:
            if owner not in told:
                self._log.warning("copies wait for their owner", owner=owner, reason=error.message)
            told.add(owner)
            return False
        return True

    def rebuild(self, owner: str) -> CopyState:
        """Read all of an owner's entities again, and put them in place of the copies.

        KeyError where none of that owner are kept; errors.Unavailable where it does not answer, with nothing changed.
        """
        peer = self._peers[owner]
        export = peer.export([kind for kind in self._kinds if OWNERS[kind] == owner])
        with self._db.write() as tx:
            self._entities.replace(tx, owner, export.as_of, export.entities)
        state = self.state(owner)
        self._log.info("copies read whole", owner=owner, entities=state.count, version=export.as_of)
        return state

    def state(self, owner: str) -> CopyState:
        """Return how far an owner's entities are copied."""
        with self._db.read() as tx:
            found, count = self._entities.state(tx, owner), self._entities.count(tx, owner)
        return CopyState(owner, count, found.version, found.snapshot_us)


def _change(delivery: Delivery) -> EntityChanged:
    envelope = delivery.envelope
    change = envelope.entity_changed
    if envelope.WhichOneof("payload") != "entity_changed":
        raise ValueError(f"a message of {envelope.source!r} with {envelope.WhichOneof('payload')} does not belong here")
    if OWNERS.get(change.kind, envelope.source) != envelope.source or change.tenant != envelope.tenant:
        raise ValueError(f"{envelope.source!r} has no say in an entity of kind {change.kind} of {change.tenant[:63]!r}")
    check_name("name", change.name, LONGEST_NAME)
    check_label("parent", change.parent, LONGEST_NAME)
    check_number("version", change.version, 1, LATEST_VERSION)
    return change
