"""Owners as SnapshotPeer asks them: what is wrong with them says nothing of their entities."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.chassis.errors import InvalidFields, NotAllowed, Refusal, Unavailable
from services.chassis.rpc.errors import code_of, to_trailer
from services.chassis.rpc.snapshots import SnapshotPeer
from vahana.event.v1 import sync_pb2
from vahana.profile.v1 import snapshot_pb2, snapshot_pb2_grpc

GROUP = sync_pb2.ENTITY_KIND_GROUP


class Odd(snapshot_pb2_grpc.SnapshotServiceServicer):
    """An owner that answers every call with what it is given."""

    trouble: Exception = Exception()

    def FindEntities(self, request, context):
        if isinstance(self.trouble, Refusal):
            context.set_trailing_metadata((to_trailer(self.trouble),))
            context.abort(code_of(self.trouble), self.trouble.message)
        raise self.trouble

    def ExportEntities(self, request, context):
        yield snapshot_pb2.ExportEntitiesResponse(as_of=1)
        self.FindEntities(request, context)


@pytest.fixture
def odd():
    return Odd()


@pytest.fixture
def server():
    server = grpc.server(ThreadPoolExecutor(2))
    yield server
    server.stop(0).wait()


@pytest.fixture
def peer(server):
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield SnapshotPeer("profile", snapshot_pb2_grpc.SnapshotServiceStub(channel), snapshot_pb2)


def ask_both(peer):
    for ask in (lambda: peer.find(GROUP, "t", "a", ""), lambda: peer.export([GROUP])):
        with pytest.raises(Unavailable, match="profile"):
            ask()


def test_an_owner_of_an_older_version_is_away(peer):
    ask_both(peer)


@pytest.mark.parametrize("trouble", [NotAllowed("no"), Unavailable("its database is away"), ValueError("a defect")])
def test_an_owner_in_trouble_is_away(server, odd, request, trouble):
    odd.trouble = trouble
    snapshot_pb2_grpc.add_SnapshotServiceServicer_to_server(odd, server)
    if isinstance(trouble, Unavailable):
        with pytest.raises(Unavailable, match="its database is away"):
            request.getfixturevalue("peer").export([GROUP])
    else:
        ask_both(request.getfixturevalue("peer"))


def test_what_cannot_be_a_name_names_nothing(server, odd, request):
    odd.trouble = InvalidFields([])
    snapshot_pb2_grpc.add_SnapshotServiceServicer_to_server(odd, server)
    assert request.getfixturevalue("peer").find(GROUP, "t", "\n", "") == []
