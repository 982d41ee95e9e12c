"""The whole mesh with tasks that do nothing, started and driven."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.flow.registered import NAME, register
from services.chassis.bus.api import Bus, Consumer
from services.chassis.bus.kafka import KafkaBus
from services.chassis.bus.topics import STATUS
from vahana.event.v1 import event_pb2, state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana.profile.v1 import identity_pb2
from vahana_client.connection import Connection, new_request_id
from vahana_client.home import Home
from vahana_client.mesh.identities import ensure_identities
from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.plans import MeshOptions, plan_mesh
from vahana_client.mesh.ports import SERVICES, choose_ports
from vahana_client.mesh.process import ProcessPlan, SupervisedProcess

_READY_SECONDS = 60.0
_NOOP = {"executor": "bench.flow.noop_executor", "experiment": "bench.flow.noop_experiment"}
_ENDS = frozenset({state_pb2.PROCESS_STATE_COMPLETED, state_pb2.PROCESS_STATE_FAILED})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mesh lives: its home, its broker, and the databases of services that are not SQLite's."""

    home: Path
    kafka: LocalKafka
    kafka_pid: int
    prefix: str
    databases: Mapping[str, str]


class WholeFlow:
    """See waves.Flow. The names it is given are those of experiments created before."""

    def __init__(self, bus: Bus, experiments: Connection, pids: Mapping[str, int]) -> None:
        """Launch straight at the experiment service, and hear of ends as the event sink does. `pids` are by name."""
        self.bus, self.processes = bus, pids
        self._experiments = experiments.experiments
        self._consumer: Consumer = bus.consumer("vahana.bench", [STATUS])
        self._launches: set[Any] = set()

    def create(self, count: int) -> list[str]:
        """Create experiments to be launched."""
        spec = experiment_pb2.ExperimentSpec(name=NAME, project=NAME, application=NAME, compute_resource=NAME)
        requests = (
            experiment_pb2.CreateExperimentRequest(spec=spec, request_id=new_request_id()) for _ in range(count)
        )
        return [self._experiments.CreateExperiment(each).experiment.experiment_id for each in requests]

    def launch(self, process: str) -> None:
        """See waves.Flow."""
        request = experiment_pb2.LaunchExperimentRequest(experiment_id=process, request_id=new_request_id())
        self._launches.add(self._experiments.LaunchExperiment.future(request, timeout=60))

    def launched(self) -> None:
        """Wait until all launches are answered."""
        for each in self._launches:
            each.result()
        self._launches.clear()

    def ended(self) -> Sequence[str]:
        """See waves.Flow."""
        done = {each for each in self._launches if each.done()}
        for each in done:
            each.result()
        self._launches -= done
        received = self._consumer.poll(1.0, 2000)
        self._consumer.commit(received)
        changes = (event_pb2.Envelope.FromString(each.value).status_changed for each in received)
        return [_completed(each) for each in changes if each.process_state in _ENDS]

    def pids(self) -> Sequence[int]:
        """See waves.Flow."""
        return [*self.processes.values(), os.getpid()]

    def close(self) -> None:
        """Give up connections."""
        self._consumer.close()


Plans = list[ProcessPlan]


@contextmanager
def whole_flow(place: Place, adapt: Callable[[Plans], Plans] = lambda plans: plans) -> Iterator[WholeFlow]:
    """The mesh, of the processes that `adapt` makes of the usual ones; ended when left."""
    home = Home(place.home)
    home.make()
    ensure_identities(home)
    ports = choose_ports({}, {}, free=True)
    options = MeshOptions(kafka=place.kafka.bootstrap, local_host=False)
    with ExitStack() as stack:
        plans = adapt([_adapted(plan, place) for plan in plan_mesh(home, ports, options).plans])
        running = {plan.name: stack.enter_context(_running(plan)) for plan in plans}
        _wait_until_all_answer(plans)
        addresses = {name: f"127.0.0.1:{ports[name]}" for name in SERVICES}
        gateway = stack.enter_context(Connection(addresses["gateway"], home.token_file("admin").read_text().strip()))
        register(gateway)
        token = gateway.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest()).access_token
        direct = stack.enter_context(Connection(addresses["experiment"], token))
        bus = KafkaBus(place.kafka.bootstrap, topic_prefix=place.prefix)
        pids = {name: each.record.pid for name, each in running.items()}
        flow = WholeFlow(bus, direct, {"kafka": place.kafka_pid, **pids})
        stack.callback(flow.close)
        yield flow


def _adapted(plan: ProcessPlan, place: Place) -> ProcessPlan:
    environment = {**plan.environment, "VAHANA_TOPIC_PREFIX": place.prefix, "VAHANA_LOG_LEVEL": "warning"}
    if plan.name in place.databases:
        environment["VAHANA_DATABASE_URL"] = place.databases[plan.name]
    command = [sys.executable, "-m", _NOOP[plan.name]] if plan.name in _NOOP else plan.command
    return replace(plan, command=command, environment=environment)


@contextmanager
def _running(plan: ProcessPlan) -> Iterator[SupervisedProcess]:
    process = SupervisedProcess(plan)
    process.start()
    try:
        yield process
    finally:
        process.ask_to_end()
        process.wait_end(time.monotonic() + 15)


def _wait_until_all_answer(plans: Sequence[ProcessPlan]) -> None:
    until = time.monotonic() + _READY_SECONDS
    while silent := [plan for plan in plans if not plan.answers()]:
        if time.monotonic() > until:
            raise RuntimeError(f"{silent[0].name} does not serve; see {silent[0].log}")
        time.sleep(0.1)


def _completed(change: event_pb2.StatusChanged) -> str:
    if change.process_state != state_pb2.PROCESS_STATE_COMPLETED:
        raise RuntimeError(f"{change.process_id} did not complete: {change.reason}")
    return change.experiment_id
