"""ListExperiments by what narrows it."""

import pytest
from grpc import StatusCode

from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2, sharing_pb2

CREATED, VALIDATED, LAUNCHED = (
    state_pb2.EXPERIMENT_STATE_CREATED,
    state_pb2.EXPERIMENT_STATE_VALIDATED,
    state_pb2.EXPERIMENT_STATE_LAUNCHED,
)


def listed(service, who="user", **filters):
    """The names, page by page of two."""
    names, token = [], ""
    while True:
        request = pb.ListExperimentsRequest(page_size=2, page_token=token, **filters)
        page = service.experiments(who).ListExperiments(request)
        names += [each.spec.name for each in page.experiments]
        token = page.next_page_token
        if not token:
            return names


@pytest.fixture
def several(service):
    """Five experiments: two validated, one launched, of two projects, with tags."""
    service.projects().CreateProject(project_pb2.CreateProjectRequest(project={"name": "genes"}))
    made = {}
    for name, project, tags in (
        ("a", "phages", ["red"]),
        ("b", "phages", ["red", "round"]),
        ("c", "genes", ["round"]),
        ("d", "genes", []),
        ("e", "phages", ["red"]),
    ):
        made[name] = service.create(name=name, project=project, tags=tags).experiment_id
    service.validate(made["a"])
    service.validate(made["c"])
    service.launch(made["e"])
    return made


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, "edcba"),
        ({"project": "genes"}, "dc"),
        ({"tag": "red"}, "eba"),
        ({"tag": "round"}, "cb"),
        ({"tag": "rou"}, ""),
        ({"states": [VALIDATED]}, "ca"),
        ({"states": [CREATED, LAUNCHED, CREATED]}, "edb"),
        ({"application": "bowtie2"}, "edcba"),
        ({"application": "blast"}, ""),
        ({"owner": "ada"}, "edcba"),
        ({"owner": "bob"}, ""),
        ({"tag": "red", "states": [CREATED, VALIDATED], "project": "phages", "owner": "ada"}, "ba"),
        ({"tag": "round", "states": [VALIDATED], "application": "bowtie2"}, "c"),
    ],
)
def test_each_filter(service, several, filters, names):
    assert "".join(listed(service, **filters)) == names
    assert "".join(listed(service, "admin", **filters)) == names
    assert listed(service, "other", **filters) == []


def test_changed_tags_are_found_by(service, several):
    service.update(several["d"], tags=["red", "new"])
    service.update(several["a"], "tags")
    assert listed(service, tag="red") == ["e", "d", "b"]
    assert listed(service, tag="new") == ["d"]
    clone = service.clone(several["b"], name="f")
    assert list(clone.spec.tags) == ["red", "round"]
    assert listed(service, tag="round") == ["f", "c", "b"]


def test_each_says_what_may_be_done_with_it(service, several):
    answer = service.experiments().ListExperiments(pb.ListExperimentsRequest())
    assert {each.permission for each in answer.experiments} == {sharing_pb2.PERMISSION_OWNER}
    assert [each.intent for each in answer.experiments] == [state_pb2.PROCESS_INTENT_RUN, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("filters", "field"), [({"states": [0]}, "states[0]"), ({"states": [99]}, "states[0]"), ({"tag": "a b"}, "tag")]
)
def test_what_is_no_filter(service, refused, filters, field):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.experiments().ListExperiments(pb.ListExperimentsRequest(**filters))
    assert set(told.fields) == {field}


def test_a_page_ends_before_it_grows_too_large(service):
    description = "ä" * 9_999
    for number in range(110):
        service.create(name=str(number), description=description)
    page = service.experiments().ListExperiments(pb.ListExperimentsRequest(page_size=1000))
    assert 0 < len(page.experiments) < 110
    assert page.ByteSize() < 2.1 * 1024 * 1024
    rest = service.experiments().ListExperiments(
        pb.ListExperimentsRequest(page_size=1000, page_token=page.next_page_token)
    )
    names = [each.spec.name for each in (*page.experiments, *rest.experiments)]
    assert names == [str(number) for number in reversed(range(110))]
