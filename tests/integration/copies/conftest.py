"""Profile, registry and experiment as processes of their own, and a real Kafka between them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import grpc
import pytest
import sqlalchemy as sa

from services.chassis.changes import kinds_of
from services.chassis.db import Database
from services.experiment import peers as experiment_peers
from services.experiment.schema import metadata
from services.registry import peers as registry_peers
from vahana.experiment.v1 import copy_pb2_grpc as experiment_copy_pb2_grpc
from vahana.experiment.v1 import experiment_pb2_grpc, project_pb2_grpc
from vahana.profile.v1 import group_pb2_grpc, identity_pb2, user_pb2_grpc
from vahana.registry.v1 import application_pb2_grpc, compute_resource_pb2_grpc, group_resource_profile_pb2_grpc
from vahana.registry.v1 import copy_pb2_grpc as registry_copy_pb2_grpc
from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.identities import ensure_identities

OWNERS = ("profile", "registry")
COPIED = {"registry": registry_peers.COPIED, "experiment": experiment_peers.COPIED}
STUBS = {
    "users": ("profile", user_pb2_grpc.UserServiceStub),
    "groups": ("profile", group_pb2_grpc.GroupServiceStub),
    "hosts": ("registry", compute_resource_pb2_grpc.ComputeResourceServiceStub),
    "applications": ("registry", application_pb2_grpc.ApplicationServiceStub),
    "grants": ("registry", group_resource_profile_pb2_grpc.GroupResourceProfileServiceStub),
    "registry_copies": ("registry", registry_copy_pb2_grpc.CopyServiceStub),
    "projects": ("experiment", project_pb2_grpc.ProjectServiceStub),
    "experiments": ("experiment", experiment_pb2_grpc.ExperimentServiceStub),
    "experiment_copies": ("experiment", experiment_copy_pb2_grpc.CopyServiceStub),
}


def until(condition, seconds=90.0):
    """Wait for a condition; what it last said is shown when that was in vain."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain; the last was {found!r}"
        time.sleep(0.05)
    return found


class Trio:
    """The three services, each a process with a SQLite database under one home."""

    def __init__(self, path, kafka, ports):
        self.home = Home(path)
        self.home.make()
        ensure_identities(self.home)
        self._addresses = {
            name: f"127.0.0.1:{port}" for name, port in zip(("profile", "registry", "experiment"), ports, strict=True)
        }
        self._environment = {
            **os.environ,
            "VAHANA_HOME": str(path),
            "VAHANA_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "VAHANA_TOPIC_PREFIX": kafka.prefix(),
            **{f"VAHANA_{name.upper()}_ADDRESS": address for name, address in self._addresses.items()},
        }
        self._processes = {}
        self._stubs = {}
        self._channels = []

    def start(self, *names):
        """Start services, and wait until each serves."""
        for name in names:
            environment = {**self._environment, "VAHANA_LISTEN": self._addresses[name]}
            with self.home.log_file(name).open("ab") as log:
                command = [sys.executable, "-m", f"services.{name}"]
                self._processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        for name in names:
            until(lambda name=name: self._serves(name))

    def stop(self, *names):
        """End services as an operator does."""
        for name in names:
            self._processes[name].send_signal(signal.SIGTERM)
        for name in names:
            assert self._processes.pop(name).wait(30) == 0, self.log(name)

    def end(self):
        """End what still runs."""
        for channel in self._channels:
            channel.close()
        self.stop(*self._processes)

    def forget(self, name):
        """Throw a stopped service's database away."""
        shutil.rmtree(self.home.path / name)

    def address(self, name):
        return self._addresses[name]

    def log(self, name):
        return self.home.log_file(name).read_text(errors="replace")

    def _serves(self, name):
        assert self._processes[name].poll() is None, self.log(name)
        with grpc.insecure_channel(self._addresses[name]) as channel:
            try:
                grpc.channel_ready_future(channel).result(1)
            except grpc.FutureTimeoutError:
                return False
        return True

    def __getattr__(self, name):
        """The stub of that name, which calls as the first administrator."""
        service, kind = STUBS[name]
        if name not in self._stubs:
            channel = grpc.insecure_channel(self._addresses[service])
            self._channels.append(channel)
            self._stubs[name] = kind(grpc.intercept_channel(channel, _Admin(self)))
        return self._stubs[name]

    def access_token(self):
        raw = self.home.token_file("admin").read_text().strip()
        with Connection(self._addresses["profile"], raw) as connection:
            return connection.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest()).access_token

    def rows(self, service, kinds):
        """The entities of these kinds in a service's database, as they are."""
        table = metadata.tables["entity"]
        database = Database(f"sqlite:///{self.home.path}/{service}/{service}.db", metadata)
        try:
            with database.read() as tx:
                chosen = sa.select(table).where(table.c.kind.in_(kinds))
                return tx.execute(chosen.order_by(table.c.kind, table.c.tenant, table.c.name)).all()
        finally:
            database.close()

    def owned(self, kinds):
        """The entities of these kinds as their owners have them."""
        return sorted(row for owner in OWNERS for row in self.rows(owner, _owned_by(owner, kinds)))

    def equal(self, service):
        """Whether a service's copies are as their owners are, row by row."""
        kinds = COPIED[service]
        return sorted(self.rows(service, kinds)) == self.owned(kinds)


def _owned_by(owner, kinds):
    return [kind for kind in kinds if kind in kinds_of(owner)]


class _Admin(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, trio):
        self._trio = trio
        self._token = ""

    def intercept_unary_unary(self, continuation, details, request):
        self._token = self._token or self._trio.access_token()
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {self._token}")]
        return continuation(details._replace(metadata=metadata, timeout=details.timeout or 20), request)


@pytest.fixture
def trio(tmp_path, kafka, kafka_ports):
    """The three of them, not started yet."""
    made = Trio(tmp_path / "home", kafka, kafka_ports(3))
    yield made
    made.end()


@pytest.fixture
def running(trio):
    """The three of them, in an order in which nobody finds whom it asks first."""
    trio.start("experiment", "registry", "profile")
    return trio


@pytest.fixture
def stopped_kafka(kafka):
    """`with stopped_kafka():` is a time without Kafka."""

    @contextmanager
    def stopped():
        kafka.broker.stop()
        try:
            yield
        finally:
            kafka.broker.start()

    return stopped
