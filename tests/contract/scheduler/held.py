"""What tests of holds share: who places and lifts them, and a sweep until nothing is left to follow."""

from __future__ import annotations

from typing import Any

from services.chassis.requests import Requests
from services.chassis.rpc.auth import Identity, acting_as
from services.scheduler.handlers import IDLE
from services.scheduler.holding import Holding
from services.scheduler.schema import metadata
from vahana.scheduler.v1 import hold_pb2 as pb

ADA = Identity("ada", "default", frozenset({"admin"}))
EVE = Identity("eve", "other", frozenset({"admin"}))
ROOT = Identity("root", "mesh", frozenset({"operator"}))


class Holds:
    """Places and lifts holds, and has runs follow them."""

    def __init__(self, world: Any) -> None:
        self.world, self.told = world, 0
        self.holding = Holding(world.db, Requests(metadata), [self._told])

    def _told(self) -> None:
        self.told += 1

    def place(self, who: Identity = ADA, **request: Any) -> pb.PlaceHoldResponse:
        """Places a hold, over the compute resource "local" unless the request says what, and has runs follow it."""
        if not {"compute_resource", "address", "whole_tenant"} & request.keys():
            request["compute_resource"] = "local"
        with acting_as(who):
            answer = self.holding.place(pb.PlaceHoldRequest(**request))
        self.follow()
        return answer

    def lift(self, placed: pb.PlaceHoldResponse, who: Identity = ADA) -> None:
        """Lifts a hold, and has runs follow that."""
        self.lift_only(placed, who)
        self.follow()

    def lift_only(self, placed: pb.PlaceHoldResponse, who: Identity = ADA) -> None:
        """Lifts a hold; nobody follows that yet."""
        with acting_as(who):
            self.holding.lift(pb.LiftHoldRequest(hold_id=placed.hold.hold_id))

    def list(self, who: Identity = ADA, **request: Any) -> pb.ListHoldsResponse:
        with acting_as(who):
            return self.holding.list(pb.ListHoldsRequest(**request))

    def follow(self) -> None:
        """What the timer does, until nothing is left."""
        while self.world.handlers.follow_holds() != IDLE:
            pass
        self.world.settle()
