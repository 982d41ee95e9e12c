"""What may be wanted of an experiment's latest process, and what that makes of the experiment at once."""

from __future__ import annotations

from dataclasses import replace

from services.experiment.domain.records import Experiment, Process
from services.experiment.domain.transitions import ExperimentState, ProcessIntent, legal, terminal

CANCELED_BY_USER = 18
"""The condition code of `vahana.event.v1`."""

_DONE = {ProcessIntent.RUN: "resumed", ProcessIntent.PAUSE: "paused", ProcessIntent.CANCEL: "canceled"}


def refusal(experiment: Experiment, process: Process | None, intent: ProcessIntent) -> str:
    """Why this can't be wanted of the experiment as it stands, and the way out; "" where it can."""
    title = f"experiment {experiment.experiment_id!r} is {experiment.state.name}"
    done = _DONE[intent]
    if process is None:
        return f"{title}: only what was launched can be {done}"
    if terminal(experiment.state):
        return f"{title}: what has ended can't be {done}; relaunch it to run it again"
    if intent is not process.intent and not legal(process.intent, intent):
        return f"{title}: what is being canceled can't be {done}; relaunch it once it has ended"
    return ""


def asked(experiment: Experiment, intent: ProcessIntent, caller: str, comment: str) -> Experiment:
    """The experiment once that is wanted of its process.

    A cancel shows at once; for all else it stays as it is until its process is said to have followed.
    """
    if intent is not ProcessIntent.CANCEL:
        return replace(experiment, intent=intent.value)
    return replace(
        experiment,
        intent=intent.value,
        state=ExperimentState.CANCELING,
        reason=f"canceled by {caller}" + (f": {comment}" if comment else ""),
        condition_code=CANCELED_BY_USER,
    )
