"""Users of the tenant "default", and what they do with what is shared."""

import contextlib

import grpc

from tests.contract.tokens import minted
from vahana.experiment.v1 import (
    data_pb2_grpc,
    experiment_pb2_grpc,
    project_pb2_grpc,
    sharing_pb2,
    sharing_pb2_grpc,
)

STUBS = (
    data_pb2_grpc.DataServiceStub,
    experiment_pb2_grpc.ExperimentServiceStub,
    project_pb2_grpc.ProjectServiceStub,
    sharing_pb2_grpc.SharingServiceStub,
)


class Person:
    """Someone who calls the service: `data`, `experiments`, `projects` and `shares` are their stubs."""

    def __init__(self, name, channel):
        self.name = name
        self.data, self.experiments, self.projects, self.shares = (stub(channel) for stub in STUBS)

    def share(self, what, grantee, permission):
        """Give `grantee`, "user:…" or "group:…", a permission by its name without prefix."""
        number = sharing_pb2.Permission.Value(f"PERMISSION_{permission}")
        request = sharing_pb2.ShareEntityRequest(entity=entity(what), grantee=principal(grantee), permission=number)
        return self.shares.ShareEntity(request).share

    def unshare(self, what, grantee):
        """Take it back."""
        self.shares.UnshareEntity(sharing_pb2.UnshareEntityRequest(entity=entity(what), grantee=principal(grantee)))

    def listed(self, what, **page):
        """The shares as "{grantee} {permission} {kind}", and the token of the next page."""
        response = self.shares.ListShares(sharing_pb2.ListSharesRequest(entity=entity(what), **page))
        return [told(each) for each in response.shares], response.next_page_token


class _Token(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Sends a token with every call."""

    def __init__(self, token):
        self._metadata = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or ()), self._metadata]), request)

    intercept_unary_stream = intercept_unary_unary
    intercept_stream_unary = intercept_unary_unary


@contextlib.contextmanager
def people(address):
    """`person(name)`: a user of the tenant "default", by name."""
    with contextlib.ExitStack() as ending:

        def person(name, *roles, tenant="default"):
            channel = grpc.insecure_channel(address)
            ending.callback(channel.close)
            return Person(name, grpc.intercept_channel(channel, _Token(minted(name, tenant, list(roles)))))

        yield person


def entity(what):
    """An experiment by its id, anything else by its name as a project."""
    if what.startswith("exp-"):
        return sharing_pb2.EntityName(experiment_id=what)
    return sharing_pb2.EntityName(project=what)


def principal(grantee):
    """A user or group."""
    kind, _, name = grantee.partition(":")
    return sharing_pb2.Grantee(**{kind: name})


def told(share):
    """A share in one line."""
    grantee = f"group:{share.grantee.group}" if share.grantee.group else f"user:{share.grantee.user}"
    permission = sharing_pb2.Permission.Name(share.permission).removeprefix("PERMISSION_")
    return f"{grantee} {permission} {share.entity.WhichOneof('entity')}"
