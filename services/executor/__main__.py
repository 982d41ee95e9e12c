"""Wiring of the executor."""

import sys

from services.chassis.bus.topics import TASK_TOPICS, executor_group, kebab
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from services.chassis.rpc.client import channel
from services.chassis.run import Chassis, main
from services.executor.backoff import Backoff
from services.executor.batch.fork import ForkJobs
from services.executor.channels.ssh import SshChannels, SshOptions
from services.executor.claims import Ledger
from services.executor.consumers import Consumers
from services.executor.dispatcher import Dispatcher
from services.executor.handlers import Handlers
from services.executor.looking import JobLook
from services.executor.peers import Credentials, Files
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.settings import ExecutorSettings
from services.executor.tasks import TASKS
from services.executor.transport import SERVICE, ExecutorTransport
from services.executor.watcher import Watcher
from vahana.event.v1 import task_pb2
from vahana.executor.v1.executor_pb2_grpc import add_ExecutorServiceServicer_to_server


def wire() -> Chassis:
    """Put the service together."""
    settings = ExecutorSettings()
    chassis = Chassis.start(settings, metadata, "services.executor")
    profile = channel(settings.profile_address, settings.token_file, service="profile")
    experiment = channel(settings.experiment_address, settings.token_file, service="experiment")
    options = SshOptions(sessions=settings.executor_sessions, connect_seconds=settings.executor_connect_seconds)
    channels = SshChannels(Credentials(profile), options)
    world = World(channels, Files(experiment), {task_pb2.JOB_MANAGER_FORK: ForkJobs()})

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
        pool_size=settings.executor_pool_size,
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
    handlers = Handlers(chassis.db, outbox, dispatcher.wake, watcher.wake)

    chassis.rpc.add(add_ExecutorServiceServicer_to_server, ExecutorTransport(handlers), SERVICE)
    chassis.relay(outbox)
    consumers = Consumers(handlers)
    for task_type, topic in TASK_TOPICS.items():
        chassis.consume(executor_group(task_type), [topic], consumers.dispatched, name=kebab(task_type))
    chassis.background("dispatch", lambda stop: dispatcher.run(stop, drain_seconds=settings.drain_seconds * 0.7))
    chassis.background("renew", dispatcher.renew)
    chassis.background("watch", watcher.run)
    chassis.background("connections", channels.tend)
    chassis.closing(channels.close)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
