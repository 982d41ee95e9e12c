"""How experiments, their tasks, outputs and histories are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vahana.event.v1 import event_pb2, state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import sharing_pb2
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import (
    Columns,
    Format,
    emit_data,
    emit_facts,
    emit_one,
    emit_rows,
    moment,
    out,
    plain,
    short,
    show,
    table,
    visible,
)
from vahana_client.cli.progress import task_cells

EXPERIMENTS: Columns = {
    "ID": lambda one: one.experiment_id,
    "NAME": lambda one: one.spec.name,
    "PROJECT": lambda one: one.spec.project,
    "APPLICATION": lambda one: f"{one.spec.application}@{one.spec.application_version}",
    "STATE": lambda one: short(state_pb2.ExperimentState, one.state),
    "TAGS": lambda one: " ".join(one.spec.tags),
    "OWNER": lambda one: one.owner,
    "CREATED": lambda one: moment(one.create_time),
    "REASON": lambda one: one.reason,
}

EVENTS: Columns = {
    "#": lambda one: one.position,
    "TIME": lambda one: moment(one.change.time),
    "SOURCE": lambda one: one.change.source,
    "TASK": lambda one: one.change.task_id or "(process)",
    "ATTEMPT": lambda one: one.change.attempt or "",
    "STATE": lambda one: _event_state(one.change),
    "APPLIED": lambda one: "yes" if one.applied else "no",
    "REASON": lambda one: one.change.reason,
}

_EXPLANATIONS: Columns = {
    "TASK": lambda one: one.task_id or "(process)",
    "WAITS FOR": lambda one: one.waits_for,
    "SINCE": lambda one: moment(one.since),
    "NEXT": lambda one: one.next,
    "DUE": lambda one: moment(one.next_at),
}

_TASKS: Columns = {
    "TASK": lambda one: task_cells(one)[0],
    "STATE": lambda one: task_cells(one)[1],
    "ATTEMPT": lambda one: task_cells(one)[2],
    "BEGAN": lambda one: moment(one.start_time),
    "ENDED": lambda one: moment(one.end_time),
    "REASON": lambda one: one.reason,
}

_WAITING = (state_pb2.PROCESS_STATE_BLOCKED, state_pb2.PROCESS_STATE_PAUSED)


def emit_experiment(form: Format, one: pb.Experiment) -> None:
    """Prints an experiment without its tasks."""
    emit_one(form, one, _experiment_facts(one))


def emit_whole(form: Format, found: pb.GetExperimentResponse) -> None:
    """Prints an experiment with its process and tasks."""
    if form is not Format.TABLE:
        emit_data(form, plain(found))
        return
    process = found.process
    emit_facts(
        [
            *_experiment_facts(found.experiment),
            ("process", process.process_id),
            ("process state", short(state_pb2.ProcessState, process.state)),
            ("phase", short(state_pb2.ProcessPhase, process.phase)),
            ("waits for", process.reason if process.state in _WAITING else ""),
            ("directory", process.directory),
        ]
    )
    if found.tasks:
        out().print()
        show(table(_TASKS, found.tasks))


def emit_validation(form: Format, found: pb.ValidateExperimentResponse) -> None:
    """Prints what a launch would do."""
    if form is not Format.TABLE:
        emit_data(form, plain(found))
        return
    report = found.compute_resource_report
    emit_facts(
        [
            *_experiment_facts(found.experiment),
            ("login", f"{found.target.login}@{found.target.address}"),
            ("directory", found.directory),
            ("tasks", ", ".join(task.task_id for task in found.tasks)),
            *(
                (f"{'allowed' if one.allowed else 'refused'} by {one.rule}", one.reason or "-")
                for one in found.verdicts
            ),
            *(
                (f"host: {one.check}", f"{'passed' if one.passed else 'failed'} {one.detail}")
                for one in report.findings
            ),
            ("host", found.compute_resource_report_error),
            ("no job script", found.job_script_error),
        ]
    )
    if found.job_script:
        out().print()
        out().print(visible(found.job_script))


def emit_outputs(form: Format, outputs: Sequence[task_pb2.StoredFile], paths: Mapping[str, Path]) -> None:
    """Prints the outputs, with the paths of those that were downloaded."""
    if form is not Format.TABLE:
        emit_data(form, [{**plain(one), **_path(one, paths)} for one in outputs])
        return
    columns: Columns = {
        "OUTPUT": lambda one: one.name,
        "FILE": lambda one: one.file_name,
        "BYTES": lambda one: one.size,
        "SHA-256": lambda one: one.sha256,
    }
    if paths:
        columns = {**columns, "PATH": lambda one: paths[one.name]}
    emit_rows(form, outputs, columns, "no output is stored yet")


def _path(one: task_pb2.StoredFile, paths: Mapping[str, Path]) -> dict[str, str]:
    return {"path": str(paths[one.name])} if one.name in paths else {}


def _experiment_facts(one: pb.Experiment) -> list[tuple[str, object]]:
    return [
        ("experiment", one.experiment_id),
        ("name", one.spec.name),
        ("project", one.spec.project),
        ("application", f"{one.spec.application}@{one.spec.application_version}"),
        ("compute resource", one.spec.compute_resource),
        ("queue", one.spec.resources.batch_queue),
        ("tags", " ".join(one.spec.tags)),
        ("state", short(state_pb2.ExperimentState, one.state)),
        ("reason", one.reason),
        ("condition", short(state_pb2.ConditionCode, one.condition_code)),
        ("owner", one.owner),
        ("you may", short(sharing_pb2.Permission, one.permission).lower()),
        ("asked for", short(state_pb2.ProcessIntent, one.intent).lower()),
        ("created", moment(one.create_time)),
    ]


def _event_state(change: event_pb2.StatusChanged) -> str:
    if change.task_id:
        return short(state_pb2.TaskState, change.task_state)
    phase = short(state_pb2.ProcessPhase, change.phase)
    return f"{short(state_pb2.ProcessState, change.process_state)} {phase}".strip()


def _verdict(well: bool, text: str) -> str:
    return f"{'ok' if well else 'refused'}: {text}" if text else "ok" if well else "refused"


def states(names: Sequence[str]) -> list[state_pb2.ExperimentState.ValueType]:
    """Turns names of states as people write them into those of the contracts."""
    known = {short(state_pb2.ExperimentState, one): one for one in state_pb2.ExperimentState.values() if one}
    unknown = [name for name in names if name.upper() not in known]
    if unknown:
        raise BadInputError(f"no such state: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name.upper()] for name in names]


def emit_explanation(output: Format, found: pb.ExplainExperimentResponse) -> None:
    """Prints what an experiment waits for."""
    if output is not Format.TABLE:
        emit_data(output, plain(found))
        return
    out().print(f"experiment {visible(found.experiment_id)} {short(state_pb2.ExperimentState, found.state)}")
    emit_rows(output, found.explanations, _EXPLANATIONS, "it has ended, and waits for nothing")
