"""What happens at the same time, on either kind of database."""

from functools import partial
from itertools import pairwise

import pytest

from services.experiment.__main__ import wire
from tests.contract.experiment.conftest import Experiments, Reports, at_once
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2

RUN, CANCEL = state_pb2.PROCESS_INTENT_RUN, state_pb2.PROCESS_INTENT_CANCEL
CANCELING, COMPLETED = state_pb2.EXPERIMENT_STATE_CANCELING, state_pb2.EXPERIMENT_STATE_COMPLETED


@pytest.fixture
def unknowing(serve, registry, home, database_url):
    """The service with nothing in it, on this database."""
    own = {"registry_address": registry.address, "profile_address": registry.address, "database_url": database_url}
    return Experiments(serve(wire, **own), registry)


def intended(service):
    """The intents that were told, each with its number, in order."""
    told = [envelope.process_intended for _, envelope in service.sent() if envelope.HasField("process_intended")]
    return [(each.intent, each.seq) for each in told]


def test_a_cancel_beside_the_completion(service):
    for _ in range(5):
        launched = service.launched()
        reports = Reports(launched)
        service.persist(reports.process("EXECUTING", 1))
        end = reports.process("COMPLETED", 2)
        canceled, _ = at_once(partial(service.cancel, launched.experiment_id), partial(service.persist, end))
        answer = service.get(launched.experiment_id)
        assert answer.experiment.state == COMPLETED
        assert answer.process.intent == (CANCEL if canceled else RUN)


def test_pauses_beside_a_cancel(service, launched):
    calls = [lambda: service.pause(launched.experiment_id), lambda: service.cancel(launched.experiment_id)] * 3
    answers = at_once(*calls)
    assert any(answers[1::2])
    assert service.get(launched.experiment_id).experiment.state == CANCELING
    told = intended(service)
    assert [seq for _, seq in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == CANCEL
    assert len(told) <= 2


def test_of_relaunches_at_once_one_wins(service, launched):
    reports = Reports(launched)
    service.persist(reports.process("EXECUTING", 1), reports.process("FAILED", 2))
    answers = at_once(*[lambda: service.relaunch(launched.experiment_id)] * 6)
    assert len([each for each in answers if each]) == 1
    assert len(service.sent()) == 2


def test_of_repeats_at_once_all_get_one_answer(service, launched):
    reports = Reports(launched)
    service.persist(reports.process("EXECUTING", 1), reports.process("FAILED", 2))
    answers = at_once(*[lambda: service.relaunch(launched.experiment_id, "r-1")] * 6)
    assert len({each.process_id for each in answers}) == 1
    assert len(service.sent()) == 2


def test_of_changes_of_one_revision_one_wins(service):
    made = service.create()
    calls = [
        lambda number=number: service.update(made.experiment_id, name=f"n{number}", revision=made.revision)
        for number in range(6)
    ]
    (winner,) = [each for each in at_once(*calls) if each]
    assert service.get(made.experiment_id).experiment == winner


def test_changes_of_different_fields_at_once_are_all_kept(service):
    made = service.create()
    calls = [
        lambda: service.update(made.experiment_id, name="both"),
        lambda: service.update(made.experiment_id, cleanup_policy=1),
        lambda: service.update(made.experiment_id, resources={"cpu_count": 4}),
    ]
    assert all(at_once(*calls))
    spec = service.get(made.experiment_id).experiment.spec
    assert (spec.name, spec.cleanup_policy, spec.resources.cpu_count) == ("both", 1, 4)


def test_a_change_beside_a_launch_is_in_the_plan_or_refused(service):
    made = service.create()
    launched, changed = at_once(
        lambda: service.launch(made.experiment_id),
        lambda: service.update(made.experiment_id, cleanup_policy=experiment_pb2.CLEANUP_POLICY_NONE),
    )
    assert launched or changed
    answer = service.get(made.experiment_id)
    planned = {task.task_id for task in answer.tasks}
    assert ("cleanup" in planned) == bool(launched and not changed)


def test_intents_beside_what_the_mesh_reports_all_get_through(service, launched, reports):
    tasks = [task.task_id for task in service.get(launched.experiment_id).tasks]
    news = [
        partial(service.persist, reports.process("EXECUTING", seq), reports.task(each, "SCHEDULED"))
        for seq, each in enumerate(tasks, start=1)
    ]
    wants = [partial(call, launched.experiment_id) for call in (service.pause, service.resume)] * 5
    answers = at_once(*(each for both in zip(news, wants, strict=True) for each in both))
    assert all(answers)
    answer = service.get(launched.experiment_id)
    assert answer.experiment.intent == answer.process.intent
    assert {task.state for task in answer.tasks} == {state_pb2.TASK_STATE_SCHEDULED}
    told = intended(service)
    assert [seq for _, seq in told] == list(range(1, len(told) + 1))
    # Repeats were told once.
    assert all(first[0] != second[0] for first, second in pairwise(told))
