"""ExperimentService up to the launch: create, validate, get, list."""

import pytest
from grpc import StatusCode

from tests.contract.experiment.conftest import READS, digest
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.registry.v1 import application_pb2

PLAN = [
    "env-setup", "stage-in-reference", "stage-in-reads", "pre-job", "submit", "monitor",
    "stage-out-alignment", "stage-out-stdout", "stage-out-stderr", "cleanup",
]  # fmt: skip


def validate(service, experiment_id, who="user"):
    return service.experiments(who).ValidateExperiment(pb.ValidateExperimentRequest(experiment_id=experiment_id))


def test_create_and_get(service, registry):
    made = service.create()
    assert made.state == state_pb2.EXPERIMENT_STATE_CREATED
    assert (made.owner, made.revision, made.process_id) == ("ada", 1, "")
    assert made.spec.application_version == "2.5.0"
    assert [file.size for each in made.spec.inputs for file in each.files] == [21, 11]
    answer = service.get(made.experiment_id)
    assert answer.experiment == made
    assert not answer.HasField("process")
    assert registry.calls == []


def test_every_fault_is_named(service, refused):
    inputs = [
        {"name": "reads", "files": [{"sha256": "0" * 64, "file_name": "reads.fq"}]},
        {"name": "seed", "value": "seven"},
        {"name": "colour", "value": "red"},
    ]
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create(project="none", compute_resource="moon", inputs=inputs)
    assert set(told.fields) == {
        "spec.project",
        "spec.compute_resource",
        "spec.inputs[0].files[0].sha256",
        "spec.inputs[1].value",
        "spec.inputs[2].name",
        "spec.inputs.reference",
    }


def test_an_experiment_is_small_enough_to_be_listed(service, registry, refused):
    for number in range(15):
        text = {"name": f"text{number}", "type": application_pb2.DATA_TYPE_STRING}
        registry.application.interface.inputs.add(**text)
    service.learn()
    made = service.create()
    inputs = [*made.spec.inputs, *({"name": f"text{number}", "value": "x" * 100_000} for number in range(15))]
    for call in (service.create, lambda **spec: service.update(made.experiment_id, **spec)):
        with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
            call(inputs=inputs)
        assert set(told.fields) == {"spec"}
    assert service.create(inputs=inputs[:10])


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"application": "blast"}, {"spec.application"}),
        ({"application_version": "1.0"}, {"spec.application"}),
        ({"batch_queue": "long"}, {"spec.batch_queue"}),
        ({"name": ""}, {"spec.name"}),
        ({"cleanup_policy": 9}, {"spec.cleanup_policy"}),
        ({"inputs": [{"name": "reads", "files": [{"sha256": "x", "file_name": "a/b"}]}]},
         {"spec.inputs[0].files[0].sha256", "spec.inputs[0].files[0].file_name"}),
    ],
)  # fmt: skip
def test_each_fault(service, refused, changes, fields):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create(**changes)
    assert set(told.fields) == fields


def test_a_file_of_another_tenant_is_not_there(service, refused):
    theirs = service.upload(b"secret", "other")
    inputs = [service.spec().inputs[0], {"name": "reads", "files": [{"sha256": theirs, "file_name": "reads.fq"}]}]
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create(inputs=inputs)
    assert set(told.fields) == {"spec.inputs[1].files[0].sha256"}


def test_a_repeat_gets_the_first_answer(service, registry, refused):
    first = service.create("r-1")
    registry.stop()
    assert service.create("r-1") == first
    with refused(StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        service.create("r-1", name="another")


def test_validate_shows_the_plan_and_changes_the_state_once(service):
    made = service.create()
    answer = validate(service, made.experiment_id)
    assert answer.experiment.state == state_pb2.EXPERIMENT_STATE_VALIDATED
    assert answer.experiment.revision == 2
    assert [task.task_id for task in answer.tasks] == PLAN
    assert list(answer.tasks[4].spec.job_submission.command.arguments) == [
        "bowtie2", "-x", "index", "--seed", "7", "-U", "../inputs/reads.fq",
    ]  # fmt: skip
    assert answer.tasks[2].spec.data_staging_in.sha256 == digest(READS)
    assert validate(service, made.experiment_id).experiment == answer.experiment
    assert service.get(made.experiment_id).experiment == answer.experiment


def test_validate_finds_what_changed_since(service, registry, refused):
    made = service.create()
    del registry.application.deployments[:]
    service.learn()
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        validate(service, made.experiment_id)
    assert set(told.fields) == {"spec.compute_resource"}
    assert service.get(made.experiment_id).experiment == made


def test_an_experiment_keeps_the_version_it_was_created_with(service, registry):
    made = service.create()
    registry.add_version("9.9.9")
    service.learn()
    assert validate(service, made.experiment_id).experiment.spec.application_version == "2.5.0"


def test_pages_the_newest_first(service):
    ids = [service.create(name=str(number)).experiment_id for number in range(5)]
    listed, token = [], ""
    for expected in (2, 2, 1):
        request = pb.ListExperimentsRequest(page_size=2, page_token=token, project="phages")
        page = service.experiments().ListExperiments(request)
        assert len(page.experiments) == expected
        listed += [each.experiment_id for each in page.experiments]
        token = page.next_page_token
    assert token == ""
    assert listed == ids[::-1]
    assert not service.experiments().ListExperiments(pb.ListExperimentsRequest(project="other")).experiments


@pytest.mark.parametrize("token", ["x", "WyJhIl0", "WyJhIiwiYiJd"])
def test_a_token_that_is_none(service, refused, token):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.experiments().ListExperiments(pb.ListExperimentsRequest(page_token=token))
    assert set(told.fields) == {"page_token"}


def test_what_another_tenant_sees(service, refused):
    made = service.create()
    theirs = service.experiments("other")
    assert not theirs.ListExperiments(pb.ListExperimentsRequest()).experiments
    calls = [
        (theirs.GetExperiment, pb.GetExperimentRequest),
        (theirs.ValidateExperiment, pb.ValidateExperimentRequest),
        (theirs.LaunchExperiment, pb.LaunchExperimentRequest),
        (theirs.ListExperimentEvents, pb.ListExperimentEventsRequest),
        (theirs.CheckHistory, pb.CheckHistoryRequest),
        (theirs.ListOutputs, pb.ListOutputsRequest),
        (lambda request: list(theirs.WatchExperiment(request)), pb.WatchExperimentRequest),
    ]
    for call, request in calls:
        with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
            call(request(experiment_id=made.experiment_id))
