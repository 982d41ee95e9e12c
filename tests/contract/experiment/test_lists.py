"""ListExperiments by what narrows it."""

import pytest
import sqlalchemy as sa
from grpc import StatusCode

from services.experiment import schema
from services.experiment.storage import experiments, history
from tests.contract.experiment.conftest import Reports
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


@pytest.fixture
def read(monkeypatch):
    """The experiments and events that were read whole: one entry each."""
    rows = []
    for module, kind in ((experiments, "Experiment"), (history, "Event")):
        plain = getattr(module, kind)
        monkeypatch.setattr(module, kind, lambda plain=plain, **fields: rows.append(1) or plain(**fields))
    return rows


def test_no_more_is_read_than_is_on_the_page(service, read):
    for number in range(7):
        service.create(name=str(number), description="short")
    large = service.spec(inputs=[{"name": "seed", "value": "x" * 900_000}]).SerializeToString()
    with service.served.chassis.db.write() as tx:
        tx.execute(sa.update(schema.experiment).values(spec=large))
    read.clear()
    pages, token = [], None
    while token != "":
        request = pb.ListExperimentsRequest(page_size=1000, page_token=token or "")
        page = service.experiments().ListExperiments(request)
        pages.append(len(page.experiments))
        token = page.next_page_token
    assert pages == [2, 2, 2, 1]
    assert len(read) == 7


def test_no_more_of_a_history_is_read_than_is_on_the_page(service, read):
    launched = service.launched()
    reports = Reports(launched)
    service.persist(*(reports.process("EXECUTING", seq, reason="x" * 400_000) for seq in range(1, 8)))
    read.clear()
    page = service.history(launched.experiment_id, page_size=1000)
    assert [each.position for each in page.events] == [1, 2, 3, 4, 5]
    rest = service.history(launched.experiment_id, page_size=1000, page_token=page.next_page_token)
    assert [each.position for each in rest.events] == [6, 7]
    assert rest.next_page_token == ""
    # The experiment, twice, and each event once.
    assert len(read) == 2 + 7


def test_projects_in_pages(service):
    for number in range(5):
        named = project_pb2.CreateProjectRequest(project={"name": f"p{number}"})
        service.projects().CreateProject(named)
    first = service.projects().ListProjects(project_pb2.ListProjectsRequest(page_size=4))
    rest = service.projects().ListProjects(
        project_pb2.ListProjectsRequest(page_size=4, page_token=first.next_page_token)
    )
    assert [each.name for each in (*first.projects, *rest.projects)] == ["p0", "p1", "p2", "p3", "p4", "phages"]
    assert (len(first.projects), rest.next_page_token) == (4, "")


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
