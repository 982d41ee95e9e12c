"""The states, kinds and codes the scheduler decides by. Numbers are those of `vahana.event.v1`."""

from __future__ import annotations

from enum import IntEnum


class ProcessState(IntEnum):
    """How one launch of an experiment stands."""

    CREATED = 1
    QUEUED = 2
    EXECUTING = 3
    BLOCKED = 4
    PAUSED = 5
    CANCELING = 6
    CANCELED = 7
    COMPLETED = 8
    FAILED = 9


class Intent(IntEnum):
    """What a person wants of a process."""

    RUN = 1
    PAUSE = 2
    CANCEL = 3


class Health(IntEnum):
    """How well a host answers."""

    HEALTHY = 1
    SLOW = 2
    UNREACHABLE = 3


class TaskState(IntEnum):
    """How one node of a process's DAG stands."""

    CREATED = 1
    SCHEDULED = 2
    EXECUTING = 3
    COMPLETED = 4
    FAILED = 5
    CANCELED = 6
    SKIPPED = 7


class JobState(IntEnum):
    """What a job manager says of a job."""

    SUBMITTED = 1
    QUEUED = 2
    ACTIVE = 3
    COMPLETE = 4
    CANCELED = 5
    FAILED = 6
    SUSPENDED = 7
    LOST = 8


class TriggerRule(IntEnum):
    """How the ends of a task's dependencies decide over it."""

    ALL_SUCCESS = 1
    ALL_DONE = 2
    ONE_FAILED = 3
    NONE_SKIPPED = 4


class TaskType(IntEnum):
    """What a task does."""

    ENV_SETUP = 1
    DATA_STAGING_IN = 2
    PRE_JOB_COMMAND = 3
    JOB_SUBMISSION = 4
    MONITORING = 5
    POST_JOB_COMMAND = 6
    DATA_STAGING_OUT = 7
    CLEANUP = 8


class Phase(IntEnum):
    """What a process is doing, for people. In the order in which processes come by them."""

    UNSPECIFIED = 0
    CONFIGURING_WORKSPACE = 1
    INPUT_DATA_STAGING = 2
    PRE_PROCESSING = 3
    SUBMITTING = 4
    MONITORING = 5
    POST_PROCESSING = 6
    OUTPUT_DATA_STAGING = 7
    CLEANING_UP = 8


class Lane(IntEnum):
    """Who does a task: those for what is over soon, or those for what takes long."""

    FAST = 1
    SLOW = 2


PHASE_OF: dict[TaskType, Phase] = {
    TaskType.ENV_SETUP: Phase.CONFIGURING_WORKSPACE,
    TaskType.DATA_STAGING_IN: Phase.INPUT_DATA_STAGING,
    TaskType.PRE_JOB_COMMAND: Phase.PRE_PROCESSING,
    TaskType.JOB_SUBMISSION: Phase.SUBMITTING,
    TaskType.MONITORING: Phase.MONITORING,
    TaskType.POST_JOB_COMMAND: Phase.POST_PROCESSING,
    TaskType.DATA_STAGING_OUT: Phase.OUTPUT_DATA_STAGING,
    TaskType.CLEANUP: Phase.CLEANING_UP,
}
