"""The pure walker: a DAG and the ends of its tasks decide what runs, what is skipped, and how the process ends.

It never sees a whole DAG but at launch. Each task keeps a tally of its dependencies; when tasks end, only the tallies
of those that wait for them move, so a process costs as much as it has edges, in whatever order its tasks end. A task is
decided over once: when the last of its dependencies has ended. So whatever runs finds all of its ancestors ended,
however they did, which is what makes a cleanup safe that waits for the leaves alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from services.scheduler.domain.states import ProcessState, TaskState, TriggerRule

_BAD_ENDS = frozenset({TaskState.FAILED, TaskState.CANCELED})


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a task's dependencies: how many have not ended, failed (or were canceled), were skipped."""

    pending: int
    failed: int = 0
    skipped: int = 0

    def after(self, end: TaskState) -> Tally:
        """The tally when one more dependency has ended in `end`."""
        return Tally(
            self.pending - 1,
            self.failed + (end in _BAD_ENDS),
            self.skipped + (end is TaskState.SKIPPED),
        )


@dataclass(frozen=True, slots=True)
class Node:
    """One task of a plan, as far as the walker cares."""

    task_id: str
    rule: TriggerRule
    depends_on: Sequence[str] = ()


class Verdict(Enum):
    """What a tally means for its task."""

    WAIT = "wait"
    RUN = "run"
    HOLD = "hold"
    SKIP = "skip"
    CANCEL = "cancel"


@dataclass(slots=True)
class Step:
    """What one round of ends brings: tallies that moved, tasks to run, to hold, to skip and to cancel.

    Skipped and canceled tasks have ended too: they are the ends of the next round.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    run: list[str] = field(default_factory=list)
    hold: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)


class PlanUnwalkableError(ValueError):
    """The plan is no DAG in order; the message names the task."""


def verdict(rule: TriggerRule, tally: Tally, *, doomed: bool = False, held: bool = False) -> Verdict:
    """What `tally` means for a task of this rule; `doomed`: a cancel ends it instead of letting it run; `held`: nothing
    new may begin now.
    """
    if tally.pending > 0:
        return Verdict.WAIT
    if doomed:
        return Verdict.CANCEL
    runs = {
        TriggerRule.ALL_SUCCESS: not tally.failed and not tally.skipped,
        TriggerRule.ALL_DONE: True,
        TriggerRule.ONE_FAILED: tally.failed > 0,
        TriggerRule.NONE_SKIPPED: not tally.skipped,
    }[rule]
    if not runs:
        return Verdict.SKIP
    return Verdict.HOLD if held else Verdict.RUN


def check(plan: Sequence[Node]) -> None:
    """Raises PlanUnwalkableError where a task is named twice or waits for one that does not stand before it."""
    if not plan:
        raise PlanUnwalkableError("the plan has no tasks")
    seen: set[str] = set()
    for node in plan:
        if node.task_id in seen:
            raise PlanUnwalkableError(f"task {node.task_id} stands in the plan twice")
        if node.rule is TriggerRule.ONE_FAILED and not node.depends_on:
            raise PlanUnwalkableError(f"task {node.task_id} is for failures and waits for no task that could fail")
        for name, times in Counter(node.depends_on).items():
            if name not in seen:
                raise PlanUnwalkableError(f"task {node.task_id} waits for {name}, which does not stand before it")
            if times > 1:
                raise PlanUnwalkableError(f"task {node.task_id} waits for {name} twice")
        seen.add(node.task_id)


def dependents(plan: Sequence[Node]) -> dict[str, list[str]]:
    """Who waits for each task, in the order of the plan."""
    waiting: dict[str, list[str]] = {node.task_id: [] for node in plan}
    for node in plan:
        for name in node.depends_on:
            waiting[name].append(node.task_id)
    return waiting


def start(plan: Sequence[Node], doomed: Collection[str] = (), *, held: bool = False) -> Step:
    """The first round of a checked plan: its roots. All tallies are in the step. `doomed`, `held`: see advance."""
    step = Step(tallies={node.task_id: Tally(len(node.depends_on)) for node in plan})
    for node in plan:
        tally = step.tallies[node.task_id]
        _decide(step, node.task_id, verdict(node.rule, tally, doomed=node.task_id in doomed, held=held))
    return step


def advance(
    ended: Iterable[tuple[TaskState, Sequence[str]]],
    rules: Mapping[str, TriggerRule],
    tallies: Mapping[str, Tally],
    doomed: Collection[str] = (),
    *,
    held: bool = False,
) -> Step:
    """One round. `ended`: how each task ended and who waits for it; `rules` and `tallies` know all who wait. `doomed`:
    tasks of a process that is being canceled which are canceled when their turn comes. `held`: nothing new of the
    process may begin now, so what would run is to be held.
    """
    step = Step()
    for end, waiting in ended:
        for name in waiting:
            step.tallies[name] = step.tallies.get(name, tallies[name]).after(end)
    for name, tally in step.tallies.items():
        _decide(step, name, verdict(rules[name], tally, doomed=name in doomed, held=held))
    return step


def fails_process(required: bool, end: TaskState, rule: TriggerRule) -> bool:
    """Whether this end of a task fails its process.

    A required task must complete. One that is there for failures alone is not missed where nothing failed.
    """
    if not required or end is TaskState.COMPLETED:
        return False
    return end is not TaskState.SKIPPED or rule is not TriggerRule.ONE_FAILED


def process_end(open_tasks: int, failed: bool, *, canceled: bool = False) -> ProcessState | None:
    """How the process ends; None while a task is open. `failed`: the end of one of its tasks failed it; `canceled`: it
    is being canceled, which comes too late where every task it needs has completed.
    """
    if open_tasks > 0:
        return None
    if not failed:
        return ProcessState.COMPLETED
    return ProcessState.CANCELED if canceled else ProcessState.FAILED


def _decide(step: Step, name: str, decided: Verdict) -> None:
    match decided:
        case Verdict.RUN:
            step.run.append(name)
        case Verdict.HOLD:
            step.hold.append(name)
        case Verdict.SKIP:
            step.skip.append(name)
        case Verdict.CANCEL:
            step.cancel.append(name)
