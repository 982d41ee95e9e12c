"""vahana hold, against a fake gateway."""

import json

import pytest

from vahana.profile.v1 import identity_pb2, tenant_pb2
from vahana.registry.v1 import compute_resource_pb2
from vahana.scheduler.v1 import hold_pb2 as pb
from vahana_client.cli.errors import ExitCode


@pytest.fixture
def holds(gateway):
    """A gateway that keeps holds, of the tenant "default" that has one compute resource, "big"."""
    kept: list[pb.Hold] = []

    def place(request):
        hold = pb.Hold(hold_id="hold-1", tenant="default", comment=request.comment, placed_by="ada")
        setattr(hold, request.WhichOneof("held"), getattr(request, request.WhichOneof("held")))
        kept.append(hold)
        return pb.PlaceHoldResponse(hold=hold, process_count=3, effect="keeps 3 processes now")

    def resources(request):
        # On the second page, which is to be looked at, too.
        if not request.page_token:
            return compute_resource_pb2.ListComputeResourcesResponse(next_page_token="2")
        big = compute_resource_pb2.ComputeResource(name="big", address="h.example.org")
        return compute_resource_pb2.ListComputeResourcesResponse(compute_resources=[big])

    caller = identity_pb2.Caller(subject="ada", tenant="default")
    gateway.answers |= {
        "ListComputeResources": resources,
        "GetTenant": lambda _: tenant_pb2.GetTenantResponse(),
        "GetCaller": lambda _: identity_pb2.GetCallerResponse(caller=caller),
        "PlaceHold": place,
        "ListHolds": lambda _: pb.ListHoldsResponse(holds=kept),
        "LiftHold": lambda _: pb.LiftHoldResponse(),
    }
    return gateway


@pytest.mark.parametrize(
    ("options", "held", "words"),
    [
        (["--compute", "big"], {"compute_resource": "big"}, "compute resource big"),
        (["--host", "H.example.org."], {"address": "H.example.org."}, "host H.example.org."),
        (["--everything"], {"whole_tenant": True}, "everything"),
    ],
)
def test_a_hold_is_placed_and_listed(holds, vahana, options, held, words):
    result = vahana("hold", "place", *options, "-m", "maintenance")
    assert result.code == ExitCode.OK, result.err
    assert "hold-1" in result.out
    assert words in result.out
    assert "keeps 3 processes now" in result.out
    (request,) = holds.called("PlaceHold")
    assert request.request_id
    request.ClearField("request_id")
    assert request == pb.PlaceHoldRequest(comment="maintenance", **held)
    listed = vahana("hold", "list").out
    assert words in listed
    assert "maintenance" in listed


def test_an_operator_names_tenants(holds, vahana):
    assert vahana("hold", "place", "--host", "of.others.org", "--all-tenants").code == ExitCode.OK
    assert vahana("hold", "place", "--compute", "theirs", "--tenant", "other").code == ExitCode.OK
    first, second = holds.called("PlaceHold")
    assert (first.all_tenants, first.tenant, second.all_tenants, second.tenant) == (True, "", False, "other")
    assert [each.name for each in holds.called("GetTenant")] == ["other"]
    # What other tenants have is not told.
    assert not holds.called("ListComputeResources")


@pytest.mark.parametrize("tenant", [[], ["--tenant", "default"]])
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--compute", "bgi"], "--compute: there is no compute resource 'bgi'"),
        (["--host", "h.exmaple.org"], "--host: no compute resource is at 'h.exmaple.org'"),
    ],
)
def test_a_misspelt_name_is_refused_before_anything_is_held(holds, vahana, options, fault, tenant):
    result = vahana("hold", "place", *options, *tenant)
    assert result.code == ExitCode.BAD_INPUT
    assert fault in result.err
    assert "`vahana compute list` shows all" in result.err
    assert not holds.called("PlaceHold")


def test_a_misspelt_tenant_is_refused_before_anything_is_held(holds, vahana, refuse):
    holds.answers["GetTenant"] = refuse("NOT_FOUND", "no tenant 'ohter'", "NOT_FOUND")
    result = vahana("hold", "place", "--everything", "--tenant", "ohter")
    assert result.code == ExitCode.BAD_INPUT
    assert "no tenant 'ohter'" in result.err
    assert not holds.called("PlaceHold")


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
