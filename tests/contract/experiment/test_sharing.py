"""SharingService, and what it opens and closes in the other services."""

import pytest
from grpc import StatusCode

from tests.contract.experiment.conftest import READS, REFERENCE
from vahana.event.v1 import sync_pb2
from vahana.experiment.v1 import data_pb2, experiment_pb2, project_pb2, sharing_pb2
from vahana.profile.v1 import group_pb2

UNKNOWN = (StatusCode.NOT_FOUND, "NOT_FOUND")
FORBIDDEN = (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.fixture
def registry(registry):
    """Profile's part: five users, and groups in groups."""
    for name in ("ada", "bob", "cara", "dan", "eve"):
        registry.user(name)
    registry.group("students", "cara")
    registry.group("lab", "bob", groups=["students"])
    registry.group("campus", groups=["lab"])
    return registry


@pytest.fixture
def ada(person):
    """Who owns the project "phages" and all in it."""
    return person("ada")


@pytest.fixture
def made(service):
    """An experiment of ada's."""
    return service.create().experiment_id


def get(who, experiment_id):
    return who.experiments.GetExperiment(experiment_pb2.GetExperimentRequest(experiment_id=experiment_id)).experiment


def project(who, name="phages"):
    return who.projects.GetProject(project_pb2.GetProjectRequest(name=name)).project


def rename(who, experiment_id):
    request = experiment_pb2.UpdateExperimentRequest(
        experiment_id=experiment_id, spec={"name": "another"}, update_mask={"paths": ["name"]}
    )
    return who.experiments.UpdateExperiment(request).experiment


def every_call(who, experiment_id):
    """All calls that name an experiment or the project it is in: those that only look, then those that change."""
    named = {"experiment_id": experiment_id}
    pb, calls, shared = experiment_pb2, who.experiments, sharing_pb2.EntityName(experiment_id=experiment_id)
    phages = sharing_pb2.EntityName(project="phages")
    looks = [
        lambda: calls.GetExperiment(pb.GetExperimentRequest(**named)),
        lambda: next(calls.WatchExperiment(pb.WatchExperimentRequest(**named))),
        lambda: calls.ListExperimentEvents(pb.ListExperimentEventsRequest(**named)),
        lambda: calls.CheckHistory(pb.CheckHistoryRequest(**named)),
        lambda: calls.ListOutputs(pb.ListOutputsRequest(**named)),
        lambda: who.shares.ListShares(sharing_pb2.ListSharesRequest(entity=shared)),
        lambda: who.shares.ListShares(sharing_pb2.ListSharesRequest(entity=phages)),
        lambda: who.projects.GetProject(project_pb2.GetProjectRequest(name="phages")),
    ]
    spec = {"spec": {"name": "x"}, "update_mask": {"paths": ["name"]}}
    described = {"description": "x", "update_mask": {"paths": ["description"]}}
    changes = [
        lambda: calls.UpdateExperiment(pb.UpdateExperimentRequest(**named, **spec)),
        lambda: calls.LaunchExperiment(pb.LaunchExperimentRequest(**named)),
        lambda: calls.RelaunchExperiment(pb.RelaunchExperimentRequest(**named)),
        lambda: calls.CancelExperiment(pb.CancelExperimentRequest(**named)),
        lambda: calls.PauseExperiment(pb.PauseExperimentRequest(**named)),
        lambda: calls.ResumeExperiment(pb.ResumeExperimentRequest(**named)),
        lambda: who.projects.UpdateProject(project_pb2.UpdateProjectRequest(name="phages", **described)),
        lambda: who.share(experiment_id, "user:eve", "READ"),
        lambda: who.share("phages", "user:eve", "READ"),
        lambda: who.unshare(experiment_id, "user:eve"),
        lambda: who.unshare("phages", "user:eve"),
    ]
    return looks, changes


def test_to_a_stranger_of_the_tenant_nothing_is_there(made, person, refused):
    eve = person("eve")
    looks, changes = every_call(eve, made)
    clone = experiment_pb2.CloneExperimentRequest(experiment_id=made)
    validate = experiment_pb2.ValidateExperimentRequest(experiment_id=made)
    download = data_pb2.DownloadOutputRequest(experiment_id=made, output="alignment")
    more = [
        lambda: eve.experiments.CloneExperiment(clone),
        lambda: eve.experiments.ValidateExperiment(validate),
        lambda: next(eve.data.DownloadOutput(download)),
    ]
    for call in [*looks, *changes, *more]:
        with refused(*UNKNOWN):
            call()
    assert not eve.experiments.ListExperiments(experiment_pb2.ListExperimentsRequest()).experiments
    assert not eve.projects.ListProjects(project_pb2.ListProjectsRequest()).projects


def test_who_may_read_may_not_change(made, ada, person, refused):
    ada.share("phages", "user:bob", "READ")
    bob = person("bob")
    looks, changes = every_call(bob, made)
    for call in looks:
        call()
    for call in changes:
        with refused(*FORBIDDEN):
            call()
    assert get(bob, made).permission == project(bob).permission == sharing_pb2.PERMISSION_READ
    listed = bob.experiments.ListExperiments(experiment_pb2.ListExperimentsRequest()).experiments
    assert [(each.experiment_id, each.permission) for each in listed] == [(made, sharing_pb2.PERMISSION_READ)]


def test_one_experiment_is_shared_without_its_project(service, made, ada, person, refused):
    other = service.create().experiment_id
    ada.share(made, "user:bob", "WRITE")
    bob = person("bob")
    assert rename(bob, made).permission == sharing_pb2.PERMISSION_WRITE
    for hidden in (lambda: get(bob, other), lambda: project(bob)):
        with refused(*UNKNOWN):
            hidden()
    listed = bob.experiments.ListExperiments(experiment_pb2.ListExperimentsRequest()).experiments
    assert [each.experiment_id for each in listed] == [made]


def test_the_highest_permission_counts(made, ada, person):
    ada.share("phages", "group:lab", "WRITE")
    ada.share(made, "user:bob", "READ")
    ada.share(made, "group:campus", "MANAGE_SHARING")
    assert get(person("bob"), made).permission == sharing_pb2.PERMISSION_MANAGE_SHARING
    assert project(person("bob")).permission == sharing_pb2.PERMISSION_WRITE


def test_groups_in_groups(service, registry, made, ada, person, refused):
    ada.share(made, "group:campus", "READ")
    cara, dan = person("cara"), person("dan")
    assert get(cara, made).permission == sharing_pb2.PERMISSION_READ
    with refused(*UNKNOWN):
        get(dan, made)
    registry.group("students", "dan")
    registry.leave("students", "cara")
    service.learn()
    assert get(dan, made)
    with refused(*UNKNOWN):
        get(cara, made)


def test_groups_that_hold_each_other(service, registry, made, ada, person):
    registry.group("students", groups=["campus"])
    service.learn()
    ada.share(made, "group:campus", "READ")
    assert get(person("cara"), made)


def test_another_group_of_the_same_name_inherits_nothing(service, registry, made, ada, person, refused):
    kind = sync_pb2.ENTITY_KIND_GROUP
    ada.share(made, "group:lab", "READ")
    registry.put(kind, "lab", None)
    service.learn()
    with refused(*UNKNOWN):
        get(person("bob"), made)
    again = group_pb2.Group(name="lab")
    again.create_time.FromSeconds(1_800_000_000)
    registry.put(kind, "lab", again)
    service.learn()
    with refused(*UNKNOWN):
        get(person("bob"), made)
    assert ada.listed(made) == ([], "")
    ada.share(made, "group:lab", "READ")
    assert get(person("bob"), made)
    ada.unshare(made, "group:lab")
    with refused(*UNKNOWN):
        get(person("bob"), made)


def test_revoked(made, ada, person, refused):
    ada.share(made, "user:bob", "WRITE")
    ada.share(made, "user:bob", "READ")
    bob = person("bob")
    assert get(bob, made).permission == sharing_pb2.PERMISSION_READ
    ada.unshare(made, "user:bob")
    ada.unshare(made, "user:bob")
    with refused(*UNKNOWN):
        get(bob, made)
    assert ada.listed(made) == ([], "")


def test_managers_give_what_is_below_them(made, ada, person, refused):
    ada.share(made, "user:bob", "MANAGE_SHARING")
    ada.share(made, "user:cara", "MANAGE_SHARING")
    bob = person("bob")
    bob.share(made, "user:dan", "WRITE")
    bob.unshare(made, "user:dan")
    for call in (
        lambda: bob.share(made, "user:dan", "MANAGE_SHARING"),
        lambda: bob.share(made, "user:cara", "READ"),
        lambda: bob.unshare(made, "user:cara"),
    ):
        with refused(*FORBIDDEN):
            call()
    with refused(*UNKNOWN):
        bob.share("phages", "user:dan", "READ")
    bob.unshare(made, "user:bob")
    with refused(*UNKNOWN):
        get(bob, made)


def test_owners_and_administrators(service, made, ada, person, refused):
    ada.share("phages", "user:bob", "WRITE")
    bob = person("bob")
    request = experiment_pb2.CreateExperimentRequest(spec=service.spec(name="of bob"))
    theirs = bob.experiments.CreateExperiment(request).experiment
    assert (theirs.owner, theirs.permission) == ("bob", sharing_pb2.PERMISSION_OWNER)
    for owner in (ada, person("root", "admin")):
        assert get(owner, theirs.experiment_id).permission == sharing_pb2.PERMISSION_OWNER
        owner.share(theirs.experiment_id, "user:eve", "MANAGE_SHARING")
        owner.unshare(theirs.experiment_id, "user:eve")
    with refused(*UNKNOWN):
        get(person("root", "admin", tenant="other"), made)
    ada.unshare("phages", "user:bob")
    assert get(bob, theirs.experiment_id).permission == sharing_pb2.PERMISSION_OWNER


def test_writing_into_a_project(service, ada, person, refused):
    bob = person("bob")
    request = experiment_pb2.CreateExperimentRequest(spec=service.spec())
    with refused(*INVALID) as told:
        bob.experiments.CreateExperiment(request)
    assert set(told.fields) == {"spec.project"}
    ada.share("phages", "user:bob", "READ")
    with refused(*FORBIDDEN):
        bob.experiments.CreateExperiment(request)


@pytest.mark.parametrize("grantee", ["user:nobody", "group:nobodies", "group:lab#0"])
def test_whom_nobody_knows(made, ada, refused, grantee):
    with refused(*INVALID) as told:
        ada.share(made, grantee, "READ")
    assert set(told.fields) == {f"grantee.{grantee.partition(':')[0]}"}


@pytest.mark.parametrize("permission", ["UNSPECIFIED", "OWNER"])
def test_permissions_that_cannot_be_given(made, ada, refused, permission):
    with refused(*INVALID) as told:
        ada.share(made, "user:bob", permission)
    assert set(told.fields) == {"permission"}


def test_the_list_of_shares(made, ada, person):
    share = ada.share(made, "user:bob", "WRITE")
    assert (share.granter, share.entity.experiment_id) == ("ada", made)
    ada.share("phages", "user:bob", "READ")
    ada.share("phages", "group:lab", "READ")
    every = ["group:lab READ project", "user:bob READ project", "user:bob WRITE experiment_id"]
    assert person("cara").listed(made) == (every, "")
    assert ada.listed("phages") == (every[:2], "")
    first, token = ada.listed(made, page_size=2)
    assert (first, bool(token)) == (every[:2], True)
    assert ada.listed(made, page_size=2, page_token=token) == (every[2:], "")


def test_a_token_of_another_list(made, ada, refused):
    with refused(*INVALID) as told:
        ada.listed(made, page_token="WyJhIl0")
    assert set(told.fields) == {"page_token"}


def test_names_that_differ_by_case_alone(service, registry, made, ada):
    registry.group("Lab", "eve")
    service.learn()
    ada.share(made, "group:Lab", "READ")
    ada.share(made, "group:lab", "READ")
    ada.unshare(made, "group:lab")
    assert ada.listed(made) == (["group:Lab READ experiment_id"], "")


def test_files_stay_known_to_the_tenant(service, person):
    """Who may write to a project may use what others of the tenant stored: files belong to tenants."""
    sizes = {READS: len(READS), REFERENCE: len(REFERENCE)}
    for content, size in sizes.items():
        sha256 = service.upload(content)
        assert person("eve").data.StatFile(data_pb2.StatFileRequest(sha256=sha256)).size == size
