"""Every topic and consumer group of the mesh. Topics are created by the mesh, never by the broker on first use."""

from dataclasses import dataclass

from vahana.event.v1 import state_pb2


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. Within one batch of the relay, lower ranks are acknowledged before the next rank is sent."""

    name: str
    partitions: int
    rank: int
    slow: int = 0
    """How many of its partitions, the last ones, are kept for slow work; see lanes. Fewer than there are."""


NO_TENANT = "-"
"""The tenant of messages about what is no tenant's; a name that no tenant can have."""

PROCESS = Topic("vahana.process", 8, 1)
"""To scheduler, keyed by process id: ProcessLaunched and ProcessIntended of experiment, ParkingChanged of executors."""

STATUS = Topic("vahana.status", 8, 0)
"""StatusChanged of scheduler and executor, keyed by process id."""

SYNC = Topic("vahana.sync", 4, 0)
"""EntityChanged, from the owner of an entity to all who keep copies, keyed by "{tenant}/{kind}/{name}"."""

CANCEL = Topic("vahana.task.cancel", 6, 1)
"""TaskCanceled, scheduler to executors, keyed by process id."""

HISTORY = Topic("vahana.history", 8, 1)
"""HistorySettled and HistoryWanted, experiment to scheduler and executors, keyed by process id."""

HOST = Topic("vahana.host", 4, 0)
"""HostHealthChanged, executors to scheduler, keyed by host. Hosts are the mesh's: the tenant is NO_TENANT."""

_TASK_TYPES = (
    state_pb2.TASK_TYPE_ENV_SETUP,
    state_pb2.TASK_TYPE_DATA_STAGING_IN,
    state_pb2.TASK_TYPE_PRE_JOB_COMMAND,
    state_pb2.TASK_TYPE_JOB_SUBMISSION,
    state_pb2.TASK_TYPE_MONITORING,
    state_pb2.TASK_TYPE_POST_JOB_COMMAND,
    state_pb2.TASK_TYPE_DATA_STAGING_OUT,
    state_pb2.TASK_TYPE_CLEANUP,
)


def kebab(task_type: int) -> str:
    """Return a task type as it stands in topic and group names, e.g. "data-staging-in"."""
    name = state_pb2.TaskType.Name(task_type)  # type: ignore[arg-type]
    return name.removeprefix("TASK_TYPE_").lower().replace("_", "-")


TASK_TOPICS: dict[int, Topic] = {int(kind): Topic(f"vahana.task.{kebab(kind)}", 6, 1, slow=2) for kind in _TASK_TYPES}
"""TaskDispatched by task type and lane, scheduler to executors, keyed by process id."""

ALL: tuple[Topic, ...] = (PROCESS, STATUS, SYNC, CANCEL, HISTORY, HOST, *TASK_TOPICS.values())

SCHEDULER = "vahana.scheduler"
EVENTSINK = "vahana.eventsink"
EXECUTOR_CANCEL = "vahana.executor.cancel"
EXECUTOR_HISTORY = "vahana.executor.history"
REGISTRY_SYNC = "vahana.registry.sync"
EXPERIMENT_SYNC = "vahana.experiment.sync"


def executor_group(task_type: int) -> str:
    """Return the consumer group of the executors of one task type."""
    return f"vahana.executor.{kebab(task_type)}"
