"""The mesh always has an operator who can log in."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.profile.__main__ import wire
from tests.contract.profile.conftest import _Calling
from tests.contract.tokens import minted
from vahana.profile.v1.identity_pb2 import ROLE_ADMIN, ROLE_OPERATOR
from vahana.profile.v1.tenant_pb2 import CreateTenantRequest, UpdateTenantRequest
from vahana.profile.v1.tenant_pb2_grpc import TenantServiceStub
from vahana.profile.v1.user_pb2 import CreateUserRequest, UpdateUserRequest
from vahana.profile.v1.user_pb2_grpc import UserServiceStub

LAST = (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
BOTH = [ROLE_ADMIN, ROLE_OPERATOR]
LEAVING = [{"roles": [ROLE_ADMIN]}, {"disabled": True}]


def update(stub, name, **fields):
    return stub.UpdateUser(UpdateUserRequest(name=name, update_mask={"paths": list(fields)}, **fields)).user


def disable(stub, name, disabled=True):
    request = UpdateTenantRequest(name=name, disabled=disabled, update_mask={"paths": ["disabled"]})
    return stub.UpdateTenant(request).tenant


@pytest.fixture
def olga(calling, other_tenant):
    """Users of the tenant other, as an operator of it sees them."""
    return calling(UserServiceStub, "olga", "other", ["admin", "operator"])


@pytest.mark.parametrize("leaving", LEAVING, ids=["demoted", "disabled"])
def test_the_last_operator_stays(users, user, refused, leaving):
    user("amy", roles=[ROLE_ADMIN])
    with refused(*LAST) as told:
        update(users("admin"), "admin", **leaving)
    assert "only operator of the mesh" in told.message
    user("opal", roles=[ROLE_OPERATOR], who="admin")
    update(users("admin"), "opal", disabled=True)
    with refused(*LAST):
        update(users("admin"), "admin", **leaving)
    update(users("admin"), "opal", disabled=False)
    assert update(users("admin"), "admin", **leaving).name == "admin"


def test_an_operator_of_another_tenant_is_one(users, user, olga, tenants, refused):
    user("amy", roles=[ROLE_ADMIN])
    olga.CreateUser(CreateUserRequest(name="olga", roles=BOTH))
    disable(tenants("admin"), "other")
    with refused(*LAST):
        update(users("admin"), "admin", disabled=True)
    disable(tenants("admin"), "other", disabled=False)
    assert update(users("admin"), "admin", disabled=True).disabled


def test_the_tenant_of_the_last_operator_stays(tenants, olga, refused):
    with refused(*LAST) as told:
        disable(tenants("admin"), "default")
    assert "tenant 'default'" in told.message
    assert disable(tenants("admin"), "other").disabled
    disable(tenants("admin"), "other", disabled=False)
    olga.CreateUser(CreateUserRequest(name="olga", roles=BOTH))
    assert disable(tenants("admin"), "default").disabled
    with refused(*LAST):
        disable(tenants("admin"), "other")


def test_operators_of_two_tenants_cannot_leave_at_once(serve, database_url):
    """Each is the other's only one: on PostgreSQL a lock that both take keeps the second from going."""
    profile = serve(wire, database_url=database_url)
    admin = profile.stub(UserServiceStub, "admin")
    profile.stub(TenantServiceStub, "admin").CreateTenant(CreateTenantRequest(name="other"))
    token = minted("olga", "other", ["admin", "operator"])
    olga = _Calling(profile.stub(UserServiceStub), token)
    admin.CreateUser(CreateUserRequest(name="amy", roles=[ROLE_ADMIN]))
    olga.CreateUser(CreateUserRequest(name="olga", roles=BOTH))
    olga.CreateUser(CreateUserRequest(name="oscar", roles=[ROLE_ADMIN]))

    def outcome(of):
        stub, name = of
        try:
            update(stub, name, disabled=True)
        except grpc.RpcError as error:
            return error.code()
        return None

    both = [(admin, "admin"), (olga, "olga")]
    for _ in range(10):
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(outcome, both))
        assert sorted(outcomes, key=str) == [None, LAST[0]]
        for stub, name in both:
            update(stub, name, disabled=False)
