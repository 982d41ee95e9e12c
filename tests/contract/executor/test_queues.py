"""Queues in a real database of either kind: fair turns, bounded looks, lanes, barred hosts."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.executor import storage, wire, workers
from services.executor.domain.claims import ClaimState
from services.executor.domain.outcomes import Done, Postponed
from services.executor.domain.queues import Lane, Queue
from services.executor.domain.seats import Sizes
from services.executor.domain.troubles import Condition, Waiting
from services.executor.schema import claim as table
from tests.contract.executor.support import Executor, dispatch
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

MANY = 10_000
NOW = 1_000_000


def store(db: Database, tenant: str, hosts: int, count: int) -> None:
    """Have so many claims of a tenant wait, for hosts in turn."""
    first = wire.new_claim(tenant, dispatch(), NOW)
    queue = Queue(first.type, Lane.FAST, tenant, "").name
    changed = {
        "process_id": f"'{tenant}-' || i",
        "host": f"'h' || (i % {hosts})",
        "queue": f"'{queue}h' || (i % {hosts})",
        "next_try_us": f"{NOW} + i",
    }
    names = [column.name for column in table.columns]
    values = ", ".join(changed.get(name, name) for name in names)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})"
    with db.write() as tx:
        storage.insert(tx, [replace(first, task_id="pattern")])
        copies = f"{numbers} SELECT {values} FROM n, claim WHERE task_id = 'pattern'"
        tx.exec_driver_sql(
            f"INSERT INTO claim ({', '.join(names)}) {copies}".replace(
                "%", "%%" if tx.dialect.name == "postgresql" else "%"
            )
        )
        tx.execute(sa.delete(table).where(table.c.process_id == first.process_id))


def test_ten_of_one_tenant_do_not_wait_for_ten_thousand_of_another(db: Database) -> None:
    store(db, "many", 4, MANY)
    executor = Executor(db, "executor-one", sizes=Sizes(8, 8, 64))
    worked: list[str] = []
    executor.task = lambda context: worked.append(context.tenant) or Done()
    executor.round()
    few = [dispatch(f"task-{number}", process_id=f"few-{number}", host=f"few-h{number % 4}") for number in range(10)]
    executor.handlers.accept([event_pb2.Envelope(tenant="few", task_dispatched=each) for each in few])
    while worked.count("few") < 10:
        executor.round()
    assert len(worked) <= 6 * 8


def plan_of(db: Database, query: sa.Executable, **values: object) -> str:
    sql = str(query.compile(db._engine, compile_kwargs={"render_postcompile": True, "literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN " if db.dialect == "sqlite" else "EXPLAIN "
    with db.read() as tx:
        return "\n".join(str(tuple(row)) for row in tx.exec_driver_sql(explain + sql))


def test_looks_into_a_hundred_thousand_waiting_read_a_few_index_entries(db: Database) -> None:
    store(db, "many", 8, 100_000)
    if db.dialect == "postgresql":
        with db._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE claim")
    looks = storage._LINES.params(now=2**60, counted=256)
    plan = plan_of(db, looks)
    looked = [line for line in plan.splitlines() if "claim" in line and " on line" not in line]
    assert len(looked) >= 3
    assert all("COVERING INDEX ix_claim_waiting" in line or "Index Only Scan" in line for line in looked), plan
    with db.read() as tx:
        lines = storage.lines(tx, 2**60, 256)
    assert [(line.queue.host, line.first_us, line.due) for line in lines] == [
        (f"h{number}", NOW + number, 256) for number in range(8)
    ]
    with db.write() as tx:
        found = storage.waiting(tx, lines[3].queue, 2**60, 5)
    assert [claim.process_id for claim in found] == [f"many-{number}" for number in range(3, 43, 8)]


def test_what_takes_long_is_counted_to_the_slow_lane_and_stays_there(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor, gate = Executor(db, "executor-one", sizes=Sizes(4, 4, 64)), threading.Event()
    executor.task = lambda context: gate.wait(10) and Postponed(0, "again")
    executor.accept(dispatch("long"), dispatch("next"))
    assert executor.round() == 1
    assert executor.round() == 0
    monkeypatch.setattr(workers, "FAST_SECONDS", 0.0)
    assert executor.round() == 1
    monkeypatch.undo()
    assert [executor.claim(task).lane for task in ("long", "next")] == [Lane.SLOW, Lane.FAST]
    with db.write() as tx:
        tx.execute(sa.text("UPDATE claim SET lease_until_us = 0 WHERE task_id = 'long'"))
    successor = Executor(db, "executor-two")
    (taken,) = successor.take()
    assert (taken.task_id, taken.lane) == ("long", Lane.SLOW)
    assert successor.settle(taken, Waiting(Condition.DISK_FULL, "full"))
    with db.read() as tx:
        (line,) = storage.lines(tx, 2**60, 9)
    assert line.queue == Queue(taken.type, Lane.SLOW, "default", "h:22")
    gate.set()


def test_a_slow_dispatch_waits_in_the_slow_lane(executor: Executor) -> None:
    executor.accept(dispatch("slow", lane=task_pb2.LANE_SLOW), dispatch("fast", lane=task_pb2.LANE_FAST))
    with executor.db.read() as tx:
        assert {line.queue.lane for line in storage.lines(tx, 2**60, 9)} == {Lane.FAST, Lane.SLOW}
    executor.work()
    assert executor.claim("slow").state == ClaimState.ENDED


def test_nobody_begins_at_a_barred_host_until_it_is_open_again(executor: Executor) -> None:
    barred = {"hung:22"}
    executor.dispatcher.barred = lambda: barred
    executor.dispatcher._seating.open = True
    executor.accept(dispatch("stuck", host="hung"), dispatch("fine"))
    executor.work()
    assert executor.claim("stuck").state == ClaimState.ACCEPTED
    assert executor.claim("fine").state == ClaimState.ENDED
    barred.clear()
    executor.work()
    assert executor.claim("stuck").state == ClaimState.ENDED


@pytest.mark.parametrize(
    ("condition", "reached"), [("HOST_UNREACHABLE", False), ("LOGIN_REFUSED", True), ("DISK_FULL", True)]
)
def test_each_turn_at_a_host_is_told(executor: Executor, condition: str, *, reached: bool) -> None:
    told: list[tuple[str, bool]] = []

    def task(_context: object) -> Done:
        raise Waiting(Condition(condition), "no")

    executor.task = task
    executor.dispatcher.workers.on_worked = lambda claim, seconds, found: told.append((claim.host, found))
    executor.accept(dispatch())
    executor.round()
    while not told:
        executor.cut.wait(0.005)
    assert told == [("h:22", reached)]


def test_types_nobody_works_on_are_left_alone(executor: Executor) -> None:
    executor.accept(dispatch("foreign", type=state_pb2.TaskType.ValueType(99)), dispatch("fine"))
    executor.work()
    assert executor.claim("foreign").state == ClaimState.ACCEPTED
    assert executor.claim("fine").state == ClaimState.ENDED
