"""The mesh's own services have calls of their own, and no way to what is users'."""

import pytest
from grpc import StatusCode

from tests.contract.experiment.people import people
from vahana.experiment.v1 import data_pb2, experiment_pb2, project_pb2

UNKNOWN = (StatusCode.NOT_FOUND, "NOT_FOUND")
SERVICES = ("executor", "scheduler", "eventsink", "registry")


@pytest.mark.parametrize("who", SERVICES)
def test_a_service_may_see_and_change_nothing_of_a_tenant(service, launched, refused, who):
    experiments, projects = service.experiments(who, "default"), service.projects(who, "default")
    for call, request in (
        (experiments.GetExperiment, experiment_pb2.GetExperimentRequest),
        (experiments.CancelExperiment, experiment_pb2.CancelExperimentRequest),
        (experiments.ListExperimentEvents, experiment_pb2.ListExperimentEventsRequest),
    ):
        with refused(*UNKNOWN):
            call(request(experiment_id=launched.experiment_id))
    with refused(*UNKNOWN):
        next(experiments.WatchExperiment(experiment_pb2.WatchExperimentRequest(experiment_id=launched.experiment_id)))
    with refused(*UNKNOWN):
        output = data_pb2.DownloadOutputRequest(experiment_id=launched.experiment_id, output="alignment")
        next(service.data(who, "default").DownloadOutput(output))
    with refused(*UNKNOWN):
        projects.GetProject(project_pb2.GetProjectRequest(name="phages"))
    assert not experiments.ListExperiments(experiment_pb2.ListExperimentsRequest()).experiments
    assert not projects.ListProjects(project_pb2.ListProjectsRequest()).projects
    assert service.get(launched.experiment_id).experiment.state == launched.state


def test_not_even_what_is_of_a_user_of_its_name(service, registry, refused):
    registry.user("executor")
    service.learn()
    with people(service.served.address) as person:
        user = person("executor")
        user.projects.CreateProject(project_pb2.CreateProjectRequest(project={"name": "mine"}))
        user.projects.GetProject(project_pb2.GetProjectRequest(name="mine"))
        projects = service.projects("executor", "default")
        with refused(*UNKNOWN):
            projects.GetProject(project_pb2.GetProjectRequest(name="mine"))
        assert not projects.ListProjects(project_pb2.ListProjectsRequest()).projects
        service.projects("admin").GetProject(project_pb2.GetProjectRequest(name="mine"))
