"""Every consumer of the mesh on its service's real code and database, with what a sound message of its topic is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from services.chassis.bus.topics import CANCEL, HISTORY, STATUS, SYNC, TASK_TOPICS, kebab
from services.chassis.changes import PROFILE, REGISTRY
from services.chassis.copies import Copies
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.chassis.outcomes import HANDLED, NOT_FOR_US, STALE, UNKNOWN
from services.chassis.wake import Wakeups
from services.eventsink.consumers import Sink
from services.experiment import schema as experiment
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import Settling
from services.registry import schema as registry
from tests.contract.executor.support import Executor
from tests.contract.hostile import scheduling
from tests.contract.hostile.messages import Hostile, changed, faulty
from tests.contract.hostile.reader import BAD_NAMES, BAD_TIMES, Reader, change, change_fields, database, envelope
from tests.contract.scheduler.conftest import planned
from tests.simulation import experiment as launched
from vahana.event.v1 import event_pb2, state_pb2, sync_pb2, task_pb2
from vahana.experiment.v1 import process_pb2
from vahana.profile.v1 import group_pb2

MONITORING = state_pb2.TASK_TYPE_MONITORING


def dispatches(kind: int, url: str) -> Reader:
    """The executors of a task type."""
    executor = _executor(url)

    def sound(number: int) -> event_pb2.Envelope:
        return envelope(f"proc-{number}", 1, "scheduler", task_dispatched=_dispatched(number, kind))

    fields = {
        **_attempt_fields(),
        "type": (0, 99, -1, MONITORING if kind != MONITORING else state_pb2.TASK_TYPE_ENV_SETUP),
        "target.compute_resource": ("n\0l", "x" * 201),
        "target.address": "x" * 254,
        "target.port": (2**16, 2**32 - 1),
        "retry.blocked_budget.seconds": (-1, 2**62),
        "spec.pre_job_command.timeout.seconds": 2**62,
    }

    def wrong() -> Iterator[Hostile]:
        yield from faulty(sound(9), fields)
        late = sound(9)
        late.task_dispatched.jobs["submit"].submitted_at.seconds = 2**62
        yield Hostile("job handed over far from now", late.SerializeToString(), "years 1 to 9999")

    return Reader(
        TASK_TOPICS[kind],
        executor.db,
        executor.consumers.dispatched,
        sound,
        lambda n: _has(executor, n),
        wrong,
        # Nobody here knows whose a process is.
        foreign=HANDLED,
    )


def cancels(url: str) -> Reader:
    """The executors, told of cancels."""
    executor = _executor(url)

    def sound(number: int) -> event_pb2.Envelope:
        told = _dispatched(number, state_pb2.TASK_TYPE_ENV_SETUP)
        body = event_pb2.TaskCanceled(
            experiment_id=told.experiment_id, process_id=told.process_id, task_id="task", attempt=1, type=told.type
        )
        return envelope(told.process_id, 1, "scheduler", task_canceled=body)

    fields = {**_attempt_fields(), "type": (0, 99, -1)}
    return Reader(
        CANCEL,
        executor.db,
        executor.consumers.canceled,
        sound,
        lambda n: _has(executor, n),
        lambda: faulty(sound(9), fields),
        foreign=HANDLED,
    )


def histories(url: str) -> Reader:
    """The executors, told of histories."""
    executor = _executor(url)
    for number in (1, 2):
        told = _dispatched(number, state_pb2.TASK_TYPE_ENV_SETUP)
        executor.accept(told)
        executor.cancel(told)
    executor.mark_all_sent()

    def sound(number: int) -> event_pb2.Envelope:
        body = event_pb2.HistoryWanted(process_id=f"proc-{number}")
        return envelope(f"proc-{number}", 1, "experiment", history_wanted=body)

    return Reader(
        HISTORY,
        executor.db,
        executor.consumers.told_of_histories,
        sound,
        lambda n: any(f"/proc-{n}/" in each for each in executor.unsent()),
        lambda: faulty(sound(9), {"process_id": BAD_NAMES}),
        foreign=UNKNOWN,
        # Asked again, it sends again.
        replayed=HANDLED,
    )


class Recorded:
    """The experiment service as the sink sees it, without a network between."""

    def __init__(self, db: Database) -> None:
        self._recording = Recording(db, Wakeups(), Settling(db, Outbox(db.metadata)))

    def persist(self, envelopes: Sequence[event_pb2.Envelope]) -> process_pb2.PersistEventsResponse:
        return self._recording.persist(process_pb2.PersistEventsRequest(events=envelopes))


def changes(url: str) -> Reader:
    """The event sink and, behind it, the history."""
    db: Any = database(url, "experiment", experiment.metadata)
    launched.add_project(db)
    plan = [planned("env-setup", "ENV_SETUP")]
    launched.launch(db, Outbox(experiment.metadata), "proc-1", task_pb2.Target(), plan)

    def sound(number: int) -> event_pb2.Envelope:
        return change(number, "env-setup")

    fields = {**change_fields(), "task_id": BAD_NAMES[1:], "attempt": 2**31, "source": ("", "n\0l")}
    fields |= {"condition_code": -1, "next_attempt_at.seconds": BAD_TIMES, "job.submitted_at.seconds": BAD_TIMES}
    fields |= {"file.name": BAD_NAMES[1:], "file.file_name": "n\0l", "file.size": 2**64 - 1, "phase": -1}

    def took(number: int) -> bool:
        with db.read() as tx:
            return tx.execute(sa.select(experiment.process.c.last_position)).scalar_one() >= number

    handle = Sink(Recorded(db)).handle
    wrong = lambda: faulty(sound(9), fields)  # noqa: E731
    return Reader(STATUS, db, handle, sound, took, wrong, foreign=UNKNOWN, elsewhere=NOT_FOR_US)


def registry_sync(url: str) -> Reader:
    """The registry's copies."""
    return _sync(database(url, "registry", registry.metadata))


