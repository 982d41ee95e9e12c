"""Which groups there are, as the registry asks it."""

import pytest

from services.chassis.changes import PROFILE
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.errors import Unavailable
from services.chassis.sources import EntitySource
from services.registry.handlers.groups import CopiedGroups
from services.registry.schema import metadata
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2


class SilentPeer:
    """A profile that does not answer; counts how often it was waited for."""

    waited = 0

    def find(self, *_asked):
        self.waited += 1
        raise Unavailable("profile does not answer")


@pytest.fixture
def db(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/registry.db", metadata)
    made.create_tables()
    with made.write() as tx:
        Entities(metadata).replace(tx, PROFILE, 0, [])
    yield made
    made.close()


def test_many_unknown_names_wait_for_a_silent_profile_once(db):
    peer = SilentPeer()
    groups = CopiedGroups(EntitySource(db, Entities(metadata), {PROFILE: peer}))
    names = [f"g{number}" for number in range(200)]
    assert groups.missing("t", names) == frozenset(names)
    assert peer.waited == 1
    groups.missing("t", names[:1])
    assert peer.waited == 2


def test_those_of_the_tenant_are_known(db):
    group = sync_pb2.EntityChanged(kind=sync_pb2.ENTITY_KIND_GROUP, tenant="t", name="lab", version=1)
    group.entity.Pack(group_pb2.Group(name="lab"))
    with db.write() as tx:
        Entities(metadata).apply(tx, [group])
    groups = CopiedGroups(EntitySource(db, Entities(metadata), {PROFILE: SilentPeer()}))
    assert groups.missing("t", ["lab", "ghosts", "lab"]) == {"ghosts"}
    assert groups.missing("other", ["lab"]) == {"lab"}
    assert groups.missing("t", []) == frozenset()
