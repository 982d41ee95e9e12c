"""Every RPC of every service, from the descriptors: what tests generated from the contracts go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.gateway.table import PRIVATE, PUBLIC

SERVICES = tuple(sorted(PUBLIC))
"""The services of the mesh that answer RPCs."""

STREAM_SECONDS = 0.25
"""How long a watch is looked at."""


@dataclass(frozen=True)
class Rpc:
    """One method of one gRPC service."""

    owner: str
    method: MethodDescriptor
    public: bool

    @property
    def name(self) -> str:
        """The method's own name, which is one of a kind."""
        return self.method.name

    @property
    def path(self) -> str:
        """As it stands on the wire."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def request(self) -> type[Message]:
        """The class of its requests."""
        return GetMessageClass(self.method.input_type)

    @property
    def watches(self) -> bool:
        """Whether its answers have no end of their own."""
        return self.name.startswith("Watch")


def rpcs(owner: str = "") -> list[Rpc]:
    """All of a service of the mesh, or of the whole mesh."""
    return [
        Rpc(each, method, public)
        for table, public in ((PUBLIC, True), (PRIVATE, False))
        for each, services in table.items()
        if owner in {"", each}
        for service in services
        for method in service.methods
    ]


@dataclass
class Outcome:
    """How a call ended, and what came before."""

    code: grpc.StatusCode
    details: str
    responses: list[Message]


class Caller:
    """Calls any RPC at one address as one caller."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._methods: dict[str, Callable[..., Any]] = {}

    def call(self, rpc: Rpc, requests: Sequence[Message | bytes], seconds: float = 20.0) -> Outcome:
        """Send the requests, one where the RPC takes one; the first few answers of a stream are enough."""
        responses: list[Message] = []
        try:
            for response in self._answers(rpc, requests, STREAM_SECONDS if rpc.watches else seconds):
                responses.append(response)
                if len(responses) >= 5:
                    break
        except grpc.RpcError as error:
            code: Any = error
            if rpc.watches and responses and code.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return Outcome(grpc.StatusCode.OK, "", responses)
            return Outcome(code.code(), code.details() or "", responses)
        return Outcome(grpc.StatusCode.OK, "", responses)

    def _answers(self, rpc: Rpc, requests: Sequence[Message | bytes], seconds: float) -> Iterator[Message]:
        method = self._methods.get(rpc.path) or self._methods.setdefault(rpc.path, self._method(rpc))
        if rpc.method.client_streaming:
            yield method(iter(requests), timeout=seconds)
        elif rpc.method.server_streaming:
            answers = method(requests[0], timeout=seconds)
            try:
                yield from answers
            finally:
                answers.cancel()
        else:
            yield method(requests[0], timeout=seconds)

    def _method(self, rpc: Rpc) -> Callable[..., Any]:
        read = GetMessageClass(rpc.method.output_type).FromString
        opened: Any = self._channel.unary_unary
        if rpc.method.client_streaming:
            opened = self._channel.stream_unary
        elif rpc.method.server_streaming:
            opened = self._channel.unary_stream
        method: Callable[..., Any] = opened(rpc.path, _bytes, read)
        return method


def _bytes(request: Message | bytes) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


def walk(message: Message, seen: Callable[[FieldDescriptor, Any], None]) -> None:
    """Show every value that is set, however deep, to `seen`."""
    for descriptor, value in message.ListFields():
        for each in value if descriptor.is_repeated else (value,):
            if isinstance(each, Message):
                walk(each, seen)
            else:
                seen(descriptor, each)