def experiment_sync(url: str) -> Reader:
    """The experiment service's copies."""
    return _sync(database(url, "experiment", experiment.metadata))


def _sync(db: Database) -> Reader:
    entities = Entities(db.metadata)
    nobody: Any = None
    copies = Copies(db, entities, (sync_pb2.ENTITY_KIND_GROUP,), {PROFILE: nobody, REGISTRY: nobody})

    def sound(number: int) -> event_pb2.Envelope:
        body = sync_pb2.EntityChanged(
            kind=sync_pb2.ENTITY_KIND_GROUP, tenant="default", name="chemists", version=number
        )
        body.entity.Pack(group_pb2.Group(name="chemists", display_name=f"as of {number}"))
        return envelope("chemists", number, PROFILE, entity_changed=body)

    fields = {
        "name": BAD_NAMES,
        "parent": BAD_NAMES[1:],
        "version": (0, 2**63 - 1, 2**64 - 1),
        "tenant": "other",
        "entity.type_url": "type.googleapis.com/vahana.profile.v1.User",
        "entity.value": b"\xff",
    }

    def wrong() -> Iterator[Hostile]:
        yield from faulty(sound(9), fields)
        yield Hostile("not its owner's word", changed(sound(9), "source", REGISTRY), "has no say")
        for kind in (0, 99, -1):
            yield Hostile(f"kind {kind}", changed(sound(9), "entity_changed.kind", kind), "", NOT_FOR_US)

    def took(number: int) -> bool:
        with db.read() as tx:
            kept = entities.find(tx, sync_pb2.ENTITY_KIND_GROUP, "default", "chemists", group_pb2.Group)
        return kept is not None and kept.display_name == f"as of {number}"

    return Reader(SYNC, db, copies.handle, sound, took, wrong, foreign="parked", replayed=STALE)


def _executor(url: str) -> Executor:
    from services.executor.schema import metadata  # noqa: PLC0415 - one of several of that name

    return Executor(database(url, "executor", metadata), "executor-one")


def _dispatched(number: int, kind: int) -> event_pb2.TaskDispatched:
    return event_pb2.TaskDispatched(
        experiment_id=f"exp-{number}",
        process_id=f"proc-{number}",
        task_id="task",
        attempt=1,
        type=kind,  # type: ignore[arg-type]
        target=task_pb2.Target(compute_resource="local", address="h", port=22, scratch="/scratch"),
    )


def _attempt_fields() -> dict[str, Any]:
    fields: dict[str, Any] = {"process_id": BAD_NAMES, "task_id": BAD_NAMES, "experiment_id": "n\0l"}
    return fields | {"attempt": (0, 2**31, 2**32 - 1)}


def _has(executor: Executor, number: int) -> bool:
    claim = executor.db.metadata.tables["claim"]
    with executor.db.read() as tx:
        its = (claim.c.process_id == f"proc-{number}", claim.c.tenant == "default")
        return tx.execute(sa.select(sa.exists().where(*its))).scalar_one()


READERS: dict[str, Callable[[str], Reader]] = {
    **{f"executor {kebab(kind)}": lambda url, kind=kind: dispatches(kind, url) for kind in TASK_TOPICS},  # type: ignore[misc]
    "executor cancel": cancels,
    "executor history": histories,
    "scheduler launches": scheduling.launches,
    "scheduler intents": scheduling.intents,
    "scheduler reports": scheduling.reports,
    "scheduler hosts": scheduling.hosts,
    "scheduler history": scheduling.news,
    "scheduler parkings": scheduling.parkings,
    "eventsink status": changes,
    "registry sync": registry_sync,
    "experiment sync": experiment_sync,
}
