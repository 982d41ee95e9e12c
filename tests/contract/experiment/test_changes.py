"""UpdateExperiment and CloneExperiment."""

import pytest
from grpc import StatusCode

from services.experiment.handlers import checking
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2, project_pb2

CREATED, VALIDATED = state_pb2.EXPERIMENT_STATE_CREATED, state_pb2.EXPERIMENT_STATE_VALIDATED


def add_project(service, name, who="user"):
    service.projects(who).CreateProject(project_pb2.CreateProjectRequest(project={"name": name}))


def test_what_the_mask_names_changes_and_nothing_else(service):
    made = service.create(tags=["phage"])
    changed = service.update(made.experiment_id, "name", "description", name="renamed", description="why", tags=["x"])
    assert (changed.spec.name, changed.spec.description, list(changed.spec.tags)) == ("renamed", "why", ["phage"])
    assert changed.revision == made.revision + 1
    assert service.get(made.experiment_id).experiment == changed
    cleared = service.update(made.experiment_id, "description", "tags")
    assert (cleared.spec.name, cleared.spec.description, list(cleared.spec.tags)) == ("renamed", "", [])


def test_what_a_launch_goes_by_is_checked_again(service, refused):
    made = service.create()
    service.validate(made.experiment_id)
    seed = [*made.spec.inputs, {"name": "seed", "value": "12"}]
    changed = service.update(made.experiment_id, inputs=seed)
    assert changed.state == CREATED
    assert changed.spec.inputs[2].value == "12"
    tasks = service.validate(made.experiment_id).tasks
    assert "12" in tasks[4].spec.job_submission.command.arguments
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.update(made.experiment_id, inputs=[{"name": "seed", "value": "x"}], compute_resource="moon")
    assert {"spec.inputs.reads", "spec.inputs[0].value", "spec.compute_resource"} <= set(told.fields)
    assert service.get(made.experiment_id).experiment.spec == changed.spec


def test_words_for_people_leave_it_validated(service):
    made = service.create()
    service.validate(made.experiment_id)
    assert service.update(made.experiment_id, name="other", tags=["a"]).state == VALIDATED


def test_once_launched_only_words_for_people_change(service, launched, refused):
    changed = service.update(launched.experiment_id, name="after all", description="done", tags=["kept"])
    assert (changed.state, changed.process_id) == (launched.state, launched.process_id)
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        service.update(launched.experiment_id, name="x", resources={"cpu_count": 2})
    assert service.get(launched.experiment_id).experiment == changed


@pytest.mark.parametrize(
    ("paths", "spec", "field"),
    [
        ((), {}, "update_mask"),
        (("state",), {}, "update_mask"),
        (("spec.name",), {"name": "x"}, "update_mask"),
        (("name",), {"name": ""}, "spec.name"),
        (("name",), {"name": "x" * 201}, "spec.name"),
        (("tags",), {"tags": ["a", "a"]}, "spec.tags"),
        (("tags",), {"tags": ["no blanks"]}, "spec.tags[0]"),
        (("cleanup_policy",), {"cleanup_policy": 9}, "spec.cleanup_policy"),
        (("application",), {"application": "blast"}, "spec.application"),
        (("resources",), {"resources": {"batch_queue": "none"}}, "spec.resources.batch_queue"),
        (("resources",), {"resources": {"wall_time": {"seconds": 2**38}}}, "spec.resources.wall_time"),
        (("project",), {"project": "none"}, "spec.project"),
    ],
)
def test_each_fault(service, refused, paths, spec, field):
    made = service.create()
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        request = experiment_pb2.UpdateExperimentRequest(
            experiment_id=made.experiment_id, spec=spec, update_mask={"paths": paths}
        )
        service.experiments().UpdateExperiment(request)
    assert set(told.fields) == {field}
    assert service.get(made.experiment_id).experiment == made


def test_another_application_comes_in_its_own_latest_version(service, registry):
    made = service.create()
    registry.add_version("2.6.0")
    service.learn()
    assert service.update(made.experiment_id, application="bowtie2").spec.application_version == "2.6.0"
    back = service.update(made.experiment_id, application="bowtie2", application_version="2.5.0")
    assert back.spec.application_version == "2.5.0"


def test_words_for_people_outgrow_nothing(service, refused, monkeypatch):
    made = service.create(name="short")
    monkeypatch.setattr(checking, "LARGEST_SPEC", made.spec.ByteSize() + 10)
    assert service.update(made.experiment_id, name="longer").spec.name == "longer"
    for change in ({"name": "x" * 100}, {"description": "x" * 100}, {"tags": ["x" * 50, "y" * 50]}):
        with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
            service.update(made.experiment_id, **change)
        assert set(told.fields) == {"spec"}
    assert service.get(made.experiment_id).experiment.spec.name == "longer"


def test_what_the_service_adds_is_counted_too(service, refused, monkeypatch):
    asked = service.spec()
    monkeypatch.setattr(checking, "LARGEST_SPEC", asked.ByteSize())
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create()
    assert set(told.fields) == {"spec"}


def test_a_stale_revision(service, refused):
    made = service.create()
    second = service.update(made.experiment_id, name="second", revision=made.revision)
    for change in ({"name": "third"}, {"cleanup_policy": 1}):
        with refused(StatusCode.ABORTED, "STALE_REVISION"):
            service.update(made.experiment_id, revision=made.revision, **change)
    assert service.get(made.experiment_id).experiment == second


def test_only_its_owner_moves_it_and_only_where_they_may_write(service, registry, refused):
    made = service.create()
    add_project(service, "genes")
    add_project(service, "theirs", "admin")
    assert service.update(made.experiment_id, project="genes").spec.project == "genes"
    listed = service.experiments().ListExperiments(experiment_pb2.ListExperimentsRequest(project="genes")).experiments
    assert [each.experiment_id for each in listed] == [made.experiment_id]
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        service.update(made.experiment_id, project="theirs")
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        service.update(made.experiment_id, who="other", name="mine now")


def test_a_clone_asks_for_the_same_and_is_the_callers(service, launched):
    clone = service.clone(launched.experiment_id, who="admin")
    assert clone.experiment_id != launched.experiment_id
    assert clone.spec == launched.spec
    assert (clone.state, clone.owner, clone.process_id, clone.revision) == (CREATED, "admin", "", 1)
    add_project(service, "genes")
    other = service.clone(launched.experiment_id, name="again", project="genes")
    assert (other.spec.name, other.spec.project, other.spec.inputs) == ("again", "genes", launched.spec.inputs)
    assert service.launch(clone.experiment_id).process_id


def test_a_repeated_clone_gets_the_first_answer(service, launched, refused):
    first = service.clone(launched.experiment_id, request_id="r-1")
    assert service.clone(launched.experiment_id, request_id="r-1") == first
    with refused(StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        service.clone(launched.experiment_id, request_id="r-1", name="other")


def test_what_can_be_cloned_no_more(service, registry, launched, refused):
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        service.clone(launched.experiment_id, who="other")
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.clone(launched.experiment_id, project="none")
    assert set(told.fields) == {"spec.project"}
    registry.application.module.retired = True
    service.learn()
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.clone(launched.experiment_id)
    assert set(told.fields) == {"spec.application"}
