"""Wiring of the executor."""

import sys
from functools import partial

from services.chassis.bus.topics import (
    CANCEL,
    EXECUTOR_CANCEL,
    EXECUTOR_HISTORY,
    HISTORY,
    TASK_TOPICS,
    executor_group,
    kebab,
)
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from services.chassis.run import Chassis, main
from services.executor.backoff import Backoff
from services.executor.batch.api import JobManager
from services.executor.batch.fork import ForkJobs
from services.executor.channels.ssh import SshChannels, SshLogins, SshOptions
from services.executor.claims import Ledger
from services.executor.closing import Closing
from services.executor.consumers import Consumers
from services.executor.dispatcher import Dispatcher
from services.executor.domain.seats import Sizes
from services.executor.explaining import Explaining
from services.executor.handlers import Handlers
from services.executor.histories import Histories
from services.executor.host_listing import HostListing
from services.executor.hosts import Hosts
from services.executor.looking import JobLook
from services.executor.parking import Parking
from services.executor.peers import ComputeResources, Credentials, Files
from services.executor.probing import CONNECT_SECONDS, LoginProbe
from services.executor.resources import Resources
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.settings import ExecutorSettings
from services.executor.tasks import TASKS
from services.executor.throttle import Throttle
from services.executor.transport import (
    EXPLANATION_SERVICE,
    HOST_SERVICE,
    SCRIPT_SERVICE,
    SERVICE,
    ExecutorTransport,
    ExplanationTransport,
    HostTransport,
    ScriptTransport,
)
from services.executor.watcher import Watcher
from vahana.event.v1 import task_pb2
from vahana.executor.v1 import executor_pb2_grpc, explanation_pb2_grpc, host_pb2_grpc, parked_pb2, parked_pb2_grpc

CHECK_CONNECT_SECONDS = 4.0
"""How long a host that is being checked may take to answer a connection: somebody waits for the report."""


def wire() -> Chassis:
    """Put the service together."""
    settings = ExecutorSettings()
    chassis = Chassis.start(settings, metadata, "services.executor")
    profile = chassis.peer("profile")
    experiment = chassis.peer("experiment")
    options = SshOptions(sessions=settings.executor_sessions, connect_seconds=settings.executor_connect_seconds)
    credentials = Credentials(profile)
    channels = SshChannels(credentials, options)
    managers: dict[int, JobManager] = {task_pb2.JOB_MANAGER_FORK: ForkJobs(settings.executor_cancel_grace_seconds)}
    world = World(channels, Files(experiment), managers)

    outbox, holder = Outbox(metadata), new_id("executor")
    backoff = Backoff(longest_seconds=settings.executor_longest_backoff_seconds)
    ledger = Ledger(outbox, backoff)
    runner = Runner(chassis.db, ledger, world, linger_seconds=settings.executor_linger_seconds)
    dispatcher = Dispatcher(
        chassis.db,
        ledger,
        runner.run,
        TASKS,
        holder=holder,
        sizes=Sizes(
            fast=settings.executor_fast_pool_size,
            slow=settings.executor_slow_pool_size,
            host=settings.executor_host_concurrency,
        ),
        lease_seconds=settings.executor_lease_seconds,
    )
    watcher = Watcher(
        chassis.db,
        ledger,
        JobLook(world),
        holder=holder,
        interval_seconds=settings.executor_poll_seconds,
        backoff=backoff,
    )
    ledger.on_accepted, ledger.on_watched = dispatcher.wake, watcher.wake
    probe = LoginProbe(SshLogins(credentials, SshOptions(sessions=1, connect_seconds=CONNECT_SECONDS)))
    hosts = Hosts(chassis.db, ledger, probe, dispatcher.turns)
    dispatcher.barred, dispatcher.workers.on_worked = hosts.barred, hosts.worked
    handlers = Handlers(chassis.db, ledger, dispatcher)

    logins = SshLogins(credentials, SshOptions(connect_seconds=CHECK_CONNECT_SECONDS))
    resources = Resources(ComputeResources(chassis.peer("registry")), logins, managers, Throttle())
    add = executor_pb2_grpc.add_ExecutorServiceServicer_to_server
    chassis.rpc.add(add, ExecutorTransport(handlers, resources), SERVICE)
    chassis.rpc.add(executor_pb2_grpc.add_ScriptServiceServicer_to_server, ScriptTransport(resources), SCRIPT_SERVICE)
    explanations = ExplanationTransport(Explaining(chassis.db))
    chassis.rpc.add(explanation_pb2_grpc.add_ExplanationServiceServicer_to_server, explanations, EXPLANATION_SERVICE)
    listing = HostTransport(HostListing(chassis.db))
    chassis.rpc.add(host_pb2_grpc.add_HostServiceServicer_to_server, listing, HOST_SERVICE)
    chassis.relay(outbox)
    chassis.watch_parked(Parking(outbox))
    consumers = Consumers(handlers, Histories(chassis.db, outbox))
    closing = Closing(chassis.db, settings.executor_lane_capacity)
    chassis.background("lanes", closing.run)
    for task_type, topic in TASK_TOPICS.items():
        group, closed = executor_group(task_type), partial(closing.closed, task_type)
        chassis.consume(group, [topic], consumers.dispatched, name=kebab(task_type), closed=closed)
    chassis.consume(EXECUTOR_CANCEL, [CANCEL], consumers.canceled, name="cancel")
    chassis.consume(EXECUTOR_HISTORY, [HISTORY], consumers.told_of_histories, name="history")
    chassis.operate_parked(
        parked_pb2_grpc.add_ParkedServiceServicer_to_server, "vahana.executor.v1.ParkedService", parked_pb2
    )
    chassis.background("dispatch", lambda stop: dispatcher.run(stop, drain_seconds=settings.drain_seconds * 0.7))
    chassis.background("renew", dispatcher.renewal.run)
    chassis.background("watch", watcher.run)
    chassis.background("hosts", hosts.run)
    chassis.background("connections", channels.tend)
    chassis.closing(channels.close)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
