"""HoldService over gRPC: who may hold what, what is refused, and what a repeat is told."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from services.chassis.run import Chassis
from services.chassis.settings import Settings
from services.scheduler import __main__ as main
from services.scheduler import holding
from services.scheduler.transport import HOLD_SERVICE, HoldService
from tests.contract.scheduler.held import ROOT, Holds
from vahana.scheduler.v1 import hold_pb2 as pb
from vahana.scheduler.v1.hold_pb2_grpc import HoldServiceStub as Stub
from vahana.scheduler.v1.hold_pb2_grpc import add_HoldServiceServicer_to_server

Place, Lift, List = pb.PlaceHoldRequest, pb.LiftHoldRequest, pb.ListHoldsRequest
DENIED, MISSING = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"), (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.fixture
def served(serve: Any, holds: Holds) -> Any:
    """The use cases of a played world behind a real server. "admin" is an operator too, "other" is none."""

    def wire() -> Chassis:
        chassis = Chassis.start(Settings(service="scheduler"), None, "")
        chassis.rpc.add(add_HoldServiceServicer_to_server, HoldService(holds.holding), HOLD_SERVICE)
        return chassis

    return serve(wire)


def test_an_administrator_places_lists_and_lifts_holds(served: Any) -> None:
    stub = served.stub(Stub, "other")
    placed = stub.PlaceHold(Place(compute_resource="big", comment="maintenance")).hold
    assert (placed.WhichOneof("held"), placed.compute_resource) == ("compute_resource", "big")
    assert (placed.tenant, placed.comment) == ("other", "maintenance")
    assert placed.place_time.ToMicroseconds() > 0
    by_host = stub.PlaceHold(Place(address="Login.Example.ORG")).hold
    assert (by_host.address, by_host.placed_by) == ("login.example.org", placed.placed_by)
    whole = stub.PlaceHold(Place(whole_tenant=True)).hold
    assert whole.whole_tenant
    assert list(stub.ListHolds(List()).holds) == [placed, by_host, whole]
    stub.LiftHold(Lift(hold_id=by_host.hold_id))
    assert list(stub.ListHolds(List()).holds) == [placed, whole]


def test_a_repeat_returns_the_first_answer(served: Any, refused: Any) -> None:
    stub = served.stub(Stub, "other")
    first = stub.PlaceHold(Place(compute_resource="big", request_id="once"))
    assert stub.PlaceHold(Place(compute_resource="big", request_id="once")) == first
    assert len(stub.ListHolds(List()).holds) == 1
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        stub.PlaceHold(Place(compute_resource="small", request_id="once"))


def test_holds_are_listed_in_pages(served: Any, refused: Any) -> None:
    stub, listed, token, pages = served.stub(Stub, "other"), [], "", 0
    placed = [stub.PlaceHold(Place(compute_resource=f"c{number}")).hold for number in range(5)]
    while pages == 0 or token:
        page = stub.ListHolds(List(page_size=2, page_token=token))
        listed += page.holds
        token, pages = page.next_page_token, pages + 1
    assert (listed, pages) == (placed, 3)
    with refused(*INVALID) as told:
        stub.ListHolds(List(page_token="nonsense"))
    assert "page_token" in told.fields


def test_a_tenant_knows_nothing_of_the_holds_of_others(served: Any, refused: Any) -> None:
    of_default = served.stub(Stub, "admin").PlaceHold(Place(whole_tenant=True)).hold
    stub = served.stub(Stub, "other")
    assert not stub.ListHolds(List()).holds
    with refused(*MISSING):
        stub.LiftHold(Lift(hold_id=of_default.hold_id))
    with refused(*MISSING):
        stub.PlaceHold(Place(whole_tenant=True, tenant="default"))
    with refused(*DENIED):
        stub.PlaceHold(Place(address="login.example.org", all_tenants=True))


def test_an_operator_holds_what_any_tenant_runs_and_it_alone_lifts_that(served: Any, refused: Any) -> None:
    operator, stub = served.stub(Stub, "admin"), served.stub(Stub, "other")
    everywhere = operator.PlaceHold(Place(address="login.example.org", all_tenants=True)).hold
    imposed = operator.PlaceHold(Place(whole_tenant=True, tenant="other")).hold
    assert (everywhere.tenant, imposed.tenant, imposed.placed_by) == ("", "other", "admin")
    assert [each.placed_by for each in stub.ListHolds(List()).holds] == ["an operator", "an operator"]
    assert list(operator.ListHolds(List()).holds) == [everywhere, imposed]
    for each in (everywhere, imposed):
        with refused(*DENIED):
            stub.LiftHold(Lift(hold_id=each.hold_id))
        operator.LiftHold(Lift(hold_id=each.hold_id))
    of_other = stub.PlaceHold(Place(whole_tenant=True)).hold
    operator.LiftHold(Lift(hold_id=of_other.hold_id))
    assert not stub.ListHolds(List()).holds


def test_what_makes_no_sense_is_refused(served: Any, refused: Any) -> None:
    stub = served.stub(Stub, "admin")
    for request, field in (
        (Place(), "held"),
        (Place(whole_tenant=False), "whole_tenant"),
        (Place(compute_resource="No Name"), "compute_resource"),
        (Place(address="not a host"), "address"),
        (Place(whole_tenant=True, all_tenants=True), "all_tenants"),
        (Place(compute_resource="big", all_tenants=True), "all_tenants"),
        (Place(address="login.example.org", all_tenants=True, tenant="other"), "tenant"),
    ):
        with refused(*INVALID) as told:
            stub.PlaceHold(request)
        assert field in told.fields
    with refused(*INVALID):
        stub.LiftHold(Lift())
    with refused(*MISSING):
        stub.LiftHold(Lift(hold_id="hold-of-nobody"))


def test_there_may_be_so_many_holds_and_no_more(
    served: Any, holds: Holds, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST", 2)
    stub = served.stub(Stub, "other")
    holds.place(ROOT, address="login.example.org", all_tenants=True)
    placed = [stub.PlaceHold(Place(whole_tenant=True)).hold for _ in range(2)]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        stub.PlaceHold(Place(whole_tenant=True))
    stub.LiftHold(Lift(hold_id=placed[0].hold_id))
    stub.PlaceHold(Place(whole_tenant=True))


@pytest.mark.parametrize(
    ("who", "code", "reason"),
    [("", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"), ("user", *DENIED), ("executor", *DENIED)],
)
def test_others_are_refused(served: Any, refused: Any, who: str, code: grpc.StatusCode, reason: str) -> None:
    stub = served.stub(Stub, who)
    with refused(code, reason):
        stub.PlaceHold(Place(whole_tenant=True))
    with refused(code, reason):
        stub.LiftHold(Lift(hold_id="hold-1"))
    with refused(code, reason):
        stub.ListHolds(List())


def test_the_service_is_wired(serve: Any) -> None:
    assert not serve(main.wire).stub(Stub, "admin").ListHolds(List()).holds
