"""Who was put into a group a moment ago: what the copies have not heard yet refuses nobody."""

import pytest
from grpc import StatusCode

from services.chassis.errors import Unavailable
from services.chassis.rpc.snapshots import SnapshotPeer
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2, sharing_pb2
from vahana.registry.v1 import group_resource_profile_pb2

UNKNOWN = (StatusCode.NOT_FOUND, "NOT_FOUND")
FORBIDDEN = (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
TOO_LARGE = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.fixture
def registry(registry):
    """Profile's part: ada, and bob whom no group has yet."""
    registry.user("ada")
    registry.user("bob")
    registry.group("lab", "ada")
    return registry


@pytest.fixture
def bob(person):
    return person("bob")


@pytest.fixture
def made(service, person):
    """An experiment of ada's, who lets the lab change all of the project."""
    ada = person("ada")
    ada.share("phages", "group:lab", "WRITE")
    return service.create().experiment_id


def asked(registry):
    """What profile was asked for of members: the parents."""
    return [request.parent for _, _, request in registry.calls if getattr(request, "parent", "").startswith("user:")]


def calls(who, experiment_id):
    """All that names the project or an experiment in it, and is refused to who may not see it."""
    named, mine, shared = {"experiment_id": experiment_id}, who.experiments, sharing_pb2.EntityName(project="phages")
    words = {"spec": {"name": "x"}, "update_mask": {"paths": ["name"]}}
    described = {"description": "x", "update_mask": {"paths": ["description"]}}
    return {
        "project": lambda: who.projects.GetProject(project_pb2.GetProjectRequest(name="phages")),
        "describe": lambda: who.projects.UpdateProject(project_pb2.UpdateProjectRequest(name="phages", **described)),
        "shares": lambda: who.shares.ListShares(sharing_pb2.ListSharesRequest(entity=shared)),
        "get": lambda: mine.GetExperiment(pb.GetExperimentRequest(**named)),
        "events": lambda: mine.ListExperimentEvents(pb.ListExperimentEventsRequest(**named)),
        "outputs": lambda: mine.ListOutputs(pb.ListOutputsRequest(**named)),
        "update": lambda: mine.UpdateExperiment(pb.UpdateExperimentRequest(**named, **words)),
        "clone": lambda: mine.CloneExperiment(pb.CloneExperimentRequest(**named)),
        "validate": lambda: mine.ValidateExperiment(pb.ValidateExperimentRequest(**named)),
        "launch": lambda: mine.LaunchExperiment(pb.LaunchExperimentRequest(**named)),
    }


@pytest.mark.parametrize(
    "call",
    ["project", "describe", "shares", "get", "events", "outputs", "update", "clone", "validate", "launch"],
)
def test_a_new_member_sees_what_is_the_groups(registry, made, bob, call, refused):
    with refused(*UNKNOWN):
        calls(bob, made)[call]()
    registry.group("lab", "bob")
    calls(bob, made)[call]()


def test_a_new_member_creates_in_the_project_of_the_group(service, registry, made, bob):
    registry.group("lab", "bob")
    bob.experiments.CreateExperiment(pb.CreateExperimentRequest(spec=service.spec()))


def test_a_new_member_by_way_of_a_new_group(registry, made, bob):
    registry.group("students", "bob")
    registry.group("lab", groups=["students"])
    assert calls(bob, made)["get"]().experiment.experiment_id == made


def test_who_is_known_to_be_in_is_not_asked_for(service, registry, made, bob):
    registry.group("lab", "bob")
    service.learn()
    registry.calls.clear()
    for name in ("get", "validate", "launch"):
        calls(bob, made)[name]()
    assert asked(registry) == []


def test_each_refused_call_asks_once(registry, made, bob, refused):
    for name, call in calls(bob, made).items():
        registry.calls.clear()
        with refused(*UNKNOWN):
            call()
        assert asked(registry) == ["user:bob"], name


def test_without_profile_the_copy_is_believed(registry, made, bob, refused):
    registry.stop()
    for call in calls(bob, made).values():
        with refused(*UNKNOWN):
            call()


@pytest.fixture
def silent(monkeypatch):
    """Profile and registry stop answering; `silent()` returns whom it was waited for since."""

    def stop():
        waited = []

        def find(peer, kind, tenant, name, parent):
            waited.append(parent or name)
            raise Unavailable("does not answer")

        monkeypatch.setattr(SnapshotPeer, "find", find)
        return waited

    return stop


def test_a_silent_profile_is_waited_for_once(service, registry, made, bob, refused, silent):
    registry.group("lab", "bob")
    registry.group("campus", "bob", groups=["lab"])
    service.learn()
    waited = silent()
    with refused(*UNKNOWN):
        bob.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id="exp-none"))
    assert waited == ["user:bob"]


def restrict(service, registry, **limits):
    """Let chemists alone use the host."""
    registry.host.restricted = True
    grants = [{"compute_resource": "cluster", **limits}]
    profile = group_resource_profile_pb2.GroupResourceProfile(name="chem", groups=["chemists"], grants=grants)
    registry.profiles = [profile]
    registry.group("chemists")
    service.learn()


def launch(service, experiment_id):
    return service.experiments().LaunchExperiment(pb.LaunchExperimentRequest(experiment_id=experiment_id))


def test_a_new_member_of_a_granted_group_launches(service, registry, refused):
    restrict(service, registry)
    made = service.create().experiment_id
    registry.calls.clear()
    with refused(*FORBIDDEN):
        launch(service, made)
    assert asked(registry) == ["user:ada"]
    registry.group("chemists", "ada")
    assert launch(service, made).experiment.process_id


def test_a_new_member_of_a_group_that_is_granted_more_launches(service, registry, refused):
    restrict(service, registry)
    few, many = ({"max_cpu_count": count} for count in (1, 8))
    profiles = [
        group_resource_profile_pb2.GroupResourceProfile(
            name=group, groups=[group], grants=[{"compute_resource": "cluster", **most}]
        )
        for group, most in (("lab", few), ("chemists", many))
    ]
    registry.profiles = profiles
    service.learn()
    made = service.create(resources={"cpu_count": 4}).experiment_id
    with refused(*TOO_LARGE):
        launch(service, made)
    registry.group("chemists", "ada")
    assert launch(service, made).experiment.process_id


def test_a_dry_run_says_what_a_launch_would_do(service, registry):
    restrict(service, registry)
    made = service.create().experiment_id
    registry.calls.clear()
    assert not all(each.allowed for each in service.validate(made).verdicts)
    assert asked(registry) == ["user:ada"]
    registry.group("chemists", "ada")
    assert all(each.allowed for each in service.validate(made).verdicts)


def test_without_profile_a_launch_is_judged_by_the_copy(service, registry, refused):
    restrict(service, registry)
    made = service.create().experiment_id
    registry.stop()
    with refused(*FORBIDDEN):
        launch(service, made)
