"""What an experiment of the benchmark needs: a host that is never contacted, an application, a project."""

from __future__ import annotations

from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import project_pb2
from vahana.profile.v1 import credential_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2
from vahana_client.connection import Connection, new_request_id

NAME = "flow"
"""Of the host, the application and the project."""
_VERSION = "1"
_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaWqFhSWtCLWmnQxCx3ctKn1ZLkZ9B3OSTnMJzIRQZo"


def register(connection: Connection) -> None:
    """Register all of it, through the gateway."""
    _host(connection)
    _application(connection)
    connection.projects.CreateProject(
        project_pb2.CreateProjectRequest(project=project_pb2.Project(name=NAME), request_id=new_request_id())
    )


def _host(connection: Connection) -> None:
    credential = connection.credentials.CreateCredential(
        credential_pb2.CreateCredentialRequest(name=NAME, request_id=new_request_id())
    ).credential
    host = compute_resource_pb2.ComputeResource(
        name=NAME,
        address="127.0.0.1",
        port=1,
        host_keys=[_HOST_KEY],
        login=NAME,
        credential_id=credential.credential_id,
        scratch="/scratch",
        job_manager=task_pb2.JOB_MANAGER_FORK,
    )
    connection.compute_resources.CreateComputeResource(
        compute_resource_pb2.CreateComputeResourceRequest(compute_resource=host, request_id=new_request_id())
    )


def _application(connection: Connection) -> None:
    module = application_pb2.ApplicationModule(name=NAME, version=_VERSION)
    connection.applications.CreateApplicationModule(
        application_pb2.CreateApplicationModuleRequest(module=module, request_id=new_request_id())
    )
    connection.applications.CreateApplicationInterface(
        application_pb2.CreateApplicationInterfaceRequest(
            name=NAME,
            version=_VERSION,
            interface=application_pb2.ApplicationInterface(),
            request_id=new_request_id(),
        )
    )
    deployment = application_pb2.ApplicationDeployment(compute_resource=NAME, executable="/bin/true")
    connection.applications.CreateApplicationDeployment(
        application_pb2.CreateApplicationDeploymentRequest(
            name=NAME, version=_VERSION, deployment=deployment, request_id=new_request_id()
        )
    )
