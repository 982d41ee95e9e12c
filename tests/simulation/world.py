"""One seed's world: a mesh of two schedulers, two executors, a sink and an experiment service, and all that goes wrong.

While faults are left, processes are launched, and everything may fail; then the faults end, and the world must settle.
"""

from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from services.chassis.bus.topics import EVENTSINK, STATUS
from services.chassis.outbox import FORGOTTEN_US, Outbox
from services.executor.schema import metadata as executor_metadata
from services.experiment.schema import metadata as experiment_metadata
from services.scheduler.schema import metadata as scheduler_metadata
from tests.checker.check import violations
from tests.simulation import breakers, executor, experiment, scheduler
from tests.simulation.bus import SimulatedBus
from tests.simulation.database import SimulatedDatabase
from tests.simulation.holds import Maintenance
from tests.simulation.host import Host
from tests.simulation.kernel import SECOND, Instance, Kernel, RestlessError
from tests.simulation.records import records
from tests.simulation.seams import seams
from tests.simulation.users import Users

PROCESSES = 5
LEAST_FAULTS, MOST_FAULTS = 10, 20
_LONGEST_US = 3600 * SECOND
"""What has not ended an hour after the last fault never will."""
_SETTLED_US = 300 * SECOND
"""What has not ended by then was kept waiting for a budget's end or a timer, where a word was due."""
_PROCESS = experiment_metadata.tables["process"]
_STORED = sa.select(sa.func.count()).select_from(_PROCESS)
_UNSETTLED = _STORED.where(_PROCESS.c.settled_us.is_(None))


@dataclass
class Databases:
    """One of each service; made once, since making the tables takes longer than most seeds."""

    scheduler: SimulatedDatabase
    executor: SimulatedDatabase
    experiment: SimulatedDatabase

    def all(self) -> list[SimulatedDatabase]:
        """Return them."""
        return [self.scheduler, self.executor, self.experiment]


@cache
def databases() -> Databases:
    """The databases of this process."""
    return Databases(
        SimulatedDatabase("scheduler", scheduler_metadata),
        SimulatedDatabase("executor", executor_metadata),
        SimulatedDatabase("experiment", experiment_metadata),
    )


