"""SnapshotService of the owners of entities: everything, in parts, to services alone; and what is asked for by name."""

import pytest
from grpc import StatusCode

from services.chassis.changes import OWNERS, PROFILE, REGISTRY
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.profile.__main__ import wire as wire_profile
from services.registry.__main__ import wire as wire_registry
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2
from vahana.profile.v1 import snapshot_pb2 as profile_pb2
from vahana.profile.v1 import snapshot_pb2_grpc as profile_pb2_grpc
from vahana.registry.v1 import compute_resource_pb2
from vahana.registry.v1 import snapshot_pb2 as registry_pb2
from vahana.registry.v1 import snapshot_pb2_grpc as registry_pb2_grpc

PARTS = {
    PROFILE: (wire_profile, profile_pb2, profile_pb2_grpc, sync_pb2.ENTITY_KIND_GROUP, group_pb2.Group),
    REGISTRY: (
        wire_registry,
        registry_pb2,
        registry_pb2_grpc,
        sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE,
        compute_resource_pb2.ComputeResource,
    ),
}
NOT_ALLOWED = (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
INVALID = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


class Owner:
    """A service with entities of its own."""

    def __init__(self, serve, name):
        wire, self.pb, self._grpc, self.kind, self.message = PARTS[name]
        self.name = name
        self._served = serve(wire, profile_address="127.0.0.1:1")
        metadata = self._served.chassis.db.metadata
        self._entities = Entities(metadata, Outbox(metadata))

    def stub(self, who):
        return self._served.stub(self._grpc.SnapshotServiceStub, who)

    def publish(self, name, *, gone=False, tenant="default", parent=""):
        with self._served.chassis.db.write() as tx:
            message = None if gone else self.message(name=name)
            self._entities.publish(tx, self.kind, tenant, name, message, parent)

    def heard(self, change):
        """A change of another owner's entity."""
        with self._served.chassis.db.write() as tx:
            self._entities.apply(tx, [change])

    def export(self, who="experiment"):
        """The parts of an export, without what a new service has by itself."""
        return list(self.stub(who).ExportEntities(self.pb.ExportEntitiesRequest()))

    def mine(self, parts):
        return [each for part in parts for each in part.entities if each.kind == self.kind]

    def find(self, who="experiment", **of):
        request = self.pb.FindEntitiesRequest(**{"kind": self.kind, "tenant": "default"} | of)
        return list(self.stub(who).FindEntities(request).entities)


@pytest.fixture(params=sorted(PARTS))
def owner(request, serve):
    return Owner(serve, request.param)


def test_an_export_holds_everything_in_parts(owner):
    before = owner.export()[0].as_of
    names = [f"n{number:04}" for number in range(450)]
    for name in names:
        owner.publish(name, tenant="default" if name < "n0300" else "other")
    owner.publish("n0007", gone=True)
    parts = owner.export()
    assert len(parts) > 2
    (as_of,) = {part.as_of for part in parts}
    assert all(len(part.entities) <= 500 for part in parts)
    assert [(each.tenant, each.name) for each in owner.mine(parts)] == [
        ("default" if name < "n0300" else "other", name) for name in names
    ]
    (gone,) = [each for each in owner.mine(parts) if each.deleted]
    assert (gone.name, gone.HasField("entity")) == ("n0007", False)
    assert before < gone.version < as_of


def test_an_export_holds_the_very_bytes_that_were_told(owner):
    owner.publish("a", parent="p")
    (change,) = owner.mine(owner.export())
    assert change.parent == "p"
    told = owner.message()
    assert change.entity.Unpack(told)
    assert told == owner.message(name="a")


def test_an_export_of_little_has_a_part_that_says_so(serve):
    registry = Owner(serve, REGISTRY)
    (part,) = registry.export()
    assert list(part.entities) == []
    assert registry.export()[0].as_of > part.as_of > 0


def test_other_owners_entities_are_not_exported(serve):
    registry = Owner(serve, REGISTRY)
    registry.heard(
        sync_pb2.EntityChanged(kind=sync_pb2.ENTITY_KIND_GROUP, tenant="default", name="g", version=1, deleted=True)
    )
    (part,) = registry.export()
    assert list(part.entities) == []


def test_what_changes_during_an_export_comes_later_or_with_a_higher_version(owner):
    for number in range(450):
        owner.publish(f"n{number:04}")
    stream = owner.stub("experiment").ExportEntities(owner.pb.ExportEntitiesRequest())
    first = next(stream)
    owner.publish("n0449")
    owner.publish("n0000", gone=True)
    owner.publish("z")
    parts = [first, *stream]
    late = [each for each in owner.mine(parts) if each.version > first.as_of]
    assert {part.as_of for part in parts} == {first.as_of}
    assert {each.name for each in owner.mine(parts)} >= {f"n{number:04}" for number in range(450)}
    assert {each.name for each in late} <= {"n0449", "z"}


def test_found_by_name_deleted_or_not(owner):
    owner.publish("a")
    owner.publish("b")
    owner.publish("b", gone=True)
    owner.publish("a", tenant="other")
    assert [(each.name, each.tenant, each.deleted) for each in owner.find(name="a")] == [("a", "default", False)]
    assert [(each.name, each.deleted) for each in owner.find(name="b")] == [("b", True)]
    assert owner.find(name="c") == []
    assert owner.find(name="a", tenant="third") == []


def test_found_by_parent(owner):
    for name, parent in (("a", "p"), ("b", "p"), ("c", "q"), ("d", "")):
        owner.publish(name, parent=parent)
    assert {each.name for each in owner.find(parent="p")} == {"a", "b"}
    assert {each.name for each in owner.find()} == {"d"}


@pytest.mark.parametrize("who", ["user", "admin", "other"])
def test_services_alone_are_answered(owner, who, refused):
    with refused(*NOT_ALLOWED):
        owner.export(who)
    with refused(*NOT_ALLOWED):
        owner.find(who, name="a")


def test_what_is_asked_for_has_to_be_named(owner, refused):
    for bad in ({"kind": 0}, {"kind": 99}, {"tenant": ""}, {"tenant": "a b"}, {"name": "x" * 301}, {"parent": "\n"}):
        with refused(*INVALID):
            owner.find(**bad)


def test_every_owner_is_there():
    assert set(PARTS) == set(OWNERS.values())
