"""What each type of task does: one function a type, from its context to its outcome; what goes wrong is raised."""

from collections.abc import Callable, Mapping

from services.executor.domain.outcomes import Outcome
from services.executor.tasks.cleanup import cleanup
from services.executor.tasks.commands import post_job_command, pre_job_command
from services.executor.tasks.context import TaskContext
from services.executor.tasks.env_setup import env_setup
from services.executor.tasks.staging_in import staging_in
from services.executor.tasks.staging_out import staging_out
from services.executor.tasks.submission import job_submission
from vahana.event.v1 import state_pb2

Task = Callable[[TaskContext], Outcome]

TASKS: Mapping[int, Task] = {
    state_pb2.TASK_TYPE_ENV_SETUP: env_setup,
    state_pb2.TASK_TYPE_DATA_STAGING_IN: staging_in,
    state_pb2.TASK_TYPE_PRE_JOB_COMMAND: pre_job_command,
    state_pb2.TASK_TYPE_JOB_SUBMISSION: job_submission,
    state_pb2.TASK_TYPE_POST_JOB_COMMAND: post_job_command,
    state_pb2.TASK_TYPE_DATA_STAGING_OUT: staging_out,
    state_pb2.TASK_TYPE_CLEANUP: cleanup,
}
"""All but monitoring, which is the watcher's."""
