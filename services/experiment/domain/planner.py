"""The workflow generator: from a sound experiment to the plan of its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from services.experiment.domain.arguments import bind, command_line, commands, environment, staged_name, texts
from services.experiment.domain.facts import DataType, Deployment, Interface, JobResources, OutputDefinition
from services.experiment.domain.launchers import launcher_words
from services.experiment.domain.plan import (
    Cleanup,
    Commands,
    EnvSetup,
    Monitoring,
    OutputSource,
    PlannedTask,
    StageIn,
    StageOut,
    Submission,
    TaskType,
    TriggerRule,
)
from services.experiment.domain.spec import CleanupPolicy, Spec

ENV_SETUP, PRE_JOB, SUBMIT, MONITOR, POST_JOB, CLEANUP = (
    "env-setup",
    "pre-job",
    "submit",
    "monitor",
    "post-job",
    "cleanup",
)

_SOURCES = {
    DataType.URI: OutputSource.FILE,
    DataType.STDOUT: OutputSource.STDOUT,
    DataType.STDERR: OutputSource.STDERR,
}
_CLEANUP_TRIGGERS = {
    CleanupPolicy.ALWAYS: TriggerRule.ALL_DONE,
    CleanupPolicy.ONLY_COMPLETED: TriggerRule.ALL_SUCCESS,
    CleanupPolicy.ONLY_FAILED: TriggerRule.ONE_FAILED,
}


def plan(spec: Spec, interface: Interface, deployment: Deployment, resources: JobResources) -> tuple[PlannedTask, ...]:
    """The tasks of a process, each after those it waits for. `spec` must have been checked against all of these.

    `resources` is what the job asks for, defaults filled in.
    """
    tasks = [PlannedTask(ENV_SETUP, TaskType.ENV_SETUP, EnvSetup()), *_stage_in(spec, interface)]
    tasks += _job(spec, interface, deployment, resources, tuple(each.task_id for each in tasks))
    tasks += _stage_out(interface, ended=tasks[-1].task_id)
    trigger = _CLEANUP_TRIGGERS.get(spec.cleanup_policy)
    if trigger is not None:
        # Of all tasks and not of the leaves alone: those are merely skipped where a task before them failed.
        before = tuple(each.task_id for each in tasks)
        tasks.append(PlannedTask(CLEANUP, TaskType.CLEANUP, Cleanup(), before, trigger, required=False))
    return tuple(tasks)


def _stage_in(spec: Spec, interface: Interface) -> Iterator[PlannedTask]:
    for definition in interface.inputs:
        given = spec.given(definition.name)
        for number, file in enumerate(given.files if given else (), start=1):
            content = StageIn(definition.name, file.sha256, file.size, staged_name(definition, file.file_name))
            suffix = f"-{number}" if definition.type is DataType.URI_COLLECTION else ""
            task_id = f"stage-in-{definition.name}{suffix}"
            yield PlannedTask(task_id, TaskType.DATA_STAGING_IN, content, (ENV_SETUP,))


def _job(
    spec: Spec, interface: Interface, deployment: Deployment, resources: JobResources, prepared: tuple[str, ...]
) -> Iterator[PlannedTask]:
    bound = bind(interface, spec)
    known = texts(interface, bound, resources)
    variables = environment(deployment, known)

    def command_set(lines: tuple[tuple[str, ...], ...]) -> Commands:
        return Commands(commands(lines, known), deployment.module_loads, variables, deployment.command_timeout)

    ready = prepared[1:] or prepared
    if deployment.pre_job_commands:
        content = command_set(deployment.pre_job_commands)
        yield PlannedTask(PRE_JOB, TaskType.PRE_JOB_COMMAND, content, prepared)
        ready = (PRE_JOB,)
    words = launcher_words(deployment, resources) + command_line(interface, deployment, bound, known)
    job = Submission(words, deployment.module_loads, variables, deployment.rerun_safe, resources)
    yield PlannedTask(SUBMIT, TaskType.JOB_SUBMISSION, job, ready)
    yield PlannedTask(MONITOR, TaskType.MONITORING, Monitoring(SUBMIT), (SUBMIT,))
    if deployment.post_job_commands:
        content = command_set(deployment.post_job_commands)
        yield PlannedTask(POST_JOB, TaskType.POST_JOB_COMMAND, content, (MONITOR,))


def _stage_out(interface: Interface, ended: str) -> Iterator[PlannedTask]:
    for output in all_outputs(interface):
        source = _SOURCES[output.type]
        written = source is OutputSource.FILE
        content = StageOut(
            output=output.name,
            source=source,
            path=output.file if written else "",
            job_task_id=SUBMIT,
            file_name=PurePosixPath(output.file).name,
            required=output.required,
        )
        yield PlannedTask(
            f"stage-out-{output.name}",
            TaskType.DATA_STAGING_OUT,
            content,
            # What a job says is brought back of a failed job too.
            (ended if written else MONITOR,),
            TriggerRule.ALL_SUCCESS if written else TriggerRule.NONE_SKIPPED,
            output.required,
        )


def all_outputs(interface: Interface) -> tuple[OutputDefinition, ...]:
    """The declared outputs, and standard output and standard error where they were not declared."""
    outputs = list(interface.outputs)
    for kind, name in ((DataType.STDOUT, "stdout"), (DataType.STDERR, "stderr")):
        if all(each.type is not kind for each in outputs):
            free = name if all(each.name != name for each in outputs) else f"job_{name}"
            outputs.append(OutputDefinition(free, kind, f"{name}.txt", required=False))
    return tuple(outputs)
