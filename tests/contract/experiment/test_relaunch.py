"""RelaunchExperiment, and what is kept of the processes before."""

import pytest
from grpc import StatusCode

from tests.contract.experiment.conftest import Reports
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import data_pb2, experiment_pb2

LAUNCHED, EXECUTING = state_pb2.EXPERIMENT_STATE_LAUNCHED, state_pb2.EXPERIMENT_STATE_EXECUTING


def end(service, launched, state="FAILED"):
    """Have its process end; returns what makes events of it."""
    reports = Reports(launched)
    service.persist(reports.process("EXECUTING", 1), reports.process(state, 2, reason="exit code 3", condition_code=6))
    return reports


@pytest.mark.parametrize("state", ["CANCELED", "COMPLETED", "FAILED"])
def test_what_has_ended_begins_anew(service, launched, state):
    end(service, launched, state)
    again = service.relaunch(launched.experiment_id)
    assert (again.state, again.reason, again.condition_code) == (LAUNCHED, "", 0)
    assert again.process_id not in {"", launched.process_id}
    answer = service.get(launched.experiment_id)
    assert answer.process.directory.endswith(again.process_id)
    assert {task.state for task in answer.tasks} == {state_pb2.TASK_STATE_CREATED}
    (_, first), (key, second) = service.sent()
    assert key == second.process_launched.process_id == again.process_id
    assert first.process_launched.process_id == launched.process_id


def test_what_was_wanted_of_the_process_before_is_not_wanted_of_the_next(service, launched):
    service.cancel(launched.experiment_id)
    end(service, launched, "CANCELED")
    again = service.relaunch(launched.experiment_id)
    assert again.intent == state_pb2.PROCESS_INTENT_RUN
    assert service.get(launched.experiment_id).process.intent == state_pb2.PROCESS_INTENT_RUN
    service.cancel(launched.experiment_id)
    last = service.sent()[-1][1].process_intended
    assert (last.process_id, last.seq) == (again.process_id, 1)


def test_only_what_has_ended(service, refused):
    made = service.create()
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        service.relaunch(made.experiment_id)
    launched = service.launch(made.experiment_id)
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
        service.relaunch(made.experiment_id)
    assert launched.process_id in told.message
    end(service, launched)
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        service.launch(made.experiment_id)
    assert len(service.sent()) == 1


def test_a_repeat_gets_the_first_answer(service, launched, refused):
    end(service, launched)
    first = service.relaunch(launched.experiment_id, "r-1")
    assert service.relaunch(launched.experiment_id, "r-1") == first
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        service.relaunch(launched.experiment_id, "r-2")
    assert len(service.sent()) == 2


def test_it_goes_by_what_the_registry_has_now(service, registry, launched):
    registry.host.address, registry.host.revision = "192.0.2.1", 8
    registry.application.deployments[0].executable = "bowtie2-align"
    registry.application.deployments[0].revision = 5
    service.learn()
    end(service, launched)
    before = service.get(launched.experiment_id).process.application
    service.relaunch(launched.experiment_id)
    after = service.get(launched.experiment_id).process.application
    assert (before.deployment_revision, before.compute_resource_revision) == (0, 0)
    assert (after.deployment_revision, after.compute_resource_revision) == (5, 8)
    assert (after.application, after.application_version, after.compute_resource) == ("bowtie2", "2.5.0", "cluster")


def test_what_is_told_of_an_earlier_process_is_history_alone(service, launched):
    late = end(service, launched)
    again = service.relaunch(launched.experiment_id)
    before = service.get(launched.experiment_id)
    task = late.task("submit", "COMPLETED")
    assert service.persist(task, late.process("COMPLETED", 9)) == (2, 0, 0)
    assert service.get(launched.experiment_id) == before

    # Beside news of the latest process, too.
    service.persist(late.task("monitor", "EXECUTING"), Reports(again).process("EXECUTING", 1))
    assert service.get(launched.experiment_id).experiment.state == EXECUTING
    assert service.get(launched.experiment_id).experiment.revision == again.revision + 1
    of_first = service.history(launched.experiment_id, process_id=launched.process_id).events
    assert [event.change.task_id for event in of_first[2:]] == ["submit", "", "monitor"]
    of_second = service.history(launched.experiment_id).events
    assert [event.change.process_id for event in of_second] == [again.process_id]


def test_outputs_of_an_earlier_process_are_kept(service, launched, refused):
    content = b"@HD\n"
    service.upload(content)
    reports = Reports(launched)
    service.persist(reports.process("EXECUTING", 1), reports.staged("alignment", content))
    service.persist(reports.process("COMPLETED", 2))
    service.relaunch(launched.experiment_id)
    names = {"experiment_id": launched.experiment_id, "process_id": launched.process_id}
    stub = service.experiments()
    assert not stub.ListOutputs(experiment_pb2.ListOutputsRequest(experiment_id=launched.experiment_id)).outputs
    (output,) = stub.ListOutputs(experiment_pb2.ListOutputsRequest(**names)).outputs
    assert output.name == "alignment"
    parts = service.data().DownloadOutput(data_pb2.DownloadOutputRequest(output="alignment", **names))
    assert b"".join(part.chunk for part in parts) == content
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        list(
            service.data().DownloadOutput(
                data_pb2.DownloadOutputRequest(output="x", experiment_id=names["experiment_id"])
            )
        )
    for other in (service.launched().process_id, "proc-none"):
        with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
            stub.ListOutputs(experiment_pb2.ListOutputsRequest(**names | {"process_id": other}))


def test_those_who_watch_see_the_new_process_whole(service, launched):
    end(service, launched)
    service.relaunch(launched.experiment_id)
    request = experiment_pb2.WatchExperimentRequest(experiment_id=launched.experiment_id)
    watching = service.experiments().WatchExperiment(request)
    first = next(watching)
    assert first.experiment.state == LAUNCHED
    assert len(first.tasks) == 10
    watching.cancel()
