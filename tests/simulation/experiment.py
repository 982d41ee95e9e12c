"""The experiment service and the event sink before it; launches are stored as the service stores them."""

from collections.abc import Callable, Sequence

from services.chassis.bus.topics import EVENTSINK, PROCESS, STATUS
from services.chassis.errors import Unavailable
from services.chassis.outbox import Outbox
from services.chassis.wake import Wakeups
from services.eventsink.consumers import Sink
from services.experiment.domain.records import Experiment, Process, Project
from services.experiment.domain.transitions import ExperimentState, ProcessState
from services.experiment.handlers.preparing import _task
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import Settling
from services.experiment.storage import experiments, processes, projects
from services.experiment.wire import messages, plans
from tests.simulation.bus import SimulatedBus
from tests.simulation.database import SimulatedDatabase
from tests.simulation.kernel import Instance, Kernel
from tests.simulation.parts import consume, relay
from vahana.event.v1 import event_pb2, task_pb2
from vahana.experiment.v1 import process_pb2

TENANT, USER, PROJECT = "default", "ada", "project"


class History:
    """The experiment service as the sink sees it; see eventsink.consumers.History."""

    def __init__(self, kernel: Kernel, db: SimulatedDatabase, settling: Settling) -> None:
        self._kernel, self._recording = kernel, Recording(db, Wakeups(), settling)

    def persist(self, envelopes: Sequence[event_pb2.Envelope]) -> process_pb2.PersistEventsResponse:
        """See eventsink.consumers."""
        trouble = self._kernel.boundary("persist events", "experiment away", "answer lost")
        if trouble == "experiment away":
            raise Unavailable("experiment does not answer")
        counts = self._recording.persist(process_pb2.PersistEventsRequest(events=envelopes))
        if trouble:
            raise Unavailable("the answer was lost")
        return counts


def sink_starter(bus: SimulatedBus, db: SimulatedDatabase, outbox: Outbox) -> Callable[[Instance], None]:
    """What starts an event sink."""

    def start(instance: Instance) -> None:
        history = History(bus.kernel, db, Settling(db, outbox))
        consume(bus, instance, EVENTSINK, [STATUS], Sink(history).handle, db, "status")

    return start


def experiment_starter(bus: SimulatedBus, db: SimulatedDatabase, outbox: Outbox) -> Callable[[Instance], None]:
    """What starts the experiment service, as far as it sends and looks after histories."""

    def start(instance: Instance) -> None:
        bus.kernel.spawn(instance, "histories", Settling(db, outbox).look)
        relay(bus, instance, outbox, db)

    return start


def add_project(db: SimulatedDatabase) -> None:
    """Make the project all experiments are in."""
    with db.write() as tx:
        projects.insert(tx, TENANT, Project(PROJECT, "", USER, 0))


def launch(
    db: SimulatedDatabase,
    outbox: Outbox,
    process_id: str,
    target: task_pb2.Target,
    plan: Sequence[task_pb2.PlannedTask],
) -> None:
    """Store an experiment, launched, with its process; a repeat changes nothing."""
    with db.write() as tx:
        if processes.find(tx, TENANT, process_id) is not None:
            return
        now = db.now_us(tx)
        row = _process(process_id, target.SerializeToString(deterministic=True), now)
        experiments.insert(tx, TENANT, _experiment(row), [])
        contents = [planned.SerializeToString(deterministic=True) for planned in plan]
        tasks = [_task(process_id, ordinal, planned) for ordinal, planned in enumerate(plan)]
        processes.insert(tx, TENANT, row, tasks, contents)
        message = messages.launched(row, plans.digest(row.target, contents), len(plan))
        outbox.add(tx, PROCESS, process_id, message.SerializeToString(), ref=process_id)


def _experiment(row: Process) -> Experiment:
    state, now = ExperimentState.LAUNCHED, row.create_time
    return Experiment(row.experiment_id, PROJECT, b"", state, "", 0, row.process_id, USER, now, now, 1)


def _process(process_id: str, target: bytes, now: int) -> Process:
    return Process(
        tenant=TENANT,
        process_id=process_id,
        experiment_id=process_id.replace("proc", "exp"),
        state=ProcessState.CREATED,
        phase=0,
        reason="",
        condition_code=0,
        seq=0,
        last_position=0,
        revision=1,
        create_time=now,
        update_time=now,
        directory="",
        target=target,
    )
