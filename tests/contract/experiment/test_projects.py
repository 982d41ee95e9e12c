"""ProjectService."""

import pytest
from grpc import StatusCode

from vahana.experiment.v1 import project_pb2 as pb


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


def test_a_token_that_is_none(bare, refused):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        bare.projects().ListProjects(pb.ListProjectsRequest(page_token="not-one"))
    assert set(told.fields) == {"page_token"}


def test_without_a_token(bare, refused):
    with refused(StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        bare.projects("").ListProjects(pb.ListProjectsRequest())
