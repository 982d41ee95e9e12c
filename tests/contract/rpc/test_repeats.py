"""What comes back UNAVAILABLE is called again, but not what answers with a stream: such calls could hang for ever."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from services.chassis.rpc import connections
from services.gateway.table import PRIVATE, PUBLIC
from vahana_client.channels import open_channel
from vahana_client.connection import OPTIONS

REPEATED = "/vahana.experiment.v1.ProcessService/PersistEvents"


class Broken(grpc.GenericRpcHandler):
    """Counts how often each method is called, and is unavailable."""

    def __init__(self):
        self.calls = Counter()

    def service(self, details):
        self.calls[details.method] += 1
        return grpc.unary_stream_rpc_method_handler(self._refuse)

    @staticmethod
    def _refuse(_request, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


@pytest.fixture
def broken() -> Iterator[tuple[Broken, str]]:
    handler = Broken()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None)


def methods(table) -> list[MethodDescriptor]:
    services = {each.full_name: each for served in table.values() for each in served}
    return [method for service in services.values() for method in service.methods]


def streams(table) -> list[str]:
    return [path(method) for method in methods(table) if method.server_streaming and not method.client_streaming]


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def call(channel: grpc.Channel, method: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        list(channel.unary_stream(method)(b"", timeout=10))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("method", streams(PRIVATE))
def test_a_service_calls_a_stream_once(broken, method):
    handler, address = broken
    with connections.connect(address, connections.channel_options(1024, health_checked=False)) as channel:
        call(channel, method)
        call(channel, REPEATED)
    assert handler.calls == {method: 1, REPEATED: 4}


@pytest.mark.parametrize("method", streams(PUBLIC))
def test_a_client_calls_a_stream_once(broken, method):
    handler, address = broken
    with open_channel(address, OPTIONS) as channel:
        call(channel, method)
        call(channel, REPEATED)
    assert handler.calls == {method: 1, REPEATED: 4}
