"""Use cases: a history that is proven whole is settled, once; what is missing of others is asked for again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from services.chassis import log
from services.chassis.bus.topics import HISTORY
from services.chassis.db import Database, Tx, after_commit
from services.chassis.ids import new_id
from services.chassis.leases import Leases
from services.chassis.outbox import Outbox, OutboxRow
from services.experiment.domain.completeness import ASKED_FOR_US, FIRST_WAIT_US, Told, gaps, holes, next_wait_us
from services.experiment.domain.records import Process
from services.experiment.domain.transitions import terminal
from services.experiment.storage import history, processes
from services.experiment.wire import changes, messages
from vahana.event.v1 import event_pb2

READ_AT_ONCE = 2_000
"""Most events that are read where a batch is recorded; longer histories are looked at outside of its transaction."""
AT_ONCE = 100
"""Most histories looked at before what was found of them is written."""
IDLE = 5.0
"""Seconds after which to look again in any case: another replica may have recorded something."""
_LEASE, _LEASE_SECONDS = "histories", 5.0

_log = log.get("settling")


class Settling:
    """Settles histories. `on_put_off` is called after the commit of what is to be looked at outside of it."""

    def __init__(self, db: Database, outbox: Outbox) -> None:
        """`outbox` is what tells the scheduler and the executors."""
        self._db, self._outbox = db, outbox
        self._leases = None if db.alone else Leases(outbox.metadata)
        self._holder = new_id("histories")
        self.on_put_off: Callable[[], None] = lambda: None

    def recorded(self, tx: Tx, rows: Sequence[Process], now: int) -> list[Process]:
        """Settle those of these processes, recorded just now under their locks, that can be; return how all are."""
        ended = [row for row in rows if terminal(row.state) and row.settled_us is None]
        if not ended:
            return list(rows)
        small = list(_up_to(ended, READ_AT_ONCE))
        whole = _whole(tx, small)
        self._settle(tx, [row for row in small if row.process_id in whole], now)
        if len(small) < len(ended):
            after_commit(tx, self.on_put_off)
        looked_at = {row.process_id for row in small}
        after = {row.process_id: replace(row, check_us=now) for row in ended if row.process_id not in looked_at}
        for row in small:
            in_time = replace(row, check_us=row.check_us or now + next_wait_us(0))
            after[row.process_id] = _settled(row, now) if row.process_id in whole else in_time
        return [after.get(row.process_id, row) for row in rows]

    def look(self) -> float:
        """Look at the histories whose time has come; returns in how many seconds to look again."""
        with self._db.read() as tx:
            first = processes.first_check(tx)
            wait = IDLE if first is None else min(IDLE, (first - self._db.now_us(tx)) / 1_000_000)
        if wait > 0:
            return wait
        if not self._leads():
            return IDLE
        with self._db.read() as tx:
            due = processes.to_check(tx, self._db.now_us(tx), AT_ONCE)
            # One by one: together they may be more than fits into memory.
            whole = {row.process_id for row in due if _whole(tx, [row])}
        with self._db.write() as tx:
            self._write(tx, due, whole)
        return 0.0

    def _leads(self) -> bool:
        if self._leases is None:
            return True
        with self._db.write() as tx:
            return self._leases.acquire(tx, _LEASE, self._holder, _LEASE_SECONDS) is not None

    def _write(self, tx: Tx, due: Sequence[Process], whole: Collection[str]) -> None:
        """Write what was found of those that are as they were when they were looked at."""
        now = self._db.now_us(tx)
        seen = {(row.process_id, row.check_us, row.last_position) for row in due}
        locked = processes.locked(tx, {row.process_id for row in due})
        rows = [row for row in locked if (row.process_id, row.check_us, row.last_position) in seen]
        settled = [row for row in rows if row.process_id in whole]
        self._settle(tx, settled, now)
        put_off = [_put_off(row, now) for row in rows if row.process_id not in whole]
        before = {row.process_id: row.times_asked for row in rows}
        self._ask(tx, [row for row in put_off if row.times_asked > before[row.process_id]], now)
        processes.update(tx, [*(_settled(row, now) for row in settled), *put_off])

    def _settle(self, tx: Tx, rows: Sequence[Process], now: int) -> None:
        if rows:
            # Whoever told the end of a process needs nothing more that was sent about it.
            self._outbox.forget(tx, [row.process_id for row in rows], unsent=True)
            self._tell(tx, [messages.history_settled(row, now) for row in rows])

    def _ask(self, tx: Tx, rows: Sequence[Process], now: int) -> None:
        if rows:
            # Also what was asked before: to ask once is enough.
            self._outbox.forget(tx, [row.process_id for row in rows], unsent=True)
            self._tell(tx, [messages.history_wanted(row, now) for row in rows])

    def _tell(self, tx: Tx, envelopes: Iterable[event_pb2.Envelope]) -> None:
        rows = [
            OutboxRow(HISTORY, each.aggregate_id, each.SerializeToString(), each.aggregate_id) for each in envelopes
        ]
        self._outbox.add_many(tx, rows)


def _whole(tx: Tx, rows: Collection[Process]) -> set[str]:
    """The ids of those of the processes whose histories are whole."""
    if not rows:
        return set()
    tasks = processes.task_ids(tx, {row.process_id for row in rows})
    events: defaultdict[str, list[Told]] = defaultdict(list)
    for process_id, content in history.contents(tx, tasks.keys()):
        events[process_id].append(changes.told(content))
    return {process_id for process_id, planned in tasks.items() if not gaps(events[process_id], planned)}


def missing(tx: Tx, row: Process) -> list[str]:
    """What is missing of the history of a process, in words; where it has not ended, of what came so far."""
    if row.settled_us is not None:
        return []
    told = (changes.told(content) for _, content in history.contents(tx, [row.process_id]))
    if not terminal(row.state):
        return holes(told)
    return gaps(told, processes.task_ids(tx, [row.process_id])[row.process_id])


def _up_to(rows: Iterable[Process], events: int) -> Iterator[Process]:
    """The processes from the first on whose histories together have no more than so many events."""
    for row in rows:
        events -= row.last_position
        if events >= 0:
            yield row


def _settled(row: Process, now: int) -> Process:
    return replace(row, settled_us=now, check_us=None)


def _put_off(row: Process, now: int) -> Process:
    """A process whose history is not whole yet: asked for, unless it is too early or too late for that."""
    if now < row.update_time + FIRST_WAIT_US:
        return replace(row, check_us=row.update_time + FIRST_WAIT_US)
    if now > row.update_time + ASKED_FOR_US:
        _log.warning("a history that is not whole is given up", process_id=row.process_id, tenant=row.tenant)
        return replace(row, check_us=None)
    return replace(row, check_us=now + next_wait_us(row.times_asked + 1), times_asked=row.times_asked + 1)
