"""A host that accepts connections and then says nothing: its claims wait, all others go on, until it answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Self

import pytest

from services.executor.explaining import Explaining
from tests.integration.executor.support import TENANT, Bench, until
from tests.integration.executor.whole import COMPLETED, EXECUTING, Whole
from vahana.event.v1 import state_pb2, task_pb2
from vahana_client.mesh.sshd import LocalSshd

UNREACHABLE = state_pb2.CONDITION_CODE_HOST_UNREACHABLE
TASKS = 20


class Address:
    """A port that answers nobody, until it is connected with a server: what was under way is cut off then."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self._server: int | None = None
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._cut()

    def answer_by(self, port: int) -> None:
        self._server = port
        self._cut()

    def _cut(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.append(near)
                if self._server is not None:
                    far = socket.create_connection(("127.0.0.1", self._server))
                    self._open.append(far)
                    for ends in ((near, far), (far, near)):
                        threading.Thread(target=_carry, args=ends, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def hung() -> Iterator[Address]:
    with Address() as address:
        yield address


def test_claims_of_a_hung_host_wait_for_it_and_all_others_go_on(
    whole: Whole, bench: Bench, sshd: LocalSshd, hung: Address
) -> None:
    spec = task_pb2.TaskSpec(env_setup={})
    names = [f"hung-{number}" for number in range(TASKS)]
    for name in names:
        whole.send(name, state_pb2.TASK_TYPE_ENV_SETUP, spec, port=hung.port)
    until(lambda: bool(whole.hosts.barred()), seconds=20)
    whole.send("kept", state_pb2.TASK_TYPE_ENV_SETUP, spec, port=hung.port)
    until(lambda: all(_told(whole, name) for name in (*names, "kept")))
    (told,) = whole.events("kept")
    assert (told.task_state, told.seq, told.condition_code) == (EXECUTING, 1, UNREACHABLE)
    assert told.reason.startswith(f"host 127.0.0.1:{hung.port} does not answer since ")
    assert "; it is tried again at " in told.reason

    whole.send("other", state_pb2.TASK_TYPE_ENV_SETUP, spec)
    assert whole.end_of("other").task_state == COMPLETED
    explained = {each.task_id: each for each in Explaining(whole.db).claims(TENANT, bench.process)}
    assert explained["kept"].waits_for.startswith(f"host 127.0.0.1:{hung.port} does not answer since ")

    hung.answer_by(sshd.port)
    for name in names:
        assert whole.end_of(name).task_state == COMPLETED
    assert whole.end_of("kept").task_state == COMPLETED
    assert [(each.task_state, each.blocked) for each in whole.events("kept")] == [
        (EXECUTING, True),
        (EXECUTING, False),
        (COMPLETED, False),
    ]


def _told(whole: Whole, task_id: str) -> bool:
    return any(event.blocked and "it is tried again at" in event.reason for event in whole.events(task_id))
