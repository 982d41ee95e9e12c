"""What changed in an experiment being watched, as lines and as a table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana_client.cli.output import short, visible

_STYLES = {
    "EXECUTING": "cyan", "COMPLETED": "green", "FAILED": "red", "BLOCKED": "yellow", "SKIPPED": "dim", "CREATED": "dim",
}  # fmt: skip
TERMINAL = (
    state_pb2.EXPERIMENT_STATE_COMPLETED,
    state_pb2.EXPERIMENT_STATE_FAILED,
    state_pb2.EXPERIMENT_STATE_CANCELED,
)


@dataclass
class Progress:
    """Keeps what was seen last, so that only changes are told."""

    experiment: pb.Experiment = field(default_factory=pb.Experiment)
    process: pb.Process = field(default_factory=pb.Process)
    tasks: dict[str, pb.Task] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def take(self, update: pb.WatchExperimentResponse) -> list[str]:
        """Takes in an update and returns a line for each thing that changed."""
        if update.process.process_id != self.process.process_id:
            self.tasks.clear()
            self._told.clear()
        self.experiment, self.process = update.experiment, update.process
        for task in update.tasks:
            self.tasks[task.task_id] = task
        subjects = {task.task_id: _task_text(task) for task in update.tasks}
        if update.process.process_id:
            subjects["process"] = _process_text(update.process)
        changed = {name: text for name, text in subjects.items() if text and self._told.get(name) != text}
        self._told |= changed
        width = max([len(name) for name in self.tasks] + [len("process")])
        return [visible(f"{self._elapsed():>7} {name:<{width}} {text}") for name, text in changed.items()]

    @property
    def ended(self) -> bool:
        """Whether the experiment is in a terminal state."""
        return self.experiment.state in TERMINAL

    def summary(self) -> str:
        """The last line: `experiment <id> COMPLETED`, or its state and reason."""
        state = short(state_pb2.ExperimentState, self.experiment.state)
        line = f"experiment {self.experiment.experiment_id} {state}"
        return (
            line if state == "COMPLETED" or not self.experiment.reason else visible(f"{line}: {self.experiment.reason}")
        )

    def table(self) -> Table:
        """The present state, for a terminal."""
        state = short(state_pb2.ProcessState, self.process.state) or "waiting for launch"
        phase = short(state_pb2.ProcessPhase, self.process.phase)
        title = Text.assemble(
            f"{visible(self.experiment.spec.name)}  {self.experiment.experiment_id}  ",
            (f"{state} {phase}".strip(), _STYLES.get(state, "bold")),
            f"  {self._elapsed()}",
        )
        grid = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
        for column in ("TASK", "STATE", "ATTEMPT", "REASON"):
            grid.add_column(column, overflow="fold")
        for task in self.tasks.values():
            grid.add_row(*task_cells(task))
        if self.process.reason:
            grid.caption = Text(visible(self.process.reason))
            grid.caption_justify = "left"
        return grid

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"


def task_cells(task: pb.Task) -> tuple[Text, ...]:
    """The cells of a task in a table: name, state, attempt, reason."""
    state = short(state_pb2.TaskState, task.state)
    attempt = str(task.attempt) if task.attempt else ""
    return Text(task.task_id), Text(state, style=_STYLES.get(state, "")), Text(attempt), Text(visible(task.reason))


def _task_text(task: pb.Task) -> str:
    if task.state == state_pb2.TASK_STATE_CREATED and not task.reason:
        return ""
    attempt = f" (attempt {task.attempt})" if task.attempt > 1 else ""
    job = f" job {task.job.job_id}" if task.type == state_pb2.TASK_TYPE_JOB_SUBMISSION and task.job.job_id else ""
    return _with_reason(f"{short(state_pb2.TaskState, task.state)}{attempt}{job}", task.reason)


def _process_text(process: pb.Process) -> str:
    state, phase = short(state_pb2.ProcessState, process.state), short(state_pb2.ProcessPhase, process.phase)
    ended = process.state in (state_pb2.PROCESS_STATE_COMPLETED, state_pb2.PROCESS_STATE_FAILED)
    return _with_reason(state if ended or not phase else f"{state} {phase}", process.reason)


def _with_reason(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text
