"""CopyService and the read-through of those who keep copies, beside owners that are played."""

import threading

import pytest
from grpc import StatusCode

from services.chassis import copies
from services.chassis.changes import PROFILE, REGISTRY
from services.chassis.entities import Entities
from services.experiment.__main__ import wire as wire_experiment
from services.experiment.peers import COPIED as EXPERIMENT_COPIES
from services.experiment.peers import owners as owners_of_experiment
from services.registry.__main__ import wire as wire_registry
from services.registry.peers import COPIED as REGISTRY_COPIES
from services.registry.peers import owners as owners_of_registry
from tests.contract.owners import PlayedOwners
from tests.contract.platform.entity_parts import rows
from vahana.event.v1 import sync_pb2
from vahana.experiment.v1 import copy_pb2 as experiment_pb2
from vahana.experiment.v1 import copy_pb2_grpc as experiment_pb2_grpc
from vahana.profile.v1 import tenant_pb2
from vahana.registry.v1 import compute_resource_pb2
from vahana.registry.v1 import copy_pb2 as registry_pb2
from vahana.registry.v1 import copy_pb2_grpc as registry_pb2_grpc

HOST = sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE
INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
AWAY = (StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


@pytest.fixture
def played():
    played = PlayedOwners()
    played.serve()
    played.user("ada")
    played.group("chemists", "ada", groups=["phages"])
    played.leave("chemists", "ada")
    played.put(sync_pb2.ENTITY_KIND_TENANT, "default", tenant_pb2.Tenant(name="default"))
    played.put(HOST, "cluster", compute_resource_pb2.ComputeResource(name="cluster"))
    yield played
    played.stop()


class Keeper:
    """A service that keeps copies."""

    def __init__(self, served, name):
        self.served, self.name = served, name
        self.pb, self._grpc, self.kinds = {
            "registry": (registry_pb2, registry_pb2_grpc, REGISTRY_COPIES),
            "experiment": (experiment_pb2, experiment_pb2_grpc, EXPERIMENT_COPIES),
        }[name]
        chassis = served.chassis
        peers = (
            owners_of_registry(chassis.peer(PROFILE))
            if name == "registry"
            else owners_of_experiment(chassis.peer(PROFILE), chassis.peer(REGISTRY))
        )
        self.copies = copies.Copies(chassis.db, Entities(chassis.db.metadata), self.kinds, peers)

    def stub(self, who="admin"):
        return self.served.stub(self._grpc.CopyServiceStub, who)

    def rebuild(self, owner, who="admin"):
        return self.stub(who).RebuildCopies(self.pb.RebuildCopiesRequest(owner=owner)).copy

    def states(self, who="admin"):
        return list(self.stub(who).ListCopies(self.pb.ListCopiesRequest()).copies)

    def keys(self):
        return {(row.kind, row.tenant, row.name, row.version, row.deleted) for row in rows(self.served.chassis.db)}


@pytest.fixture(params=["registry", "experiment"])
def keeper(request, serve, played, tmp_path):
    (tmp_path / "home" / "tokens").mkdir(parents=True)
    (tmp_path / "home" / "tokens" / request.param).write_text(f"token-{request.param}")
    wire = {"registry": wire_registry, "experiment": wire_experiment}[request.param]
    return Keeper(serve(wire, profile_address=played.address, registry_address=played.address), request.param)


def wanted(played, keeper):
    found = {
        (each.kind, each.tenant, each.name, each.version, each.deleted)
        for each in played.changes.values()
        if each.kind in keeper.kinds
    }
    assert found
    return found


def test_a_new_database_says_that_it_never_was_whole(keeper):
    for state in keeper.states():
        assert (state.version, state.entity_count, state.HasField("snapshot_time")) == (0, 0, False)
    assert [state.owner for state in keeper.states()] == [PROFILE, REGISTRY][: len(keeper.states())]


def test_a_new_database_fills_itself(keeper, played):
    keeper.copies.fill(threading.Event())
    assert keeper.keys() == wanted(played, keeper)
    first = keeper.states()[0]
    assert (first.owner, first.version, first.entity_count) == (PROFILE, played.versions[PROFILE], 3)
    assert first.HasField("snapshot_time")


def test_it_fills_once_its_owners_are_there(keeper, played):
    played.stop()
    stop = threading.Event()
    thread = threading.Thread(target=keeper.copies.fill, args=(stop,))
    thread.start()
    played.serve()
    thread.join(60)
    assert not thread.is_alive()
    assert keeper.keys() == wanted(played, keeper)


def test_rebuilding_makes_equal(keeper, played):
    with keeper.served.chassis.db.write() as tx:
        odd = sync_pb2.EntityChanged(kind=keeper.kinds[0], tenant="default", name="odd", version=1, deleted=True)
        Entities(keeper.served.chassis.db.metadata).apply(tx, [odd])
    for state in keeper.states():
        rebuilt = keeper.rebuild(state.owner)
        assert rebuilt.version == played.versions[state.owner]
        assert rebuilt in keeper.states()
    assert keeper.keys() == wanted(played, keeper)


def test_without_its_owner_nothing_is_rebuilt(keeper, played, refused):
    keeper.rebuild(PROFILE)
    before = keeper.keys(), keeper.states()
    played.stop()
    with refused(*AWAY) as told:
        keeper.rebuild(PROFILE)
    assert "profile" in told.message
    assert (keeper.keys(), keeper.states()) == before


def test_an_owner_of_nothing_is_named(keeper, refused):
    for owner in ("scheduler", "x" * 64, ""):
        with refused(*INVALID) as told:
            keeper.rebuild(owner)
        assert set(told.fields) == {"owner"}


@pytest.mark.parametrize("who", ["user", "other", "executor"])
def test_operators_alone_are_answered(keeper, who, refused):
    for call in (lambda: keeper.rebuild(PROFILE, who), lambda: keeper.states(who)):
        with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            call()


def test_owners_are_asked_with_an_access_token(keeper, played):
    keeper.rebuild(PROFILE)
    ((token, method, _),) = played.calls
    assert method == "ExportEntitiesRequest"
    assert token.startswith("Bearer ey")
