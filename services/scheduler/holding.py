"""Use cases of HoldService: people put compute resources, hosts and tenants on hold, and lift that again.

A hold is one row. Runs follow it batch by batch, by `Handlers.follow_holds`, or as soon as anything else moves them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.chassis.db import Database, Tx, after_commit
from services.chassis.errors import FieldViolation, InvalidFields, LimitExceeded, NotAllowed, NotFound
from services.chassis.ids import new_id
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.chassis.requests import Requests
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.scheduler import holds, wire
from services.scheduler.domain.holds import ALL_TENANTS, Hold, same_host
from vahana.scheduler.v1 import hold_pb2 as pb

MOST = 200
"""Holds over one tenant, or over all at once, at a time: every transaction that moves runs reads those over them."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What administrators do with the holds over their tenant, and operators with all. Whoever is in `holds_changed` is
    told of every hold placed or lifted: runs are to follow it.
    """

    db: Database
    requests: Requests
    holds_changed: list[Callable[[], None]] = field(default_factory=list)

    def place(self, request: pb.PlaceHoldRequest) -> pb.PlaceHoldResponse:
        """Puts something on hold."""
        require_role(ADMIN, OPERATOR)
        tenant = _tenant_of(request)
        with self.db.write() as tx:
            return self.requests.once(tx, request, pb.PlaceHoldResponse, lambda: self._place(tx, request, tenant))

    def lift(self, request: pb.LiftHoldRequest) -> pb.LiftHoldResponse:
        """Ends a hold."""
        require_role(ADMIN, OPERATOR)
        with self.db.write() as tx:
            hold = holds.find(tx, request.hold_id)
            if hold is None or not (_operates() or hold.over(caller().tenant)):
                raise NotFound("hold", request.hold_id)
            if hold.imposed and not _operates():
                raise NotAllowed(f"hold {hold.hold_id!r} was placed by an operator, and only operators may lift it")
            if not holds.remove(tx, hold.hold_id):
                raise NotFound("hold", request.hold_id)
            self._tell(tx)
        return pb.LiftHoldResponse()

    def list(self, request: pb.ListHoldsRequest) -> pb.ListHoldsResponse:
        """A page of the holds the caller may know of, the oldest first."""
        require_role(ADMIN, OPERATOR)
        limit, after = page_limit(request.page_size), _place(request.page_token)
        with self.db.read() as tx:
            found = holds.page(tx, None if _operates() else caller().tenant, after, limit + 1)
        token = ""
        if len(found) > limit:
            found = found[:limit]
            token = encode_token(found[-1].placed_us, found[-1].hold_id)
        return pb.ListHoldsResponse(holds=map(_told, found), next_page_token=token)

    def _place(self, tx: Tx, request: pb.PlaceHoldRequest, tenant: str) -> pb.PlaceHoldResponse:
        if holds.count(tx, tenant) >= MOST:
            whose = f"tenant {tenant!r}" if tenant else "all tenants"
            raise LimitExceeded(f"there are {MOST} holds over {whose} already, the most there may be: lift some first")
        hold = Hold(
            hold_id=new_id("hold"),
            tenant=tenant,
            compute_resource=request.compute_resource,
            address=same_host(request.address),
            comment=request.comment,
            placed_by=caller().subject,
            placer_tenant=caller().tenant,
            placed_us=self.db.now_us(tx),
        )
        holds.insert(tx, hold)
        self._tell(tx)
        kept = holds.count_kept(tx, hold)
        return pb.PlaceHoldResponse(hold=_told(hold), process_count=kept, effect=hold.effect(kept))

    def _tell(self, tx: Tx) -> None:
        for tell in self.holds_changed:
            after_commit(tx, tell)


def _operates() -> bool:
    return OPERATOR in caller().roles


def _tenant_of(request: pb.PlaceHoldRequest) -> str:
    """Whose work is to wait: by default that of the caller's tenant. NotFound for another one, but not to operators."""
    own = caller().tenant
    if request.tenant not in {"", own} and not _operates():
        raise NotFound("tenant", request.tenant)
    if not request.all_tenants:
        return request.tenant or own
    require_role(OPERATOR)
    if request.tenant:
        raise InvalidFields([FieldViolation("tenant", "is given beside all_tenants: give one of the two")])
    if not request.HasField("address"):
        way_out = "names of compute resources are each tenant's own: give the address of a host"
        raise InvalidFields([FieldViolation("all_tenants", f"holds nothing but a host. {way_out}")])
    return ALL_TENANTS


def _told(hold: Hold) -> pb.Hold:
    return wire.hold(hold, hold.placed_by if _operates() else hold.placed_by_for(caller().tenant))


def _place(page_token: str) -> tuple[int, str] | None:
    match decode_token(page_token):
        case ():
            return None
        case (placed, hold_id) if is_number(placed):
            return int(placed), hold_id
    raise foreign_token()