class World:
    """Everything a seed decides."""

    def __init__(self, seed: int) -> None:
        self.kernel = kernel = Kernel(seed, LEAST_FAULTS)
        kernel.faults_left = kernel.dice.randint(LEAST_FAULTS, MOST_FAULTS)
        self.databases = databases()
        for each in self.databases.all():
            each.begin(kernel)
        self.bus = SimulatedBus(kernel)
        self.hosts = [Host(kernel, "alpha"), Host(kernel, "beta")]
        self.plans = scheduler.Plans(kernel)
        outbox = Outbox(experiment_metadata)
        self.users = Users(kernel, self.databases.experiment, outbox, self.plans)
        self.maintenance = Maintenance(kernel, self.databases.scheduler)
        db = self.databases
        self.instances = [
            Instance("scheduler-1", scheduler.starter(self.bus, db.scheduler, self.plans)),
            Instance("scheduler-2", scheduler.starter(self.bus, db.scheduler, self.plans)),
            Instance("executor-1", executor.starter(self.bus, db.executor, self.hosts)),
            Instance("executor-2", executor.starter(self.bus, db.executor, self.hosts)),
            Instance("experiment", experiment.experiment_starter(self.bus, db.experiment, outbox)),
            Instance(EVENTSINK, experiment.sink_starter(self.bus, db.experiment, outbox)),
        ]

    def run(self) -> list[str]:
        """Live through it; returns what was wrong in the end."""
        complaints: list[str] = []
        with seams(self.kernel, complaints):
            experiment.add_project(self.databases.experiment)
            for instance in self.instances:
                self.kernel.start(instance)
            for number in range(PROCESSES):
                self.users.launch(self.hosts, number * self.kernel.dice.random() * 5)
            self.maintenance.plan(self.hosts)
            try:
                self._fail()
                complaints += self._settle()
            except RestlessError:
                complaints.append("it never comes to rest")
            found = violations(records(self.databases, self.hosts, self.plans))
            found += breakers.faults(self.databases.executor, self.databases.scheduler, self.hosts)
        return found + self._told_twice() + self._unheard() + self._kept() + complaints

    def _fail(self) -> None:
        """Go on until all faults have happened; where processes end before, more are launched."""
        while self.kernel.faults_left:
            self.kernel.run(lambda: self.kernel.faults_left == 0, self.kernel.now_us + 60 * SECOND)
            if self.kernel.faults_left and not self._under_way():
                self.users.launch(self.hosts, 0.0)

    def _settle(self) -> list[str]:
        """Go on without faults until nothing is left to do; return what is wrong with how long it took."""
        self.kernel.note("NO MORE FAULTS")
        self.bus.held.clear()
        begun, took_us, visited = self.kernel.now_us, 0, set[str]()
        while self.kernel.now_us < begun + _LONGEST_US:
            if self._under_way() or self._visits(visited):
                took_us = self.kernel.now_us - begun
            elif self._quiet():
                break
            self.kernel.run(lambda: False, self.kernel.now_us + 5 * SECOND)
            self.users.resume_paused()
            self.maintenance.lift_all()
        return [f"it took {took_us // SECOND} s to settle"] if took_us > _SETTLED_US else []

    def _visits(self, visited: set[str]) -> bool:
        """Have a process come to hosts that are barred still, and are not probed before somebody waits for them; tell
        whether there are such hosts.
        """
        barred = breakers.barred(self.databases.executor, self.hosts)
        for host in barred:
            if host.name not in visited:
                visited.add(host.name)
                self.users.launch([host], 0.0)
        return bool(barred)

    def _under_way(self) -> int:
        """How many processes have not ended for their users, or not been proven to have."""
        db = self.databases.experiment
        return self._count(db, _UNSETTLED) + len(self.users.launched) - self._count(db, _STORED)

    def _quiet(self) -> bool:
        """Whether all that was to be sent was sent, and all that was sent was taken."""
        for db in self.databases.all():
            outbox = db.metadata.tables["outbox"]
            if self._count(db, sa.select(sa.func.count()).where(outbox.c.sent_us.is_(None))):
                return False
        return self.bus.idle()

    def _told_twice(self) -> list[str]:
        """Events written more than once: whoever wrote the second one had no right to, and it need not be the same."""
        found = []
        for db in (self.databases.scheduler, self.databases.executor):
            written = sa.table("written", sa.column("topic"), sa.column("message_id")).c
            query = sa.select(written.message_id).where(written.topic == STATUS.name).group_by(written.message_id)
            with db.read() as tx:
                twice = tx.execute(query.having(sa.func.count() > 1)).scalars()
                found += [f"the {db.name} wrote {message_id} more than once" for message_id in twice]
        return found

    def _unheard(self) -> list[str]:
        """Messages that were set aside, which none of these should be."""
        found = []
        for db in self.databases.all():
            parked = db.metadata.tables["parked"]
            with db.read() as tx:
                found += [f"{db.name} parked a message: {row.reason}" for row in tx.execute(sa.select(parked))]
        return found

    def _kept(self) -> list[str]:
        """What is still kept of settled processes, to be sent again."""
        query = sa.select(_PROCESS.c.process_id).where(_PROCESS.c.settled_us.is_not(None))
        with self.databases.experiment.read() as tx:
            settled = tx.execute(query).scalars().all()
        found = []
        for db in (self.databases.scheduler, self.databases.executor):
            outbox = db.metadata.tables["outbox"].c
            kept = sa.select(outbox.key).where(outbox.key.in_(settled), outbox.sent_us != FORGOTTEN_US).distinct()
            with db.read() as tx:
                found += [f"the {db.name} still keeps messages of {key}" for key in tx.execute(kept).scalars()]
        return found

    @staticmethod
    def _count(db: SimulatedDatabase, query: sa.Select[tuple[int]]) -> int:
        with db.read() as tx:
            return tx.execute(query).scalar_one()
