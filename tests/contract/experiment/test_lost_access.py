"""What is no more allowed once access is lost: to who repeats a call, and to who is in the middle of one."""

from functools import wraps

import pytest
import sqlalchemy as sa
from grpc import StatusCode

from services.chassis.entities import Entities
from services.chassis.rpc.auth import Identity
from services.chassis.sources import EntitySource
from services.experiment.handlers.access import Access
from services.experiment.handlers.checking import Checker
from services.experiment.handlers.memberships import Memberships
from services.experiment.schema import metadata
from tests.contract.experiment.conftest import Reports
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2

UNKNOWN = (StatusCode.NOT_FOUND, "NOT_FOUND")
FORBIDDEN = (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.fixture
def registry(registry):
    """Profile's part: two users."""
    registry.user("ada")
    registry.user("bob")
    return registry


def launching(kind, experiment_id):
    """A launch or relaunch under one request id."""
    request = {"Launch": pb.LaunchExperimentRequest, "Relaunch": pb.RelaunchExperimentRequest}[kind]
    return request(experiment_id=experiment_id, request_id="r-1")


@pytest.mark.parametrize("kind", ["Launch", "Relaunch"])
def test_a_remembered_launch_is_told_to_who_may_still_see_it_alone(service, person, kind, refused):
    ada, bob = person("ada"), person("bob")
    made = service.create().experiment_id
    if kind == "Relaunch":
        reports = Reports(service.launch(made))
        service.persist(reports.process("EXECUTING", 1), reports.process("FAILED", 2))
    ada.share(made, "user:bob", "WRITE")
    call = getattr(bob.experiments, f"{kind}Experiment")
    first = call(launching(kind, made))
    assert call(launching(kind, made)) == first
    ada.share(made, "user:bob", "READ")
    with refused(*FORBIDDEN):
        call(launching(kind, made))
    ada.unshare(made, "user:bob")
    with refused(*UNKNOWN):
        call(launching(kind, made))


@pytest.fixture
def while_checking(monkeypatch):
    """`while_checking(act)`: what happens between the check of an experiment and its storing."""

    def install(act):
        check = Checker.check

        @wraps(check)
        def checked(self, who, *args, **more):
            found = check(self, who, *args, **more)
            act()
            return found

        monkeypatch.setattr(Checker, "check", checked)

    return install


@pytest.mark.parametrize("left", ["READ", ""])
def test_a_project_closed_while_it_is_checked_is_closed(service, person, while_checking, left, refused):
    ada, bob = person("ada"), person("bob")
    own = project_pb2.CreateProjectRequest(project={"name": "bobs"})
    bob.projects.CreateProject(own)
    ada.share("phages", "user:bob", "WRITE")
    spec = service.spec(project="bobs")
    mine = bob.experiments.CreateExperiment(pb.CreateExperimentRequest(spec=spec)).experiment.experiment_id

    def close():
        ada.unshare("phages", "user:bob")
        if left:
            ada.share("phages", "user:bob", left)

    def attempts():
        yield lambda: bob.experiments.CreateExperiment(pb.CreateExperimentRequest(spec=service.spec()))
        yield lambda: bob.experiments.CloneExperiment(pb.CloneExperimentRequest(experiment_id=mine, project="phages"))
        moved = pb.UpdateExperimentRequest(
            experiment_id=mine, spec={"project": "phages"}, update_mask={"paths": ["project"]}
        )
        yield lambda: bob.experiments.UpdateExperiment(moved)

    while_checking(close)
    for attempt in attempts():
        ada.share("phages", "user:bob", "WRITE")
        with refused(*(FORBIDDEN if left else INVALID)):
            attempt()
    listed = ada.experiments.ListExperiments(pb.ListExperimentsRequest(project="phages")).experiments
    assert not listed


def test_the_groups_of_a_user_take_few_queries(service, registry):
    for number in range(40):
        registry.group(f"g{number}", "bob")
        registry.group(f"h{number}", groups=[f"g{number}"])
    service.learn()
    entities, asked = Entities(metadata), []
    access = Access(entities, Memberships(EntitySource(service.served.chassis.db, entities, {})))
    with service.served.chassis.db.read() as tx:
        sa.event.listen(tx, "before_cursor_execute", lambda *_: asked.append(1))
        seen = access.visibility(tx, Identity("bob", "default", frozenset()))
    assert set(seen.groups) == {f"{letter}{number}" for letter in "gh" for number in range(40)}
    assert len(asked) <= 6
