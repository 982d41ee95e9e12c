"""Plans of all shapes, drawn by the dice: tasks that fail, are optional, wait for failures, and clean up."""

import hashlib
from random import Random

from vahana.event.v1 import state_pb2, task_pb2

T, R = state_pb2.TaskType, task_pb2.TriggerRule
_EMPTY = hashlib.sha256(b"").hexdigest()


class Planner:
    """Draws one plan."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._plan: list[task_pb2.PlannedTask] = []

    def plan(self) -> list[task_pb2.PlannedTask]:
        """A job with what belongs around it, or a DAG without meaning."""
        if self._dice.random() < 0.7:
            self._job()
        else:
            self._graph()
        return self._plan

    def _job(self) -> None:
        dice = self._dice
        before = [self._add(T.TASK_TYPE_ENV_SETUP)]
        inputs = [self._add(T.TASK_TYPE_DATA_STAGING_IN, *before) for _ in range(dice.randint(1, 3))]
        before = inputs or before
        if dice.random() < 0.4:
            before = [self._add(T.TASK_TYPE_PRE_JOB_COMMAND, *before, required=dice.random() < 0.8)]
        job = self._add(T.TASK_TYPE_JOB_SUBMISSION, *before)
        monitoring = self._add(T.TASK_TYPE_MONITORING, job, job=job)
        rule = R.TRIGGER_RULE_NONE_SKIPPED
        last = [self._add(T.TASK_TYPE_DATA_STAGING_OUT, monitoring, job=job, rule=rule, required=False)]
        if dice.random() < 0.4:
            last.append(self._add(T.TASK_TYPE_POST_JOB_COMMAND, monitoring, required=dice.random() < 0.5))
        for rule in dice.choice(([], [R.TRIGGER_RULE_ALL_DONE], [R.TRIGGER_RULE_ONE_FAILED])):
            last = [self._add(T.TASK_TYPE_CLEANUP, *last, rule=rule)]

    def _graph(self) -> None:
        dice = self._dice
        self._add(T.TASK_TYPE_ENV_SETUP)
        for _ in range(dice.randint(4, 7)):
            known = [planned.task_id for planned in self._plan]
            others = dice.sample(known, min(len(known), dice.randint(1, 3)))
            kind = dice.choice((T.TASK_TYPE_DATA_STAGING_IN, T.TASK_TYPE_PRE_JOB_COMMAND, T.TASK_TYPE_ENV_SETUP))
            rule = dice.choice((R.TRIGGER_RULE_ALL_SUCCESS, *R.values()[1:]))
            self._add(kind, *others, rule=rule, required=dice.random() < 0.6)

    def _add(
        self,
        kind: int,
        *depends_on: str,
        rule: int = R.TRIGGER_RULE_ALL_SUCCESS,
        required: bool = True,
        job: str = "",
    ) -> str:
        task_id = f"task-{len(self._plan)}"
        retry = task_pb2.RetryPolicy(max_attempts=self._dice.randint(1, 3))
        retry.initial_backoff.FromMilliseconds(self._dice.randint(10, 2000))
        retry.max_backoff.FromSeconds(5)
        retry.blocked_budget.FromSeconds(self._dice.choice((20, 600)))
        self._plan.append(
            task_pb2.PlannedTask(
                task_id=task_id,
                type=kind,
                depends_on=depends_on,
                trigger_rule=rule,
                required=required,
                retry=retry,
                spec=self._spec(kind, task_id, job),
            )
        )
        return task_id

    def _spec(self, kind: int, task_id: str, job: str) -> task_pb2.TaskSpec:
        if kind == T.TASK_TYPE_JOB_SUBMISSION:
            safe = self._dice.random() < 0.2
            return task_pb2.TaskSpec(job_submission=task_pb2.JobSubmission(command=self._payload(), rerun_safe=safe))
        if kind == T.TASK_TYPE_PRE_JOB_COMMAND:
            return task_pb2.TaskSpec(pre_job_command=task_pb2.CommandSet(commands=[self._payload()]))
        if kind == T.TASK_TYPE_POST_JOB_COMMAND:
            return task_pb2.TaskSpec(post_job_command=task_pb2.CommandSet(commands=[self._payload()]))
        if kind == T.TASK_TYPE_MONITORING:
            return task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id=job))
        if kind == T.TASK_TYPE_DATA_STAGING_IN:
            staged = task_pb2.DataStagingIn(input="reads", sha256=_EMPTY, file_name=task_id)
            return task_pb2.TaskSpec(data_staging_in=staged)
        if kind == T.TASK_TYPE_DATA_STAGING_OUT:
            source = task_pb2.OUTPUT_SOURCE_STDOUT
            staged_out = task_pb2.DataStagingOut(output="stdout", source=source, job_task_id=job)
            return task_pb2.TaskSpec(data_staging_out=staged_out)
        if kind == T.TASK_TYPE_CLEANUP:
            return task_pb2.TaskSpec(cleanup=task_pb2.Cleanup())
        return task_pb2.TaskSpec(env_setup=task_pb2.EnvSetup())

    def _payload(self) -> task_pb2.Command:
        """A program that ends with an exit code after so many milliseconds; see host.Host.start_session."""
        code = self._dice.choice((0, 0, 0, 0, 1))
        return task_pb2.Command(arguments=["payload", str(code), str(self._dice.randrange(3_000))])
