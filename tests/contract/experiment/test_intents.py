"""CancelExperiment, PauseExperiment and ResumeExperiment."""

import pytest
from grpc import StatusCode

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2

RUN, PAUSE, CANCEL = (
    state_pb2.PROCESS_INTENT_RUN,
    state_pb2.PROCESS_INTENT_PAUSE,
    state_pb2.PROCESS_INTENT_CANCEL,
)
LAUNCHED, EXECUTING, CANCELING, CANCELED, COMPLETED = (
    state_pb2.EXPERIMENT_STATE_LAUNCHED,
    state_pb2.EXPERIMENT_STATE_EXECUTING,
    state_pb2.EXPERIMENT_STATE_CANCELING,
    state_pb2.EXPERIMENT_STATE_CANCELED,
    state_pb2.EXPERIMENT_STATE_COMPLETED,
)


def intended(service):
    """The intents that were told, each with its number, in order."""
    told = [envelope.process_intended for _, envelope in service.sent() if envelope.HasField("process_intended")]
    return [(each.intent, each.seq) for each in told]


def test_a_cancel_shows_at_once_and_is_told_after_the_launch(service, launched):
    canceling = service.cancel(launched.experiment_id, "wrong reference")
    assert (canceling.state, canceling.intent) == (CANCELING, CANCEL)
    assert canceling.reason == "canceled by ada: wrong reference"
    assert canceling.condition_code == state_pb2.CONDITION_CODE_CANCELED_BY_USER
    assert canceling.revision == launched.revision + 1
    answer = service.get(launched.experiment_id)
    assert answer.experiment == canceling
    assert (answer.process.intent, answer.process.state) == (CANCEL, state_pb2.PROCESS_STATE_CREATED)

    (first, launch), (second, cancel) = service.sent()
    assert first == second == launched.process_id
    assert launch.HasField("process_launched")
    told = cancel.process_intended
    assert (told.experiment_id, told.process_id) == (launched.experiment_id, launched.process_id)
    assert (told.intent, told.seq, told.caller, told.comment) == (CANCEL, 1, "ada", "wrong reference")
    assert (cancel.tenant, cancel.source, cancel.aggregate_id) == ("default", "experiment", launched.process_id)


def test_a_cancel_before_anything_began_ends_it(service, launched, reports):
    service.cancel(launched.experiment_id)
    reason = {"reason": "canceled by ada", "condition_code": state_pb2.CONDITION_CODE_CANCELED_BY_USER}
    tasks = [task.task_id for task in service.get(launched.experiment_id).tasks]
    service.persist(
        reports.process("QUEUED", 1),
        reports.process("CANCELING", 2, **reason),
        *(reports.task(each, "CANCELED", attempt=0, source="scheduler", **reason) for each in tasks),
        reports.process("CANCELED", 3, **reason),
    )
    answer = service.get(launched.experiment_id)
    assert (answer.experiment.state, answer.process.state) == (CANCELED, state_pb2.PROCESS_STATE_CANCELED)
    assert answer.experiment.reason == "canceled by ada"
    assert {task.state for task in answer.tasks} == {state_pb2.TASK_STATE_CANCELED}
    assert all(event.applied for event in service.history(launched.experiment_id).events)


def test_pause_and_resume_show_once_the_process_followed(service, launched, reports):
    service.persist(reports.process("EXECUTING", 1))
    paused = service.pause(launched.experiment_id, "maintenance")
    assert (paused.state, paused.intent, paused.reason) == (EXECUTING, PAUSE, "")
    service.persist(reports.process("PAUSED", 2, reason="paused by ada: maintenance"))
    waiting = service.get(launched.experiment_id)
    assert (waiting.experiment.state, waiting.experiment.reason) == (EXECUTING, "paused by ada: maintenance")
    assert (waiting.process.state, waiting.process.intent) == (state_pb2.PROCESS_STATE_PAUSED, PAUSE)
    assert service.resume(launched.experiment_id).intent == RUN
    service.persist(reports.process("EXECUTING", 3))
    assert service.get(launched.experiment_id).experiment.reason == ""
    assert intended(service) == [(PAUSE, 1), (RUN, 2)]


def test_repeats_change_nothing(service, launched):
    for call, intent in (
        (service.pause, PAUSE),
        (service.resume, RUN),
        (service.pause, PAUSE),
        (service.cancel, CANCEL),
    ):
        first = call(launched.experiment_id, "once")
        assert call(launched.experiment_id, "twice") == first
        assert first.intent == intent
    assert intended(service) == [(PAUSE, 1), (RUN, 2), (PAUSE, 3), (CANCEL, 4)]


def test_what_was_never_told_otherwise_goes_on(service, launched):
    assert launched.intent == RUN
    assert service.resume(launched.experiment_id) == launched
    assert intended(service) == []


def test_there_is_no_way_back_from_a_cancel(service, launched, refused):
    service.cancel(launched.experiment_id)
    for call in (service.pause, service.resume):
        with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
            call(launched.experiment_id)
    assert intended(service) == [(CANCEL, 1)]


@pytest.mark.parametrize("state", ["CANCELED", "COMPLETED", "FAILED"])
def test_what_has_ended_is_asked_for_nothing(service, launched, reports, refused, state):
    service.persist(reports.process("EXECUTING", 1), reports.process(state, 2))
    for call in (service.pause, service.resume, service.cancel):
        with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
            call(launched.experiment_id)
        assert state in told.message
    assert intended(service) == []


def test_what_was_never_launched_is_asked_for_nothing(service, refused):
    made = service.create()
    for call in (service.pause, service.resume, service.cancel):
        with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
            call(made.experiment_id)
    assert service.get(made.experiment_id).experiment == made


def test_a_job_that_won_the_race_with_its_cancel_completes(service, launched, reports):
    service.persist(reports.process("EXECUTING", 1))
    service.cancel(launched.experiment_id)
    service.persist(reports.process("EXECUTING", 2, reason="goes on"))
    assert service.get(launched.experiment_id).experiment.state == CANCELING
    service.persist(reports.process("CANCELING", 3), reports.process("COMPLETED", 4))
    assert service.get(launched.experiment_id).experiment.state == COMPLETED


def test_whose_it_is_and_whom_it_is_shared_with(service, launched, refused):
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        service.cancel(launched.experiment_id, who="other")
    assert service.cancel(launched.experiment_id, who="admin").reason == "canceled by admin"


def test_those_who_watch_are_told(service, launched):
    request = experiment_pb2.WatchExperimentRequest(experiment_id=launched.experiment_id)
    watching = service.experiments().WatchExperiment(request)
    assert next(watching).experiment == launched
    canceling = service.cancel(launched.experiment_id)
    assert next(watching).experiment == canceling
    watching.cancel()
