"""TenantService over gRPC."""

import grpc
import pytest

from vahana.profile.v1.tenant_pb2 import CreateTenantRequest, GetTenantRequest, ListTenantsRequest

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def create(stub, name, request_id="", display_name=""):
    request = CreateTenantRequest(name=name, display_name=display_name, request_id=request_id)
    return stub.CreateTenant(request).tenant


def test_the_first_tenant_is_there(tenants):
    assert tenants("user").GetTenant(GetTenantRequest()).tenant.name == "default"
    assert [one.name for one in tenants("user").ListTenants(ListTenantsRequest()).tenants] == ["default"]


def test_a_tenant_is_stored_as_sent(tenants):
    stored = create(tenants("admin"), "other", display_name="The Other")
    assert (stored.name, stored.display_name) == ("other", "The Other")
    assert stored.create_time.seconds > 0
    assert tenants("other").GetTenant(GetTenantRequest()).tenant == stored
    assert tenants("admin").GetTenant(GetTenantRequest(name="other")).tenant == stored


@pytest.mark.parametrize("who", ["user", "other", "executor"])
def test_only_an_operator_creates(tenants, refused, who):
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        create(tenants(who), "another")


def test_others_are_not_seen_but_by_an_operator(tenants, other_tenant, refused):
    with refused(*NOT_FOUND):
        tenants("other").GetTenant(GetTenantRequest(name="default"))
    assert [one.name for one in tenants("other").ListTenants(ListTenantsRequest()).tenants] == ["other"]
    everybody = tenants("admin").ListTenants(ListTenantsRequest()).tenants
    assert [one.name for one in everybody] == ["default", "other"]


def test_an_unknown_tenant_is_not_found(tenants, refused):
    with refused(*NOT_FOUND):
        tenants("admin").GetTenant(GetTenantRequest(name="nowhere"))
    with refused(*NOT_FOUND):
        tenants("other").GetTenant(GetTenantRequest())
    assert not tenants("other").ListTenants(ListTenantsRequest()).tenants


def test_a_taken_name_is_refused(tenants, refused):
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(tenants("admin"), "default")


def test_a_malformed_request_is_refused(tenants, refused):
    with refused(*INVALID) as told:
        create(tenants("admin"), "Upper Case", display_name="x" * 201)
    assert set(told.fields) == {"name", "display_name"}


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(tenants, refused):
    first = create(tenants("admin"), "other", "r-1")
    assert create(tenants("admin"), "other", "r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(tenants("admin"), "another", "r-1")


def test_a_list_is_paged_by_name(tenants, refused):
    for name in ("c", "a", "b"):
        create(tenants("admin"), name)
    first = tenants("admin").ListTenants(ListTenantsRequest(page_size=3))
    last = tenants("admin").ListTenants(ListTenantsRequest(page_size=3, page_token=first.next_page_token))
    assert [one.name for page in (first, last) for one in page.tenants] == ["a", "b", "c", "default"]
    assert last.next_page_token == ""
    with refused(*INVALID) as told:
        tenants("admin").ListTenants(ListTenantsRequest(page_token="WyJhIiwiYiJd"))
    assert set(told.fields) == {"page_token"}


def test_nobody_is_refused(tenants, refused):
    stub = tenants("")
    for call in (
        lambda: create(stub, "another"),
        lambda: stub.GetTenant(GetTenantRequest()),
        lambda: stub.ListTenants(ListTenantsRequest()),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
