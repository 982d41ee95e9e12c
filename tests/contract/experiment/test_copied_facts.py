"""Experiments are checked against copies, and what these lack is asked for."""

from grpc import StatusCode

from tests.contract.experiment.conftest import READS, REFERENCE
from vahana.experiment.v1 import experiment_pb2, project_pb2
from vahana.registry.v1 import application_pb2


def prepared(service):
    service.projects().CreateProject(project_pb2.CreateProjectRequest(project={"name": "phages"}))
    service.upload(READS)
    service.upload(REFERENCE)
    return service


def asked(registry):
    return [request.name or request.parent for _, method, request in registry.calls if method.startswith("Find")]


def test_a_copy_that_knows_all_asks_nobody(service, registry):
    service.launched()
    assert registry.calls == []


def test_what_is_not_known_yet_is_asked_for(unknowing, registry):
    service = prepared(unknowing)
    made = service.create()
    assert made.spec.application_version == "2.5.0"
    assert {"bowtie2", "bowtie2/2.5.0", "cluster"} <= set(asked(registry))


def test_without_the_registry_a_copy_never_whole_says_who_is_missing(unknowing, registry, refused):
    service = prepared(unknowing)
    registry.stop()
    with refused(StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as told:
        service.create()
    assert "registry" in told.message


def test_without_the_registry_a_whole_copy_is_believed(service, registry, refused):
    registry.stop()
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.create(application="blast", compute_resource="moon")
    assert set(told.fields) == {"spec.application", "spec.compute_resource"}
    assert service.create().spec.application_version == "2.5.0"


def test_a_fault_that_the_registry_has_mended_is_none(service, registry):
    """An event may still be under way when its effect is relied on."""
    del registry.application.deployments[:]
    service.learn()
    registry.application.deployments.add(compute_resource="cluster", executable="bowtie2")
    service.create()


def test_an_interface_that_was_created_since_is_seen(service, registry):
    registry.application.ClearField("interface")
    service.learn()
    registry.application.interface.inputs.add(name="reference", type=application_pb2.DATA_TYPE_URI)
    registry.application.interface.inputs.add(name="reads", type=application_pb2.DATA_TYPE_URI)
    registry.application.deployments[0].ClearField("arguments")
    service.create()


def test_the_latest_version_is_the_one_registered_last(service, registry):
    registry.add_version("10.0")
    registry.add_version("9.0")
    service.learn()
    assert service.create().spec.application_version == "9.0"
    assert service.create(application_version="10.0").spec.application_version == "10.0"


def test_a_retired_version_is_not_the_latest(service, registry):
    registry.add_version("9.0").module.retired = True
    service.learn()
    assert service.create().spec.application_version == "2.5.0"


def test_another_tenants_applications_are_not_known(service, refused):
    other = project_pb2.CreateProjectRequest(project={"name": "phages"})
    service.projects("other").CreateProject(other)
    service.upload(READS, "other")
    service.upload(REFERENCE, "other")
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.experiments("other").CreateExperiment(experiment_pb2.CreateExperimentRequest(spec=service.spec()))
    assert {"spec.application", "spec.compute_resource"} <= set(told.fields)
