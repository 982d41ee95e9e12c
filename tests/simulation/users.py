"""People: they launch processes, and pause, resume and cancel some of them."""

from collections.abc import Callable
from types import SimpleNamespace

import sqlalchemy as sa

from services.chassis.errors import NotFound, WrongState
from services.chassis.outbox import Outbox
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.transitions import ProcessIntent
from services.experiment.handlers.access import Access
from services.experiment.handlers.intents import Intents
from services.experiment.schema import process
from services.scheduler.plans import Plan
from tests.simulation.database import SimulatedDatabase
from tests.simulation.experiment import TENANT, USER, launch
from tests.simulation.host import Host
from tests.simulation.kernel import Instance, Kernel
from tests.simulation.plans import Planner
from tests.simulation.scheduler import Plans
from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb

_WHO = Identity(USER, TENANT, frozenset())


class Users:
    """What they want is asked for until it is answered."""

    def __init__(self, kernel: Kernel, db: SimulatedDatabase, outbox: Outbox, plans: Plans) -> None:
        self._kernel, self._db, self._outbox, self._plans = kernel, db, outbox, plans
        alone = Access(None, SimpleNamespace(learn=lambda _who: False))
        self._intents = Intents(db, alone, outbox=outbox, wakeups=Wakeups())
        self._instance = Instance("users", lambda _: None, outside=True)
        self.launched: list[str] = []

    def launch(self, hosts: list[Host], after: float) -> None:
        """Have a process launched, and changed one's mind about, in so many seconds."""
        dice = self._kernel.dice
        process_id = f"proc-{len(self.launched) + 1}"
        self.launched.append(process_id)
        host = dice.choice(hosts)
        target = task_pb2.Target(compute_resource=host.name, address=host.name, login="ada", scratch="/scratch")
        plan = Planner(dice).plan()
        self._plans.stored[process_id] = Plan(target, plan)
        self._at(after, f"launch {process_id}", lambda: launch(self._db, self._outbox, process_id, target, plan))
        if dice.random() < 0.5:
            begin = after + dice.random() * 20
            for number in range(dice.randint(1, 3)):
                self._at(begin + number * dice.random() * 10, "intent", self._any_intent(process_id))

    def resume_paused(self) -> None:
        """Have all processes go on that wait for that."""
        with self._db.read() as tx:
            paused = tx.execute(sa.select(process.c.process_id).where(process.c.intent == ProcessIntent.PAUSE))
            found = list(paused.scalars())
        for process_id in found:
            self._ask(process_id, "resume")

    def _any_intent(self, process_id: str) -> Callable[[], None]:
        wanted = self._kernel.dice.choice(("pause", "resume", "cancel"))
        return lambda: self._ask(process_id, wanted)

    def _ask(self, process_id: str, wanted: str) -> None:
        experiment_id = process_id.replace("proc", "exp")
        try:
            match wanted:
                case "pause":
                    self._intents.pause(_WHO, pb.PauseExperimentRequest(experiment_id=experiment_id))
                case "resume":
                    self._intents.resume(_WHO, pb.ResumeExperimentRequest(experiment_id=experiment_id))
                case "cancel":
                    self._intents.cancel(_WHO, pb.CancelExperimentRequest(experiment_id=experiment_id))
        except (NotFound, WrongState) as refusal:
            self._kernel.note(f"{wanted} {process_id}: {refusal.message}")
        else:
            self._kernel.note(f"{wanted} {process_id}")

    def _at(self, after: float, name: str, act: Callable[[], None]) -> None:
        self._kernel.spawn(self._instance, name, act, after)
