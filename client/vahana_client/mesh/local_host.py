"""Makes this machine a compute resource of its own mesh."""

from __future__ import annotations

import grpc

from vahana.event.v1 import task_pb2
from vahana.profile.v1 import credential_pb2
from vahana.registry.v1 import compute_resource_pb2
from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.sshd import LocalSshd

NAME = "local"
"""Name of both the credential and the compute resource."""


def ensure_local_host(connection: Connection, home: Home, sshd: LocalSshd) -> str:
    """Creates the credential, lets it in and registers the compute resource, whichever is missing. Returns a warning
    where what is registered does not fit the SSH server that runs, else ""."""
    credential = _credential(connection)
    sshd.authorize(credential.public_key)
    wanted = compute_resource_pb2.ComputeResource(
        name=NAME,
        description="this machine, through the mesh's private SSH server",
        address="127.0.0.1",
        port=sshd.port,
        host_keys=[sshd.host_key()],
        login=sshd.login,
        credential_id=credential.credential_id,
        scratch=str(home.scratch),
        job_manager=task_pb2.JOB_MANAGER_FORK,
    )
    return _compare(_resource(connection, wanted), wanted)


def _credential(connection: Connection) -> credential_pb2.Credential:
    try:
        return connection.credentials.GetCredential(credential_pb2.GetCredentialRequest(credential=NAME)).credential
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
    request = credential_pb2.CreateCredentialRequest(name=NAME, request_id=f"{NAME}-credential")
    return connection.credentials.CreateCredential(request).credential


def _resource(
    connection: Connection, wanted: compute_resource_pb2.ComputeResource
) -> compute_resource_pb2.ComputeResource:
    get = compute_resource_pb2.GetComputeResourceRequest(name=NAME)
    try:
        return connection.compute_resources.GetComputeResource(get).compute_resource
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
    request = compute_resource_pb2.CreateComputeResourceRequest(
        compute_resource=wanted, request_id=f"{NAME}-compute-resource"
    )
    return connection.compute_resources.CreateComputeResource(request).compute_resource


def _compare(found: compute_resource_pb2.ComputeResource, wanted: compute_resource_pb2.ComputeResource) -> str:
    if (found.address, found.port, found.login) == (wanted.address, wanted.port, wanted.login):
        return ""
    return (
        f"the compute resource {NAME} is registered as {found.login}@{found.address}:{found.port}, but the private SSH "
        f"server is {wanted.login}@{wanted.address}:{wanted.port}; start the mesh with --sshd-port {found.port}"
    )
