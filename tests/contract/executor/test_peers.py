"""What the executor asks of other services, of servers that play them."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from services.chassis.errors import Unavailable
from services.chassis.rpc.access import FileToken
from services.chassis.rpc.client import channel
from services.executor.channels.api import Site
from services.executor.domain.troubles import Condition, Waiting
from services.executor.peers import ComputeResources, Credentials, Files
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import process_pb2, process_pb2_grpc
from vahana.profile.v1 import credential_pb2, credential_pb2_grpc
from vahana.registry.v1 import compute_resource_pb2, compute_resource_pb2_grpc

SITE = Site("default", "h", 22, "ada", "cred-1", ())


class Experiment(process_pb2_grpc.ProcessServiceServicer):
    """Keeps files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.tenants: list[str] = []
        self.break_after = -1

    def ReadFile(self, request, context) -> Iterator[process_pb2.ReadFileResponse]:
        self.tenants.append(dict(context.invocation_metadata())["x-vahana-tenant"])
        for number, start in enumerate(range(0, len(self.files[request.sha256]), 10)):
            if number == self.break_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
            yield process_pb2.ReadFileResponse(chunk=self.files[request.sha256][start : start + 10])

    def WriteFile(self, requests, context) -> process_pb2.WriteFileResponse:
        data, trailer = b"", None
        for request in requests:
            data += request.chunk
            trailer = request.trailer if request.HasField("trailer") else None
        if trailer is not None:
            self.files[trailer.sha256] = data
        return process_pb2.WriteFileResponse()


class Profile(credential_pb2_grpc.SigningServiceServicer):
    """Signs anything."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def GetPublicKey(self, request, context) -> credential_pb2.GetPublicKeyResponse:
        self.asked.append(request)
        return credential_pb2.GetPublicKeyResponse(public_key="ssh-ed25519 AAAA")

    def SignSshChallenge(self, request, context) -> credential_pb2.SignSshChallengeResponse:
        self.asked.append(request)
        return credential_pb2.SignSshChallengeResponse(signature=b"signed " + request.challenge)


class Registry(compute_resource_pb2_grpc.ComputeResourceServiceServicer):
    """Knows one host."""

    def GetComputeResource(self, request, context) -> compute_resource_pb2.GetComputeResourceResponse:
        assert dict(context.invocation_metadata())["x-vahana-tenant"] == "default"
        if request.name != "cluster":
            context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
        found = compute_resource_pb2.ComputeResource(
            name="cluster",
            address="h",
            port=22,
            login="ada",
            host_keys=["ssh-ed25519 AAAA"],
            credential_id="cred-1",
            scratch="/scratch",
            job_manager=task_pb2.JOB_MANAGER_SLURM,
            batch_queues=[compute_resource_pb2.BatchQueue(name="debug"), compute_resource_pb2.BatchQueue(name="long")],
        )
        return compute_resource_pb2.GetComputeResourceResponse(compute_resource=found)


class Peers:
    """All, on one server."""

    def __init__(self, token: Path) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4))
        self.experiment, self.profile = Experiment(), Profile()
        process_pb2_grpc.add_ProcessServiceServicer_to_server(self.experiment, self.server)
        credential_pb2_grpc.add_SigningServiceServicer_to_server(self.profile, self.server)
        compute_resource_pb2_grpc.add_ComputeResourceServiceServicer_to_server(Registry(), self.server)
        address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.channel = channel(address, FileToken(token), service="experiment")
        self.files, self.credentials = Files(self.channel), Credentials(self.channel)


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    """Servers and the executor's way to them."""
    token = tmp_path / "token"
    token.write_text("secret")
    made = Peers(token)
    yield made
    made.channel.close()
    made.server.stop(None)


def test_files_travel_both_ways_in_their_tenant(peers: Peers) -> None:
    data = b"x" * 95
    sha256 = hashlib.sha256(data).hexdigest()
    peers.files.write("default", iter([data[:50], data[50:]]), sha256, 95)
    assert peers.experiment.files == {sha256: data}
    assert b"".join(peers.files.read("default", sha256)) == data
    assert peers.experiment.tenants == ["default"]


def test_a_download_that_breaks_off_is_told(peers: Peers) -> None:
    peers.experiment.files["a" * 64] = b"x" * 95
    peers.experiment.break_after = 3
    with pytest.raises(Unavailable):
        list(peers.files.read("default", "a" * 64))


def test_what_breaks_an_upload_is_told_as_it_was_and_nothing_is_stored(peers: Peers) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"
        raise Waiting(Condition.HOST_UNREACHABLE, "the connection broke")

    with pytest.raises(Waiting, match="the connection broke"):
        peers.files.write("default", chunks(), "a" * 64, 2)
    assert peers.experiment.files == {}


def test_a_peer_that_is_away_is_unavailable(peers: Peers) -> None:
    peers.server.stop(None).wait()
    with pytest.raises(Unavailable):
        list(peers.files.read("default", "a" * 64))
    with pytest.raises(Unavailable):
        peers.files.write("default", iter([b"x"]), "a" * 64, 1)


def test_logins_are_signed_elsewhere(peers: Peers) -> None:
    assert peers.credentials.public_key("default", "cred-1") == "ssh-ed25519 AAAA"
    assert peers.credentials.public_key("default", "cred-1") == "ssh-ed25519 AAAA"
    assert peers.credentials.sign(SITE, b"c" * 32, "ssh-ed25519", "proc-1") == b"signed " + b"c" * 32
    _, signing = peers.profile.asked
    assert (signing.credential_id, signing.login, signing.process_id) == ("cred-1", "ada", "proc-1")
    assert signing.host == f"{SITE.address}:{SITE.port}"


def test_compute_resources_are_asked_for_in_their_tenant(peers: Peers) -> None:
    target, queues = ComputeResources(peers.channel).find("default", "cluster")
    assert (target.compute_resource, target.address, target.port, target.login) == ("cluster", "h", 22, "ada")
    assert (target.scratch, target.credential_id, target.host_keys) == ("/scratch", "cred-1", ["ssh-ed25519 AAAA"])
    assert target.job_manager == task_pb2.JOB_MANAGER_SLURM
    assert queues == ["debug", "long"]
    with pytest.raises(Unavailable):
        ComputeResources(peers.channel).find("default", "elsewhere")
