"""How a service starts and ends, as a process of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.contract.conftest import bearer
from tests.contract.tokens import publish
from vahana.experiment.v1 import experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc

SERVICE = """
import asyncio, sys, threading, time
from pathlib import Path
from sqlalchemy import MetaData
from vahana.experiment.v1 import experiment_pb2, experiment_pb2_grpc
from vahana.profile.v1 import tenant_pb2, tenant_pb2_grpc
from services.chassis.run import Chassis, main
from services.chassis.settings import Settings

class Tenants(tenant_pb2_grpc.TenantServiceServicer):
    def __init__(self, home): self.home = home
    def GetTenant(self, request, context):
        (self.home / "entered").touch()
        while not (self.home / "release").exists(): time.sleep(0.01)
        return tenant_pb2.GetTenantResponse(tenant=tenant_pb2.Tenant(name="done"))

class Experiments(experiment_pb2_grpc.ExperimentServiceServicer):
    async def WatchExperiment(self, request, context):
        yield experiment_pb2.WatchExperimentResponse()
        await asyncio.Event().wait()

def crash(stop):
    raise RuntimeError("thread down")

def work(home):
    def body(stop):
        stop.wait()
        (home / "stopped").touch()
    return body

def wire():
    settings = Settings(service="probe")
    chassis = Chassis.start(settings, None, "services.probe")
    chassis.rpc.add(tenant_pb2_grpc.add_TenantServiceServicer_to_server, Tenants(settings.home),
                    "vahana.profile.v1.TenantService")
    chassis.rpc.add(experiment_pb2_grpc.add_ExperimentServiceServicer_to_server, Experiments(),
                    "vahana.experiment.v1.ExperimentService")
    chassis.background("work", work(settings.home))
    if "crash" in sys.argv:
        chassis.background("crash", crash)
    if "stuck" in sys.argv:
        chassis.background("stuck", lambda stop: threading.Event().wait())
    chassis.closing(lambda: (settings.home / "closed").touch())
    return chassis

sys.exit(main(wire))
"""


class Process:
    """The service, started."""

    def __init__(self, home, *arguments, **settings):
        self.home = home
        home.mkdir(exist_ok=True)
        publish(home / "jwks.json")
        values = {"home": str(home), "listen": "127.0.0.1:0", "drain_seconds": "20", **settings}
        environment = {f"VAHANA_{name.upper()}": value for name, value in values.items()}
        environment = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", SERVICE, *arguments]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=home)
        self.lines = []
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if '"event": "serving"' in line:
                self._serving.set()

    def address(self):
        assert self._serving.wait(30), self.lines
        port = next(json.loads(line)["port"] for line in self.lines if '"event": "serving"' in line)
        return f"127.0.0.1:{port}"

    def ended(self, seconds=30):
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(*arguments, **settings):
        started.append(Process(tmp_path / "home", *arguments, **settings))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_finishes_what_is_under_way(start, number):
    service = start()
    with grpc.insecure_channel(service.address()) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(health).status == health_pb2.HealthCheckResponse.SERVING
        watching = experiment_pb2.WatchExperimentRequest(experiment_id="exp-1")
        watch = experiment_pb2_grpc.ExperimentServiceStub(channel).WatchExperiment(watching, metadata=[bearer("user")])
        next(watch)
        get = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant
        under_way = get.future(tenant_pb2.GetTenantRequest(), metadata=[bearer("user")])
        _until((service.home / "entered").exists)

        service.process.send_signal(number)
        assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not (service.home / "stopped").exists(), "threads work on while calls are under way"

        (service.home / "release").touch()
        assert under_way.result(timeout=20).tenant.name == "done"
    assert service.ended() == 0
    assert (service.home / "stopped").exists()
    assert (service.home / "closed").exists()
    assert not any("Traceback" in line for line in service.lines)


def test_idle_it_ends_at_once(start):
    service = start()
    with grpc.insecure_channel(service.address()) as channel:
        next(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))
        began = time.monotonic()
        service.process.terminate()
        assert service.ended() == 0
        assert time.monotonic() - began < 5


def test_what_never_ends_is_cut_off(start):
    service = start("stuck", drain_seconds="0.3")
    with grpc.insecure_channel(service.address()) as channel:
        get = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant
        stuck = get.future(tenant_pb2.GetTenantRequest(), metadata=[bearer("user")])
        _until((service.home / "entered").exists)
        service.process.terminate()
        assert service.ended() == 0
        assert stuck.exception(timeout=10) is not None
    assert any("threads cut off" in line and "stuck" in line for line in service.lines)


def test_a_second_signal_ends_it_at_once(start):
    service = start()
    with grpc.insecure_channel(service.address()) as channel:
        get = tenant_pb2_grpc.TenantServiceStub(channel).GetTenant
        _under_way = get.future(tenant_pb2.GetTenantRequest(), metadata=[bearer("user")])
        _until((service.home / "entered").exists)
        service.process.terminate()
        _until(lambda: any("draining" in line for line in service.lines))
        service.process.terminate()
        assert service.ended() == 128 + signal.SIGTERM


def test_a_crashed_thread_ends_the_process(start):
    service = start("crash")
    assert service.ended() == 70
    crashed = next(json.loads(line) for line in service.lines if "thread crashed" in line)
    assert crashed["thread"] == "crash"
    assert "RuntimeError: thread down" in crashed["exception"]
    assert (service.home / "closed").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"worker_threads": "many"}, "VAHANA_WORKER_THREADS: Input should be a valid integer"),
        ({"log_level": "loud", "commit_batch": "0"}, "VAHANA_LOG_LEVEL"),
        ({"listen": "no such host:1"}, "cannot listen on no such host:1"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(start, settings, told):
    service = start(**settings)
    assert service.ended() == 78
    assert told in service.lines[-1]
    assert len([line for line in service.lines if not line.startswith("{")]) == 1
    assert "Traceback" not in "".join(service.lines)


def test_so_is_a_port_in_use(start):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        service = start(listen=address)
        assert service.ended() == 78
        assert f"cannot listen on {address}" in service.lines[-1]


def test_two_services_never_share_a_port(start):
    first = start()
    address = first.address()
    assert start(listen=address).ended() == 78
