"""The scheduler's consumer, by what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from services.chassis.bus.topics import HISTORY, HOST, PROCESS, STATUS, Topic
from services.chassis.outcomes import HANDLED, STALE, UNKNOWN
from services.scheduler.consumers import TOPICS
from tests.contract.hostile.messages import Hostile, changed, faulty
from tests.contract.hostile.reader import BAD_NAMES, BAD_TIMES, Reader, change, change_fields, envelope
from tests.contract.scheduler.conftest import World, planned
from vahana.event.v1 import event_pb2, state_pb2


def launches(url: str) -> Reader:
    """The scheduler, told of processes."""
    world = _world(url)

    def sound(number: int) -> event_pb2.Envelope:
        return _published(world, lambda: world.launch(f"proc-{number}", [planned("env-setup", "ENV_SETUP")]))

    def wrong() -> Iterator[Hostile]:
        message = sound(9)
        yield from faulty(message, {"process_id": BAD_NAMES, "experiment_id": "n\0l"})
        wrong_plan = changed(message, "process_launched.plan_sha256", "0" * 64)
        yield Hostile("another plan's digest", wrong_plan, "not the one that was launched")
        yield Hostile("another plan's size", changed(message, "process_launched.task_count", 2**32 - 1), "came with")

    return _scheduler(PROCESS, world, sound, lambda n: f"proc-{n}" in _runs(world), wrong)


def intents(url: str) -> Reader:
    """The scheduler, told of what people want."""
    world = _world(url)
    world.launch("proc-1", [planned("env-setup", "ENV_SETUP")])
    world.settle()

    def sound(number: int) -> event_pb2.Envelope:
        body = event_pb2.ProcessIntended(process_id="proc-1", intent=1 + number % 2, seq=number, caller="ada")  # type: ignore[arg-type]
        return envelope("proc-1", number, "experiment", process_intended=body)

    fields = {"process_id": BAD_NAMES, "seq": (0, 2**63, 2**64 - 1), "intent": (0, 99, -1)}
    return _scheduler(
        PROCESS, world, sound, lambda n: _runs(world)["proc-1"].intent_seq >= n, lambda: faulty(sound(9), fields)
    )


def reports(url: str) -> Reader:
    """The scheduler, told how attempts go."""
    world = _world(url)
    world.launch("proc-1", [planned("env-setup", "ENV_SETUP")])
    world.settle()

    def sound(number: int) -> event_pb2.Envelope:
        return change(number, "env-setup")

    fields = {**change_fields(), "task_id": BAD_NAMES, "attempt": (0, 2**31), "task_state": (0, 99, -1)}
    fields |= {"condition_code": (2**15, -1), "job.state": 99, "job.submitted_at.seconds": BAD_TIMES}

    def took(number: int) -> bool:
        (task,) = world.handlers.get_run("default", "proc-1")[1]
        return task.heard >= number

    return _scheduler(STATUS, world, sound, took, lambda: faulty(sound(9), fields))


def hosts(url: str) -> Reader:
    """The scheduler, told how hosts answer: they are no tenant's."""
    world = _world(url)

    def sound(number: int) -> event_pb2.Envelope:
        body = event_pb2.HostHealthChanged(host="h:22", health=state_pb2.HOST_HEALTH_SLOW, seq=number)
        return envelope("h:22", number, "executor", host_health_changed=body)

    def took(number: int) -> bool:
        told = world.db.metadata.tables["host_health"]
        with world.db.read() as tx:
            return tx.execute(sa.select(told.c.seq)).scalar_one() == number

    fields = {"host": ("", "x" * 100_000), "seq": (0, 2**63, 2**64 - 1), "health": (0, 99, -1)}
    reader = _scheduler(HOST, world, sound, took, lambda: faulty(sound(9), fields))
    reader.foreign = reader.replayed = STALE
    return reader


def parkings(url: str) -> Reader:
    """The scheduler, told of messages that executors have parked."""
    world = _world(url)
    for number in (1, 2):
        world.launch(f"proc-{number}", [planned("env-setup", "ENV_SETUP")])
    world.settle()

    def sound(number: int) -> event_pb2.Envelope:
        body = event_pb2.ParkingChanged(
            process_id=f"proc-{number}", topic="vahana.task.cancel", consumer="cancel", parked=True, reason="failed"
        )
        return envelope(f"proc-{number}", 1, "executor", parking_changed=body)

    fields = {"process_id": BAD_NAMES, "topic": BAD_NAMES, "consumer": BAD_NAMES, "partition": 2**31, "offset": 2**63}

    def wrong() -> Iterator[Hostile]:
        yield from faulty(sound(9), fields)
        yield Hostile("of somebody else", changed(sound(9), "source", "somebody"), "does not belong here")

    return _scheduler(PROCESS, world, sound, lambda n: _runs(world)[f"proc-{n}"].parked_since_us is not None, wrong)


def news(url: str) -> Reader:
    """The scheduler, told of histories."""
    world = _world(url)
    for number in (1, 2):
        world.launch(f"proc-{number}", [planned("env-setup", "ENV_SETUP")])
    world.settle()

    def sound(number: int) -> event_pb2.Envelope:
        body = event_pb2.HistoryWanted(process_id=f"proc-{number}")
        return envelope(f"proc-{number}", 1, "experiment", history_wanted=body)

    def took(number: int) -> bool:
        with world.db.read() as tx:
            return any(row.key == f"proc-{number}" for row in world.outbox.unsent(tx, 100))

    reader = _scheduler(HISTORY, world, sound, took, lambda: faulty(sound(9), {"process_id": BAD_NAMES}))
    # Asked again, it sends again.
    reader.foreign, reader.replayed = UNKNOWN, HANDLED
    return reader


def _world(url: str) -> World:
    world = World(url)
    world.db.create_tables()
    return world


def _scheduler(topic: Topic, world: World, *rest: Any) -> Reader:
    return Reader(topic, world.db, world.consumers.handle, *rest, subscribed=TOPICS)


def _runs(world: World) -> dict[str, Any]:
    runs, _ = world.handlers.list_runs("default", 0, "")
    return {run.process_id: run for run in runs}


def _published(world: World, publish: Callable[[], None]) -> event_pb2.Envelope:
    """What a function of the world publishes on its own bus."""
    publish()
    (delivery,) = world.batch()
    return delivery.envelope
