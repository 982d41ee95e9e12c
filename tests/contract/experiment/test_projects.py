"""ProjectService."""

import pytest
import sqlalchemy as sa
from grpc import StatusCode

from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.chassis.paging import encode_token
from services.experiment.domain.records import Project
from services.experiment.storage import projects
from tests.contract.experiment.people import people
from vahana.experiment.v1 import project_pb2 as pb
from vahana.experiment.v1 import sharing_pb2


def create(stub, name, request_id="", description=""):
    project = {"name": name, "description": description}
    return stub.CreateProject(pb.CreateProjectRequest(project=project, request_id=request_id)).project


def test_create_and_get(bare):
    made = create(bare.projects(), "phages", description="small ones")
    assert (made.name, made.description, made.owner) == ("phages", "small ones", "ada")
    assert made.create_time.seconds > 0
    assert bare.projects("admin").GetProject(pb.GetProjectRequest(name="phages")).project == made


def test_a_name_is_taken_once_a_tenant(bare, refused):
    create(bare.projects(), "phages")
    with refused(StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(bare.projects("admin"), "phages")
    assert create(bare.projects("other"), "phages").owner == "olga"


def test_a_repeat_gets_the_first_answer(bare, refused):
    first = create(bare.projects(), "phages", "r-1")
    assert create(bare.projects(), "phages", "r-1") == first
    with refused(StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(bare.projects(), "viruses", "r-1")


def test_pages_by_name(bare):
    for name in ("c", "a", "d", "b"):
        create(bare.projects(), name)
    first = bare.projects().ListProjects(pb.ListProjectsRequest(page_size=3))
    assert [each.name for each in first.projects] == ["a", "b", "c"]
    rest = bare.projects().ListProjects(pb.ListProjectsRequest(page_size=3, page_token=first.next_page_token))
    assert [each.name for each in rest.projects] == ["d"]
    assert rest.next_page_token == ""
    exact = bare.projects().ListProjects(pb.ListProjectsRequest(page_size=4))
    assert (len(exact.projects), exact.next_page_token) == (4, "")


def test_what_another_tenant_sees(bare, refused):
    create(bare.projects(), "phages")
    assert not bare.projects("other").ListProjects(pb.ListProjectsRequest()).projects
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        bare.projects("other").GetProject(pb.GetProjectRequest(name="phages"))


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 64])
def test_names_that_cannot_be(bare, refused, name):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        create(bare.projects(), name)
    assert set(told.fields) == {"project.name"}


@pytest.mark.parametrize("token", ["not-one", encode_token("of", "another list"), encode_token("\ud800")])
def test_a_token_that_is_none(bare, refused, token):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        bare.projects().ListProjects(pb.ListProjectsRequest(page_token=token))
    assert set(told.fields) == {"page_token"}


def test_without_a_token(bare, refused):
    with refused(StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        bare.projects("").ListProjects(pb.ListProjectsRequest())


def update(stub, *paths, revision=0, **changes):
    """Change the fields given by name, or those of `paths`."""
    request = pb.UpdateProjectRequest(
        name="phages", update_mask={"paths": paths or list(changes)}, revision=revision, **changes
    )
    return stub.UpdateProject(request).project


def test_a_description_is_changed(bare, refused):
    made = create(bare.projects(), "phages")
    assert (made.revision, made.permission) == (1, sharing_pb2.PERMISSION_OWNER)
    changed = update(bare.projects(), description="small ones", revision=1)
    assert (changed.description, changed.revision) == ("small ones", 2)
    assert bare.projects().GetProject(pb.GetProjectRequest(name="phages")).project == changed
    with refused(StatusCode.ABORTED, "STALE_REVISION"):
        update(bare.projects(), description="late", revision=1)
    assert update(bare.projects(), "description").description == ""


@pytest.mark.parametrize("paths", [(), ("name",), ("description", "revision")])
def test_masks_that_name_what_cannot_change(bare, refused, paths):
    create(bare.projects(), "phages")
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        request = pb.UpdateProjectRequest(name="phages", update_mask={"paths": paths})
        bare.projects().UpdateProject(request)
    assert set(told.fields) == {"update_mask"}


def test_a_project_is_given_away(bare, registry, refused):
    registry.user("ada")
    registry.user("bob")
    bare.learn()
    create(bare.projects(), "phages")
    for nobody in ("", "nobody"):
        with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
            update(bare.projects(), owner=nobody)
        assert set(told.fields) == {"owner"}
    with people(bare.served.address) as person:
        ada, bob = person("ada"), person("bob")
        ada.share("phages", "user:bob", "MANAGE_SHARING")
        assert update(bob.projects, description="of bob").permission == sharing_pb2.PERMISSION_MANAGE_SHARING
        with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            update(bob.projects, owner="bob")
        given = update(ada.projects, owner="bob")
        assert (given.owner, given.permission) == ("bob", sharing_pb2.PERMISSION_UNSPECIFIED)
        with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
            update(ada.projects, description="mine")
        assert update(person("root", "admin").projects, owner="ada").owner == "ada"


def test_projects_that_may_be_seen_are_listed_by_name(bare, registry):
    registry.user("bob")
    registry.group("lab", "bob")
    bare.learn()
    with people(bare.served.address) as person:
        ada, bob = person("ada"), person("bob")
        for name in ("a", "b", "c", "d"):
            create(ada.projects, name)
        create(bob.projects, "bb")
        ada.share("d", "user:bob", "READ")
        ada.share("a", "group:lab", "WRITE")
        ada.share("a", "user:bob", "READ")
        first = bob.projects.ListProjects(pb.ListProjectsRequest(page_size=2))
        rest = bob.projects.ListProjects(pb.ListProjectsRequest(page_token=first.next_page_token))
    found = [(each.name, each.permission) for each in (*first.projects, *rest.projects)]
    assert found == [
        ("a", sharing_pb2.PERMISSION_WRITE),
        ("bb", sharing_pb2.PERMISSION_OWNER),
        ("d", sharing_pb2.PERMISSION_READ),
    ]


def test_a_name_is_taken_by_what_may_not_be_seen(bare, refused):
    create(bare.projects(), "phages")
    with people(bare.served.address) as person, refused(StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(person("eve").projects, "phages")


def test_projects_from_before_are_at_their_first_revision(database_url):
    upgrade(database_url, "services.experiment")
    downgrade(database_url, "services.experiment", "0002")
    insert = "INSERT INTO project (tenant, name, description, owner, create_time) VALUES ('t', 'p', 'old', 'ada', 7)"
    database = Database(database_url)
    with database.write() as tx:
        tx.execute(sa.text(insert))
    upgrade(database_url, "services.experiment")
    with database.read() as tx:
        assert projects.find(tx, "t", "p") == Project("p", "old", "ada", 7, 1)
    downgrade(database_url, "services.experiment", "0002")
    with database.read() as tx:
        assert tx.execute(sa.text("SELECT owner FROM project")).scalars().all() == ["ada"]
    database.close()
