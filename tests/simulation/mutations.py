"""The mechanisms that keep everything right, each to be switched off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa

from services.chassis.bus.topics import HOST
from services.chassis.incarnations import Incarnations
from services.chassis.outbox import Outbox
from services.executor import storage
from services.executor.domain import breaker
from services.executor.domain.claims import Key
from services.executor.hosts import Hosts
from services.executor.schema import claim as claim_table
from services.experiment.storage import history
from services.scheduler.handlers import Handlers
from tests.simulation.host import Host

Mutation = Callable[[], AbstractContextManager[object]]


def no_fence() -> AbstractContextManager[object]:
    """Every job script that is started runs the payload."""

    def pass_fence(_host: Host, job: Any, session: str) -> bool:
        job.owner = session
        return True

    return mock.patch.object(Host, "pass_fence", pass_fence)


def no_fence_of_rows() -> AbstractContextManager[object]:
    """Whoever held a claim writes to it, at whatever epoch and version it is by now."""

    def advance(tx: Any, changes: Sequence[tuple[Any, Any]]) -> Any:
        present = storage.lock(tx, [before.key for before, _ in changes])
        return real(tx, [(present[before.key], values) for before, values in changes])

    real = storage.advance
    return mock.patch.object(storage, "advance", advance)


def no_known_events() -> AbstractContextManager[object]:
    """What is recorded already is recorded again."""
    return mock.patch.object(history, "known", side_effect=lambda *_: set())


def no_known_claims() -> AbstractContextManager[object]:
    """A dispatch that comes again is accepted again, as if for the first time."""

    @contextmanager
    def mutated() -> Iterator[None]:
        def lock(_tx: Any, _keys: Sequence[Key]) -> dict[Key, Any]:
            return {}

        def insert(tx: Any, claims: Sequence[Any]) -> int:
            for each in claims:
                tx.execute(sa.delete(claim_table).where(*storage._is(each.key)))
            return real(tx, claims)

        real = storage.insert
        with mock.patch.object(storage, "lock", lock), mock.patch.object(storage, "insert", insert):
            yield

    return mutated()


def marked_before_sent() -> AbstractContextManager[object]:
    """Rows of the outbox are marked sent when they are read, and not when the bus has them."""

    def unsent(outbox: Outbox, tx: Any, limit: int, sent: Sequence[int] = ()) -> list[Any]:
        rows = real(outbox, tx, limit, sent)
        if rows:
            outbox.mark_sent(tx, [row.id for row in rows])
        return rows

    real = Outbox.unsent
    return mock.patch.object(Outbox, "unsent", unsent)


def never_marked() -> AbstractContextManager[object]:
    """What was sent is not marked."""
    return mock.patch.object(Outbox, "mark_sent", return_value=None)


def no_resends() -> AbstractContextManager[object]:
    """What the broker lost, or what is asked for again, stays where it is."""
    return mock.patch.object(Outbox, "_again", return_value=0)


def readers_go_on() -> AbstractContextManager[object]:
    """Of topics made anew readers believe that they have read as much as of the former ones."""
    return mock.patch.object(Incarnations, "stale", return_value=False)


def nobody_follows_holds() -> AbstractContextManager[object]:
    """Runs that nothing else touches are not told of holds, nor that one is lifted."""
    return mock.patch.object(Handlers, "follow_holds", return_value=1.0)


def nobody_is_kept_away() -> AbstractContextManager[object]:
    """Workers begin at hosts that do not answer as at any others."""
    return mock.patch.object(Hosts, "barred", return_value=frozenset())


def nobody_is_told_of_hosts() -> AbstractContextManager[object]:
    """Claims that are due at hosts that do not answer wait there and know nothing of it."""
    return mock.patch.object(Hosts, "_bar", return_value=None)


def probes_close_nothing() -> AbstractContextManager[object]:
    """A host that answers a probe stays barred."""
    return mock.patch.object(breaker, "closed", side_effect=lambda before, _now: before)


def nobody_is_let_go_on() -> AbstractContextManager[object]:
    """Who was told of a host that did not answer is not told that it does."""
    return mock.patch.object(Hosts, "_unbar", return_value=None)


def health_is_kept_to_oneself() -> AbstractContextManager[object]:
    """Schedulers hear nothing of hosts."""

    def add(outbox: Outbox, tx: Any, topic: Any, *message: Any, **more: Any) -> None:
        if topic is not HOST:
            real(outbox, tx, topic, *message, **more)

    real = Outbox.add
    return mock.patch.object(Outbox, "add", add)
