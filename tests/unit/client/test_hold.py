"""vahana hold, against a fake gateway."""

import json

import pytest

from vahana.scheduler.v1 import hold_pb2 as pb
from vahana_client.cli.errors import ExitCode


@pytest.fixture
def holds(gateway):
    """A gateway that keeps holds."""
    kept: list[pb.Hold] = []

    def place(request):
        hold = pb.Hold(hold_id="hold-1", tenant="default", comment=request.comment, placed_by="ada")
        setattr(hold, request.WhichOneof("held"), getattr(request, request.WhichOneof("held")))
        kept.append(hold)
        return pb.PlaceHoldResponse(hold=hold, process_count=3)

    gateway.answers |= {
        "PlaceHold": place,
        "ListHolds": lambda _: pb.ListHoldsResponse(holds=kept),
        "LiftHold": lambda _: pb.LiftHoldResponse(),
    }
    return gateway


@pytest.mark.parametrize(
    ("options", "held", "words"),
    [
        (["--compute", "big"], {"compute_resource": "big"}, "compute resource big"),
        (["--host", "h.example.org"], {"address": "h.example.org"}, "host h.example.org"),
        (["--everything"], {"whole_tenant": True}, "everything"),
    ],
)
def test_a_hold_is_placed_and_listed(holds, vahana, options, held, words):
    result = vahana("hold", "place", *options, "-m", "maintenance")
    assert result.code == ExitCode.OK, result.err
    assert "hold-1" in result.out
    assert words in result.out
    (request,) = holds.called("PlaceHold")
    assert request.request_id
    request.ClearField("request_id")
    assert request == pb.PlaceHoldRequest(comment="maintenance", **held)
    listed = vahana("hold", "list").out
    assert words in listed
    assert "maintenance" in listed


def test_an_operator_names_tenants(holds, vahana):
    assert vahana("hold", "place", "--host", "h.example.org", "--all-tenants").code == ExitCode.OK
    assert vahana("hold", "place", "--everything", "--tenant", "other").code == ExitCode.OK
    first, second = holds.called("PlaceHold")
    assert (first.all_tenants, first.tenant, second.all_tenants, second.tenant) == (True, "", False, "other")


@pytest.mark.parametrize("options", [[], ["--compute", "big", "--everything"]])
def test_one_thing_is_put_on_hold_at_a_time(holds, vahana, options):
    result = vahana("hold", "place", *options)
    assert result.code == ExitCode.BAD_INPUT
    assert "one of --compute, --host and --everything" in result.err
    assert not holds.called("PlaceHold")


def test_a_hold_is_lifted(holds, vahana):
    assert vahana("hold", "lift", "hold-1").code == ExitCode.OK
    assert [each.hold_id for each in holds.called("LiftHold")] == ["hold-1"]


def test_nothing_is_on_hold(holds, vahana):
    assert "nothing is on hold" in vahana("hold", "list").out
    assert json.loads(vahana("hold", "list", "-o", "json").out) == []
