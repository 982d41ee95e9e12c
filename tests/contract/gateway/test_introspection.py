"""What the gateway tells of the mesh: health by name, and reflection."""

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from services.gateway.table import owners, public_names
from tests.contract.conftest import bearer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Authorized(grpc.StreamStreamClientInterceptor):
    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(details._replace(metadata=[bearer("user")]), requests)


def _check(health, name=""):
    return health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status


def test_health_of_all_by_name_without_a_token(health):
    assert _check(health) == SERVING
    assert {name: _check(health, name) for name in owners()} == dict.fromkeys(owners(), SERVING)
    statuses = health.List(health_pb2.HealthListRequest(), timeout=10).statuses
    assert {name: each.status for name, each in statuses.items()} == dict.fromkeys(["", *owners()], SERVING)


def test_a_name_nobody_has(health):
    with pytest.raises(grpc.RpcError) as caught:
        _check(health, "no.such.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_follows_the_owner(health, backends):
    name = "vahana.registry.v1.ApplicationService"
    backends.registry.health.become(NOT_SERVING)
    assert _check(health, name) == NOT_SERVING
    assert _check(health, "vahana.profile.v1.UserService") == SERVING
    assert _check(health) == SERVING
    backends.registry.down()
    assert _check(health, name) == NOT_SERVING


def test_watchers_hear_of_every_change(health, backends, until):
    request = health_pb2.HealthCheckRequest(service="vahana.registry.v1.ApplicationService")
    watch = health.Watch(request, timeout=60)
    assert next(watch).status == SERVING
    backends.registry.health.become(NOT_SERVING)
    assert next(watch).status == NOT_SERVING
    backends.registry.health.become(SERVING)
    assert next(watch).status == SERVING
    backends.registry.down()
    assert next(watch).status == NOT_SERVING
    backends.registry.up()
    assert next(watch).status == SERVING
    watch.cancel()


def test_reflection_lists_and_describes_everything_public(channel):
    database = ProtoReflectionDescriptorDatabase(grpc.intercept_channel(channel, Authorized()))
    listed = set(database.get_services())
    assert set(public_names()) | {"grpc.health.v1.Health"} <= listed
    assert not listed & {"vahana.profile.v1.SigningService", "vahana.experiment.v1.ProcessService"}
    pool = descriptor_pool.DescriptorPool(database)
    for name in listed:
        assert pool.FindServiceByName(name).methods


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_in_both_versions_needs_a_token(channel, refused, version):
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = ask(iter([request]), metadata=[bearer("user")], timeout=10)
    assert len(answer.list_services_response.service) >= len(public_names())
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        list(ask(iter([request]), timeout=10))
