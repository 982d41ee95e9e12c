"""An executor, put together as its __main__ does; its hosts are played."""

from collections.abc import Callable, Sequence
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
from services.chassis.outbox import Outbox
from services.executor.backoff import Backoff
from services.executor.claims import Ledger, Verdict
from services.executor.closing import LOOK_SECONDS, Closing
from services.executor.consumers import Consumers
from services.executor.dispatcher import Dispatcher
from services.executor.domain.claims import Claim
from services.executor.domain.seats import Sizes
from services.executor.handlers import Handlers
from services.executor.histories import Histories
from services.executor.interrupts import Interrupt
from services.executor.looking import JobLook
from services.executor.runner import Runner, World
from services.executor.schema import metadata
from services.executor.tasks import TASKS
from services.executor.watcher import Watcher
from tests.simulation import breakers
from tests.simulation.bus import SimulatedBus
from tests.simulation.database import SimulatedDatabase
from tests.simulation.host import Channels, Files, Host, Jobs
from tests.simulation.kernel import Instance, Kernel
from tests.simulation.parts import Wake, consume, relay
from tests.simulation.seams import pools
from vahana.event.v1 import task_pb2

_LEASE_SECONDS = 10.0
_SIZES = Sizes(fast=8, slow=4, host=8)
_LANE_CAPACITY = 1
"""So few that lanes are closed now and then."""


def starter(bus: SimulatedBus, db: SimulatedDatabase, hosts: Sequence[Host]) -> Callable[[Instance], None]:
    """What starts an executor, and starts it anew."""

    def start(instance: Instance) -> None:
        kernel, outbox = bus.kernel, Outbox(metadata)
        holder, backoff = f"{instance.name}.{instance.life}", Backoff(0.5, 5)
        ledger = Ledger(outbox, backoff, kernel.dice)
        world = World(Channels(hosts), Files(), {task_pb2.JOB_MANAGER_FORK: Jobs(hosts)})
        runner = Runner(db, ledger, world)

        def work(claim: Claim, interrupt: Interrupt) -> tuple[Claim, Verdict]:
            guard.begins(claim)
            return runner.run(claim, interrupt)

        with pools(kernel, instance):
            dispatcher = Dispatcher(db, ledger, work, TASKS, holder=holder, sizes=_SIZES, lease_seconds=_LEASE_SECONDS)
            guard = breakers.guard(kernel, db, ledger, dispatcher, hosts, _LEASE_SECONDS)
            watcher = Watcher(db, ledger, JobLook(world), holder=holder, backoff=backoff)
        ledger.on_accepted, ledger.on_watched = dispatcher.wake, watcher.wake
        consumers = Consumers(Handlers(db, ledger, dispatcher), Histories(db, outbox))
        closing = Closing(db, _LANE_CAPACITY)
        for kind, topic in TASK_TOPICS.items():
            group, closed = executor_group(kind), partial(closing.closed, kind)
            consume(bus, instance, group, [topic], consumers.dispatched, db, kebab(kind), closed)
        consume(bus, instance, EXECUTOR_CANCEL, [CANCEL], consumers.canceled, db, "cancel")
        consume(bus, instance, EXECUTOR_HISTORY, [HISTORY], consumers.told_of_histories, db, "history")
        relay(bus, instance, outbox, db)
        _work(kernel, instance, dispatcher, watcher)
        breakers.start(kernel, instance, guard)
        kernel.spawn(instance, "lanes", partial(_look, closing))

    return start


def _look(closing: Closing) -> float:
    closing.look()
    return LOOK_SECONDS


def _work(kernel: Kernel, instance: Instance, dispatcher: Dispatcher, watcher: Watcher) -> None:
    """The loops of an executor, a turn at a time."""

    def renew() -> float:
        dispatcher.renewal.renew()
        return _LEASE_SECONDS * 0.3

    dispatcher._seating.open = True
    dispatcher._news = Wake(kernel.spawn(instance, "dispatch", dispatcher._round_or_wait))
    kernel.spawn(instance, "renew", renew)
    watcher._wake = Wake(kernel.spawn(instance, "watch", watcher._start_due))
    watcher._random = kernel.dice
