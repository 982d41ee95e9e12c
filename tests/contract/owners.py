"""Profile and registry as their copies see them, played by one object: entities with versions, and what serves them."""

from concurrent.futures import ThreadPoolExecutor

import grpc

from services.chassis.changes import OWNERS, PROFILE, REGISTRY
from services.chassis.entities import Entities
from tests.contract.exchange import Exchange
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import group_pb2, identity_pb2_grpc, user_pb2
from vahana.profile.v1 import snapshot_pb2 as profile_pb2
from vahana.profile.v1 import snapshot_pb2_grpc as profile_pb2_grpc
from vahana.registry.v1 import snapshot_pb2 as registry_pb2
from vahana.registry.v1 import snapshot_pb2_grpc as registry_pb2_grpc

_KEEPERS = {name: (name, "", ["service"]) for name in ("registry", "experiment")}
"""Who keeps copies, and shows `token-{name}`."""


class PlayedOwners:
    """The entities of profile and registry. `calls`: (caller's token, method, request) of each call served."""

    def __init__(self):
        self.changes = {}
        self.versions = {PROFILE: 0, REGISTRY: 0}
        self.calls = []
        self.address = ""
        self._server = None

    def put(self, kind, name, message, parent="", tenant="default"):
        """There is this entity now; None: it is no more."""
        version = self.versions[OWNERS[kind]] = self.versions[OWNERS[kind]] + 1
        change = sync_pb2.EntityChanged(kind=kind, tenant=tenant, name=name, parent=parent, version=version)
        if message is None:
            change.deleted = True
        else:
            change.entity.Pack(message, deterministic=True)
        self.changes[kind, tenant, name] = change
        return change

    def user(self, name, tenant="default"):
        """There is this user."""
        return self.put(sync_pb2.ENTITY_KIND_USER, name, user_pb2.User(name=name), tenant=tenant)

    def group(self, name, *users, groups=(), tenant="default"):
        """There is this group, with these users and groups in it."""
        self.put(sync_pb2.ENTITY_KIND_GROUP, name, group_pb2.Group(name=name), tenant=tenant)
        for user in users:
            member = group_pb2.GroupMember(group=name, user=user)
            self._member(name, f"user:{user}", member, tenant)
        for group in groups:
            member = group_pb2.GroupMember(group=name, member_group=group)
            self._member(name, f"group:{group}", member, tenant)

    def leave(self, group, user, tenant="default"):
        """The user is in the group no more."""
        self._member(group, f"user:{user}", None, tenant)

    def _member(self, group, member, message, tenant):
        self.put(sync_pb2.ENTITY_KIND_GROUP_MEMBER, f"{group}/{member}", message, member, tenant)

    def of(self, owner):
        """All entities of an owner."""
        return [change for change in self.changes.values() if OWNERS[change.kind] == owner]

    def tell(self, chassis):
        """Make the copies of a service whole."""
        entities = Entities(chassis.db.metadata)
        with chassis.db.write() as tx:
            for owner in (PROFILE, REGISTRY):
                told = self.of(owner)
                entities.replace(tx, owner, self.versions[owner], told)

    def serve(self):
        """Serve the snapshots of both owners, and the exchange of tokens, at `address`."""
        self._server = grpc.server(ThreadPoolExecutor(4))
        profile_pb2_grpc.add_SnapshotServiceServicer_to_server(_Snapshots(self, PROFILE, profile_pb2), self._server)
        registry_pb2_grpc.add_SnapshotServiceServicer_to_server(_Snapshots(self, REGISTRY, registry_pb2), self._server)
        identity_pb2_grpc.add_IdentityServiceServicer_to_server(Exchange(_KEEPERS), self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(self.address or '127.0.0.1:0')}"
        self._server.start()

    def stop(self):
        """Serve no more, until `serve` at the same address."""
        self._server.stop(0).wait()


class _Snapshots:
    def __init__(self, played, owner, messages):
        self._played, self._owner, self._messages = played, owner, messages

    def ExportEntities(self, request, context):
        self._note(request, context)
        told = self._played.of(self._owner)
        yield self._messages.ExportEntitiesResponse(as_of=self._played.versions[self._owner], entities=told)

    def FindEntities(self, request, context):
        self._note(request, context)
        found = [
            change
            for change in self._played.of(self._owner)
            if (change.kind, change.tenant) == (request.kind, request.tenant)
            and (change.name == request.name if request.name else change.parent == request.parent)
        ]
        return self._messages.FindEntitiesResponse(entities=found)

    def _note(self, request, context):
        metadata = dict(context.invocation_metadata())
        self._played.calls.append((metadata.get("authorization", ""), type(request).__name__, request))
