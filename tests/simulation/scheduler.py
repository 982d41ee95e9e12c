"""A scheduler, put together as its __main__ does."""

from collections.abc import Callable, Sequence

from services.chassis.bus.topics import SCHEDULER
from services.chassis.errors import Unavailable
from services.chassis.inbox import Inbox
from services.chassis.leases import Leases
from services.chassis.outbox import Outbox
from services.scheduler.consumers import TOPICS, Consumers
from services.scheduler.domain.model import Launch
from services.scheduler.handlers import Handlers
from services.scheduler.hosts import slow_hosts
from services.scheduler.leases import Shards
from services.scheduler.plans import Plan
from services.scheduler.runs import Rules
from services.scheduler.schema import metadata
from tests.simulation.bus import SimulatedBus
from tests.simulation.database import SimulatedDatabase
from tests.simulation.kernel import SECOND, Instance, Kernel
from tests.simulation.parts import consume, relay

_RESEND_AFTER_US = 10 * SECOND
_SLOW_HOSTS = frozenset({"beta:22"})
"""Now and then, beside those whose health was told."""


class Plans:
    """The experiment service, as far as plans go; it does not always answer."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.stored: dict[str, Plan] = {}

    def fetch(self, launches: Sequence[Launch]) -> list[Plan]:
        """See scheduler.handlers.Plans."""
        if launches and self._kernel.boundary("fetch plans", "experiment away"):
            raise Unavailable("experiment does not answer")
        return [self.stored[launch.process_id] for launch in launches]


def starter(bus: SimulatedBus, db: SimulatedDatabase, plans: Plans) -> Callable[[Instance], None]:
    """What starts a scheduler, and starts it anew."""

    def start(instance: Instance) -> None:
        kernel, outbox = bus.kernel, Outbox(metadata)
        rules = Rules(
            _RESEND_AFTER_US,
            kernel.dice.random,
            lambda tx: slow_hosts(tx) | (_SLOW_HOSTS if kernel.dice.random() < 0.5 else frozenset()),
        )
        shards = Shards(Leases(metadata), alone=False)
        handlers = Handlers(db, outbox, Inbox(metadata), shards, plans, rules)
        handlers.attempts_planned.append(kernel.spawn(instance, "attempts", handlers.open_due_attempts).wake)
        kernel.spawn(instance, "sweeper", handlers.send_unanswered_again)
        kernel.spawn(instance, "holds", handlers.follow_holds)
        consume(bus, instance, SCHEDULER, TOPICS, Consumers(handlers).handle, db, "process")
        relay(bus, instance, outbox, db)

    return start
