"""What may be wanted of a process, whole."""

import itertools

import pytest

from services.experiment.domain.intents import asked, refusal
from services.experiment.domain.records import Experiment, Process
from services.experiment.domain.transitions import ExperimentState, ProcessIntent, ProcessState, terminal
from vahana.event.v1 import state_pb2

_E, _I = ExperimentState, ProcessIntent


def experiment(state):
    return Experiment("exp-1", "p", b"", state, "before", 7, "proc-1", "ada", 1, 1, 2, "relax", 1)


def process(intent):
    state = ProcessState.EXECUTING
    return Process("t", "proc-1", "exp-1", state, 0, "", 0, 0, 0, 1, 1, 1, "/s/exp-1/proc-1", b"", intent)


@pytest.mark.parametrize(("state", "intent", "wanted"), itertools.product(_E, _I, _I))
def test_every_state_and_intent(state, intent, wanted):
    expected = not terminal(state) and (intent is not _I.CANCEL or wanted is _I.CANCEL)
    assert (refusal(experiment(state), process(intent), wanted) == "") == expected


@pytest.mark.parametrize(("state", "wanted"), itertools.product((_E.CREATED, _E.VALIDATED), _I))
def test_what_was_never_launched_is_asked_for_nothing(state, wanted):
    assert "launched" in refusal(experiment(state), None, wanted)


def test_a_cancel_shows_at_once():
    canceling = asked(experiment(_E.EXECUTING), _I.CANCEL, "ada", "wrong reference")
    assert (canceling.state, canceling.reason, canceling.intent) == (
        _E.CANCELING,
        "canceled by ada: wrong reference",
        _I.CANCEL,
    )
    assert canceling.condition_code == state_pb2.CONDITION_CODE_CANCELED_BY_USER
    assert asked(experiment(_E.LAUNCHED), _I.CANCEL, "ada", "").reason == "canceled by ada"


@pytest.mark.parametrize("wanted", [_I.PAUSE, _I.RUN])
def test_all_else_shows_once_the_process_followed(wanted):
    waiting = asked(experiment(_E.EXECUTING), wanted, "ada", "lunch")
    assert (waiting.state, waiting.reason, waiting.condition_code, waiting.intent) == (
        _E.EXECUTING,
        "before",
        7,
        wanted,
    )
