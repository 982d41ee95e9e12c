"""TenantService over gRPC."""

import grpc
import pytest

from vahana.profile.v1 import identity_pb2
from vahana.profile.v1.tenant_pb2 import CreateTenantRequest, GetTenantRequest, ListTenantsRequest, UpdateTenantRequest
from vahana.profile.v1.tenant_pb2_grpc import TenantServiceStub
from vahana.profile.v1.user_pb2 import GetUserRequest, ListUsersRequest

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def update(stub, *paths, **fields):
    return stub.UpdateTenant(UpdateTenantRequest(update_mask={"paths": paths}, **fields)).tenant


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


def test_a_tenant_comes_with_its_administrator(tenants, users):
    tenants("admin").CreateTenant(CreateTenantRequest(name="other", administrator="olga"))
    (olga,) = users("other").ListUsers(ListUsersRequest()).users
    assert (olga.name, olga.roles, olga.disabled) == ("olga", [identity_pb2.ROLE_ADMIN], False)
    assert users("other").GetUser(GetUserRequest()).user == olga


def test_a_malformed_administrator_is_refused(tenants, refused):
    with refused(*INVALID) as told:
        tenants("admin").CreateTenant(CreateTenantRequest(name="other", administrator="two words"))
    assert set(told.fields) == {"administrator"}


def test_what_the_mask_names_is_changed_and_nothing_else(tenants):
    first = tenants("admin").GetTenant(GetTenantRequest()).tenant
    assert (first.revision, first.disabled) == (1, False)
    changed = update(tenants("admin"), "display_name", display_name="Ours", disabled=True)
    assert (changed.display_name, changed.disabled, changed.revision) == ("Ours", False, 2)
    assert tenants("admin").GetTenant(GetTenantRequest()).tenant == changed
    emptied = update(tenants("admin"), "display_name", "disabled", name="default")
    assert (emptied.display_name, emptied.revision) == ("", 3)


def test_an_operator_disables_a_tenant_and_enables_it(tenants, other_tenant):
    assert update(tenants("admin"), "disabled", name="other", disabled=True).disabled
    assert not update(tenants("admin"), "disabled", name="other").disabled


def test_who_may_change_what(tenants, other_tenant, calling, refused):
    with refused(*DENIED) as told:
        update(tenants("user"), "display_name", display_name="x")
    assert "'admin'" in told.message
    assert update(tenants("other"), "display_name", display_name="Olga's").display_name == "Olga's"
    for paths in (["disabled"], ["display_name", "disabled"]):
        with refused(*DENIED) as told:
            update(tenants("other"), *paths)
        assert "'operator'" in told.message
    operator = calling(TenantServiceStub, "opal", "default", ["operator"])
    assert update(operator, "display_name", name="other", display_name="x").revision == 3


@pytest.mark.parametrize("who", ["user", "other", "executor"])
def test_another_tenant_cannot_be_changed(tenants, who, refused):
    create(tenants("admin"), "foreign")
    for name in ("foreign", "nowhere"):
        with refused(*NOT_FOUND):
            update(tenants(who), "display_name", name=name)
    with refused(*NOT_FOUND):
        update(tenants("admin"), "display_name", name="nowhere")


def test_a_stale_revision_is_refused(tenants, refused):
    update(tenants("admin"), "display_name", display_name="x", revision=1)
    with refused(grpc.StatusCode.ABORTED, "STALE_REVISION"):
        update(tenants("admin"), "display_name", display_name="y", revision=1)
    assert tenants("admin").GetTenant(GetTenantRequest()).tenant.display_name == "x"


@pytest.mark.parametrize("paths", [[], ["name"], ["revision"], ["display_name", "create_time"], ["nothing"]])
def test_a_mask_of_what_cannot_be_changed_is_refused(tenants, refused, paths):
    with refused(*INVALID) as told:
        update(tenants("admin"), *paths)
    assert set(told.fields) == {"update_mask"}


def test_nobody_is_refused(tenants, refused):
    stub = tenants("")
    for call in (
        lambda: create(stub, "another"),
        lambda: stub.GetTenant(GetTenantRequest()),
        lambda: stub.ListTenants(ListTenantsRequest()),
        lambda: update(stub, "display_name"),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
