"""Who maintains hosts: puts them on hold for a while, and what a tenant runs as well."""

from collections.abc import Callable, Sequence

from services.chassis.errors import NotFound
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, Identity, acting_as
from services.scheduler.holding import Holding
from services.scheduler.schema import metadata
from tests.simulation.database import SimulatedDatabase
from tests.simulation.experiment import TENANT
from tests.simulation.host import Host
from tests.simulation.kernel import Instance, Kernel
from vahana.scheduler.v1 import hold_pb2 as pb

_WHO = Identity("admin", TENANT, frozenset({ADMIN}))
_MOST = 3


class Maintenance:
    """What is wanted is asked for until it is answered."""

    def __init__(self, kernel: Kernel, db: SimulatedDatabase) -> None:
        self._kernel, self._holding = kernel, Holding(db, Requests(metadata))
        self._instance = Instance("maintenance", lambda _: None, outside=True)

    def plan(self, hosts: Sequence[Host]) -> None:
        """Have a few holds placed, and each lifted a while later."""
        dice = self._kernel.dice
        for number in range(dice.randint(0, _MOST)):
            wanted = pb.PlaceHoldRequest(request_id=f"hold-{number}")
            match dice.choice(("compute resource", "address", "tenant")):
                case "compute resource":
                    wanted.compute_resource = dice.choice(hosts).name
                case "address":
                    wanted.address = dice.choice(hosts).name
                case _:
                    wanted.whole_tenant = True
            self._at(dice.random() * 30, "place", self._placing(wanted, dice.random() * 20))

    def lift_all(self) -> None:
        """End all holds there are."""
        with acting_as(_WHO):
            for hold in self._holding.list(pb.ListHoldsRequest()).holds:
                self._lift(hold.hold_id)

    def _placing(self, wanted: pb.PlaceHoldRequest, seconds: float) -> Callable[[], None]:
        def place() -> None:
            with acting_as(_WHO):
                placed = self._holding.place(wanted).hold
            self._kernel.note(f"hold {placed.WhichOneof('held')} {wanted.request_id}")
            self._at(seconds, "lift", lambda: self._lift(placed.hold_id))

        return place

    def _lift(self, hold_id: str) -> None:
        try:
            with acting_as(_WHO):
                self._holding.lift(pb.LiftHoldRequest(hold_id=hold_id))
        except NotFound:
            # Lifted the time before, which was not answered.
            pass
        self._kernel.note("lift a hold")

    def _at(self, after: float, name: str, act: Callable[[], None]) -> None:
        self._kernel.spawn(self._instance, name, act, after)
